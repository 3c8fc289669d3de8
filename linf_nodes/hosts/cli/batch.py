"""Pictures one after the other: one that fails is named at the end, and the rest is done."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ...errors import BadValue, Cancelled, LinfError
from ...pictures import Header, Picture, loss_notes, read_header, read_picture
from ...pipeline.device import is_out_of_memory
from .console import out_json, say
from .file_tasks import FileTask, FileTasks

Check = Callable[[Picture, FileTask], None]
Forecast = Callable[[Header, FileTask], None]
Work = Callable[[Picture, FileTask], None]

PARTLY = 1  # exit status where some of several failed
OUT_OF_MEMORY = "there is not enough memory for it: close other programs, or use a smaller scale"


def run_jobs(
    jobs: FileTasks,
    check: Check,
    work: Work,
    prepare: Callable[[], None] = lambda: None,
    json: bool = False,
    *,
    forecast: Forecast,
) -> int:
    """Read, check and work through every job; returns the exit status.

    A single picture that fails raises. Of several, each is read when its turn comes; those that fail are listed at the
    end, and the status is 1.

    Parameters
    ----------
    check
        Refuses what cannot be, before anything is computed.
    work
        Writes the job's targets.
    prepare
        Called once, when the first picture has passed its check: what takes time and may fail too.
    forecast
        Refuses what a picture's header shows already, before its samples are decoded.
    """
    single = len(jobs.every) + len(jobs.done) == 1
    failed: list[tuple[Path, str]] = []
    ready = False
    with jobs.place() as finished:
        for job in jobs.every:
            checked = False
            try:
                forecast(read_header(job.source), job)
                picture = _read(job)
                check(picture, job)
                checked = True
                if not ready:
                    prepare()
                    ready = True
                _make_folder(job, jobs.folder)
                work(picture, job)
            except Cancelled:
                raise
            except (LinfError, MemoryError, RuntimeError) as error:
                unprepared = checked and not ready  # what fails to be prepared would fail every time
                if single or unprepared or not (isinstance(error, LinfError) or is_out_of_memory(error)):
                    raise
                failed.append((job.source, str(error) if isinstance(error, LinfError) else OUT_OF_MEMORY))
                _leave_folder(job, jobs.folder)
                say(f"failed: '{job.source}': {failed[-1][1]}")
                if json:
                    out_json({"source": str(job.source), "error": failed[-1][1]})
                continue
            finished.extend(job.targets)
    if jobs.done:
        say(f"skipped {len(jobs.done)} that are there already")
    if failed:
        done = len(jobs.every) - len(failed)
        say(f"{done} of {len(jobs.every)} pictures done; {len(failed)} failed: {', '.join(str(s) for s, _ in failed)}")
    return PARTLY if failed else 0


def _read(job: FileTask) -> Picture:
    picture = read_picture(job.source)
    if picture.pages > 1:
        say(f"note: '{job.source}' has {picture.pages} pages or frames; only the first is used")
    if picture.odd:
        say(f"note: '{job.source}' has EXIF tags of impossible values, {', '.join(picture.odd)}: they are left out")
    for target in job.targets[:1]:
        for note in loss_notes(picture, target):
            say(f"note: {note}")
    return picture


def _make_folder(job: FileTask, folder: Path | None) -> None:
    if folder is None:
        return
    for place in {target.parent for target in job.targets if folder in target.parents}:
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadValue(f"cannot make the folder '{place}': {error.strerror}; choose another OUT.") from error


def _leave_folder(job: FileTask, folder: Path | None) -> None:
    """Take away sub-folders that a failed job left empty."""
    for target in job.targets:
        place = target.parent
        while folder is not None and folder in place.parents:
            with suppress(OSError):
                place.rmdir()
            place = place.parent
