"""What of a result is done already: whole, recorded, and made of the same source."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import BadValue, LinfError, SourceLost
from .block_file import is_whole, sweep
from .job import Job
from .record import Entry, Record
from .versions import check_versions

_SAMPLED = ("levels", "source")  # what a recipe says of samples, which are fewer where the source was damaged


def resumed(job: Job, recipe: Mapping[str, Any], found: Mapping[str, Any] | None) -> Record:
    """The record of a result with the blocks that need not be computed again.

    Raises
    ------
    BadValue
        When the folder holds another result, or one that was begun with other versions.
    SourceLost
        When the source has changed since a block was made of it.
    """
    path, level = job.folder, job.levels[0].path
    if found is None:
        return Record(path, level)
    damaged = "damaged" in str(found.get("source"))
    check_same(path, found, {k: v for k, v in recipe.items() if not (damaged and k in _SAMPLED)})
    sweep(path)
    if damaged and found.get("levels") != recipe.get("levels"):
        return Record(path, level)  # the source was mended, and its intensities mean something else than they did
    record = Record.of(path, level)
    if record.versions:
        check_versions(job.versions, record.versions, "this run")
    kept = [entry for entry in record.entries.values() if _is_done(job, entry, record.began)]
    record.entries = {entry.task: entry for entry in kept}
    return record


def check_same(path: Path, found: Mapping[str, Any], recipe: Mapping[str, Any]) -> None:
    """Refuse another recipe than the one that is found; raises `BadValue`."""
    for name, value in recipe.items():
        if found.get(name) != value:
            raise BadValue(
                f"'{path}' holds another result: its {name} is {found.get(name)!r}, not {value!r}; choose another name."
            )


def _is_done(job: Job, entry: Entry, began: float) -> bool:
    number, place = entry.task
    if number >= len(job.levels) or not is_whole(job.folder, job.levels[number], place, entry.file):
        return False
    if number > 0:
        return _is_made_of_finer(job, entry)
    source = job.since(began).volume.source
    if not all(reading.still(source) for reading in entry.readings):
        raise SourceLost(
            f"the source has changed since block {'/'.join(map(str, place))} of '{job.folder}' was made of it: put the "
            "same source back, or choose another name."
        )
    return True


def _is_made_of_finer(job: Job, entry: Entry) -> bool:
    try:
        return all(reading.still(job.finer_source(entry.task[0])) for reading in entry.readings)
    except (LinfError, OSError, ValueError, KeyError):
        return False
