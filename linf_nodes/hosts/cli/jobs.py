"""Which files are read and which are written, all settled before anything is computed."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...errors import BadValue
from ...pictures import Picture, find_pictures, read_picture
from .talk import say


@dataclass(frozen=True)
class Job:
    """One picture to read and the files to make of it."""

    source: Path
    targets: tuple[Path, ...]


@dataclass(frozen=True)
class Jobs:
    """What a command line names; `folder` is where results go, if that is a folder."""

    every: tuple[Job, ...]
    folder: Path | None

    @classmethod
    def plan(cls, paths: Sequence[str], endings: Sequence[str] = ("",), suffix: str = "") -> "Jobs":
        """Jobs of `IN... OUT`.

        OUT is a folder when it is one, ends with a slash, or there are several pictures; a result then has its
        picture's name. `endings` are put before the extension, one for each result; `suffix`, where it is given, takes
        the place of the extensions in a folder.

        Raises
        ------
        BadValue
            When OUT is missing or unwritable, or a result would replace an input or another result.
        """
        if len(paths) < 2:
            raise BadValue(
                f"there is no OUT: give IN... OUT, the pictures and then the file or folder to write{_got(paths)}."
            )
        *given, out = paths
        sources = find_pictures(given)
        several = len(sources) > 1 or any(Path(p).is_dir() for p in given)
        folder = Path(out) if several or out.endswith(("/", os.sep)) or Path(out).is_dir() else None
        jobs = []
        for source in sources:
            name = Path(out) if folder is None else folder / (source.stem + (suffix or source.suffix))
            jobs.append(Job(source, tuple(name.with_name(f"{name.stem}{e}{name.suffix}") for e in endings)))
        _check_targets(jobs)
        _check_place(folder, Path(out))
        return cls(tuple(jobs), folder)

    def inspect(self, check: Callable[[Picture, Job], None]) -> dict[Path, Picture]:
        """Read and check every picture; a single one is handed back, many would not fit into memory."""
        held = {}
        for job in self.every:
            picture = read_picture(job.source)
            if picture.pages > 1:
                say(f"note: '{job.source}' has {picture.pages} pages; only the first is used")
            check(picture, job)
            if len(self.every) == 1:
                held[job.source] = picture
        return held

    @contextmanager
    def place(self) -> Iterator[list[Path]]:
        """Have the folder while results are made, and take down which are finished.

        A folder that was made here and stayed empty goes away again.
        """
        finished: list[Path] = []
        missing = self.folder is not None and not self.folder.exists()
        try:
            if self.folder is not None and missing:
                try:
                    self.folder.mkdir()
                except OSError as error:
                    raise BadValue(f"cannot make the folder '{self.folder}': {error.strerror}.") from error
            yield finished
        except BaseException as error:
            if finished:
                error.add_note(f"{len(finished)} finished files were kept, the last is '{finished[-1]}'")
            if self.folder is not None and missing:
                with suppress(OSError):
                    self.folder.rmdir()
            raise


def _got(paths: Sequence[str]) -> str:
    return f"; there is only '{paths[0]}'" if paths else ""


def _check_targets(jobs: Sequence[Job]) -> None:
    sources = {os.path.realpath(job.source) for job in jobs}
    seen: dict[str, Path] = {}
    for job in jobs:
        for target in job.targets:
            real = os.path.realpath(target)
            if real in sources or any(target.exists() and os.path.samefile(target, s) for s in sources):
                raise BadValue(f"'{target}' is one of the inputs, which are never overwritten: choose another OUT.")
            if real in seen:
                raise BadValue(
                    f"'{seen[real]}' and '{job.source}' would both be written to '{target}': use two folders."
                )
            seen[real] = job.source


def _check_place(folder: Path | None, out: Path) -> None:
    """Refuse a place that cannot be written to, by trying."""
    if folder is not None and folder.exists() and not folder.is_dir():
        raise BadValue(f"'{out}' is a file, but there are several pictures to write: give a folder.")
    place = folder if folder is not None and folder.exists() else out.parent
    if not place.is_dir():
        raise BadValue(f"cannot write '{out}': there is no folder '{place}'; make it first.")
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise BadValue(f"cannot write into '{place}': {error.strerror}; choose another folder.") from error
