"""What of a result is done already: whole, recorded, and made of the same source."""

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from ..errors import BadValue
from .block_file import is_whole, sweep
from .job import Job
from .record import Entry, Record, Task
from .versions import check_versions

_BEFORE = {"passes": 1}  # of results from before a recipe said so
_SAMPLED = ("levels", "source")  # what a recipe says of samples, which are fewer where the source was damaged


def resumed(job: Job, recipe: Mapping[str, Any], found: Mapping[str, Any] | None) -> Record:
    """The record of a result with the blocks that need not be computed again; others are, whatever lies in their place.

    Raises
    ------
    BadValue
        When the folder holds another result, or one that was begun with other versions.
    SourceLost
        When the source, or the result itself, goes away.
    """
    path, level = job.folder, job.levels[0].path
    sweep(path)
    if found is None:
        return Record(path, level)
    damaged = "damaged" in str(found.get("source"))
    check_same(path, found, {k: v for k, v in recipe.items() if not (damaged and k in _SAMPLED)})
    if damaged and found.get("levels") != recipe.get("levels"):
        return Record(path, level)  # the source was mended, and its intensities mean something else than they did
    record = Record.of(path, level)
    if record.versions:
        check_versions(job.versions, record.versions, "this run")
    job = job.since(record.began)
    found_entries, record.entries = record.entries, {}
    for task, entry in sorted(found_entries.items()):  # the finest level first
        if _is_done(job, entry, record.entries):
            record.entries[task] = entry
    return record


def check_same(path: Path, found: Mapping[str, Any], recipe: Mapping[str, Any]) -> None:
    """Refuse another recipe than the one that is found; raises `BadValue`."""
    for name, value in recipe.items():
        if found.get(name, _BEFORE.get(name)) != value:
            raise BadValue(
                f"'{path}' holds another result: its {name} is {found.get(name)!r}, not {value!r}; choose another name."
            )


def _is_done(job: Job, entry: Entry, done: Container[Task]) -> bool:
    """Whether a block is whole, and what it was made of is still the same."""
    number, place = entry.task
    if number >= len(job.levels) or not is_whole(job.folder, job.levels[number], place, entry.file):
        return False
    if number == 0:
        return all(reading.still(job.volume.source) for reading in entry.readings)
    if not all((number - 1, finer) in done for finer in job.finer_places(number, place)):
        return False
    source = job.finer_source(number)
    return all(reading.still(source) for reading in entry.readings)
