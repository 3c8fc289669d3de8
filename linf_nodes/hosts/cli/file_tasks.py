"""Which files are read and which are written, all settled before anything is computed."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...errors import BadValue
from ...pictures import place_pictures, written_suffix


@dataclass(frozen=True)
class FileTask:
    """One picture to read and the files to make of it."""

    source: Path
    targets: tuple[Path, ...]


@dataclass(frozen=True)
class FileTasks:
    """What a command line names; `folder` is where results go, if that is a folder; `done` are there already."""

    every: tuple[FileTask, ...]
    folder: Path | None
    done: tuple[FileTask, ...] = ()

    @classmethod
    def plan(
        cls,
        paths: Sequence[str],
        endings: Sequence[str] = ("",),
        suffix: str = "",
        more_inputs: Iterable[str | Path] = (),
        more_targets: Sequence[Path] = (),
        recursive: bool = False,
        skip: bool = False,
    ) -> "FileTasks":
        """FileTasks of `IN... OUT`.

        OUT is a folder when it is one, ends with a slash, or there are several pictures; a result then has its
        picture's name. `endings` are put before the extension, one for each result; `suffix`, where it is given, takes
        the place of the extensions in a folder. Other files that are read or written are named for the checks; the
        targets come last in every job. `recursive` goes into sub-folders, which results keep; `skip` leaves out what
        has all its results.

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
        sources = _outside(place_pictures(given, recursive), Path(out))
        several = len(sources) > 1 or any(Path(p).is_dir() for p in given)
        folder = Path(out) if several or out.endswith(("/", os.sep)) or Path(out).is_dir() else None
        if folder is not None and folder.exists() and not folder.is_dir():
            raise BadValue(f"'{out}' is a file, but there are several pictures to write: give a folder.")
        jobs = []
        for source, place in sources.items():
            name = Path(out) if folder is None else folder / place.with_suffix(suffix or written_suffix(source))
            targets = [name.with_name(f"{name.stem}{e}{name.suffix}") for e in endings]
            jobs.append(FileTask(source, (*targets, *more_targets)))
        _check_targets(jobs, more_inputs)
        for place in (Path(out).parent if folder is None or not folder.exists() else folder, *_parents(more_targets)):
            _check_place(place)
        done = {job for job in jobs if skip and all(target.is_file() for target in job.targets)}
        return cls(tuple(j for j in jobs if j not in done), folder, tuple(j for j in jobs if j in done))

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


def _outside(sources: Mapping[Path, Path], out: Path) -> dict[Path, Path]:
    """Without what lies in OUT itself, below a folder that is enlarged: results of an earlier run."""
    below = out.resolve()
    return {s: place for s, place in sources.items() if len(place.parts) == 1 or below not in s.resolve().parents}


def _got(paths: Sequence[str]) -> str:
    return f"; there is only '{paths[0]}'" if paths else ""


def _parents(paths: Iterable[Path]) -> list[Path]:
    return [path.parent for path in paths]


def _check_targets(jobs: Sequence[FileTask], more_inputs: Iterable[str | Path]) -> None:
    inputs = {_identity(path) for path in (*(job.source for job in jobs), *more_inputs)}
    seen: dict[str, Path] = {}
    for job in jobs:
        for target in job.targets:
            if _identity(target) in inputs:
                raise BadValue(f"'{target}' is one of the inputs, which are never overwritten: choose another OUT.")
            real = os.path.realpath(target)
            if real in seen:
                raise BadValue(
                    f"'{target}' would be the result of both '{seen[real]}' and '{job.source}': give each its own name."
                )
            seen[real] = job.source


def _identity(path: str | Path) -> object:
    """What two names of one file share, links and letter case included."""
    try:
        stat = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return (stat.st_dev, stat.st_ino) if stat.st_ino else os.path.realpath(path)


def _check_place(place: Path) -> None:
    """Refuse a folder that cannot be written to, by trying."""
    if not place.is_dir():
        raise BadValue(f"cannot write into '{place}': there is no such folder; make it first.")
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise BadValue(f"cannot write into '{place}': {error.strerror}; choose another folder.") from error
