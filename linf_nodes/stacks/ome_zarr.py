"""Write a volume to an OME-Zarr 0.5: every block by a task of its own, which can be repeated."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import BadValue, DamagedPart, SourceLost, Unfinished
from .block_file import has_size
from .channels import Channels
from .cluster import Pool, versions_of
from .coordinates import Coordinates
from .disk import check_space
from .job import Job, write_box
from .levels import fingerprint
from .location import in_a_sentence, is_url, place
from .ngff import create, mark_finished, recipe_in
from .ownership import Owner, owned
from .perform import perform
from .pyramid import levels_of_file
from .reading import Reading, Recorded
from .record import Entry, Record, Task
from .resume import resumed
from .volume import Output, Progress, Volume

_REASONS = 5  # that a message lists


def write_ome_zarr(
    volume: Volume,
    path: str | os.PathLike[str],
    coordinates: Coordinates | None = None,
    *,
    output: str = Output.SAMPLE,
    channels: Channels = (),
    pool: Pool | None = None,
    resume: bool = True,
    progress: Progress | None = None,
    ignore_space: bool = False,
) -> Path:
    """Write the result and coarser levels of it; returns the folder.

    Every block is computed, and stored as a file of its own, by one task: no two tasks share a file, and each can be
    repeated. A file is there whole or not at all. Until the attribute `finished` of the folder's recipe is true, some
    blocks are missing. A record says of each block what was read and written; blocks whose part of the source is
    damaged are left out, and all others done.

    Parameters
    ----------
    coordinates
        Of the source's axes.
    channels
        How they are called and shown.
    pool
        Where the tasks run (`cluster.py`); None: here, one by one.
    resume
        Go on with a result that was stopped: only missing blocks are computed. False: refuse a folder that exists.
    progress
        `progress(done, total, None)` after every block; it may raise `Cancelled`, and what is done stays.
    ignore_space
        Begin even where the uncompressed result is larger than the free space of the disk.

    Raises
    ------
    BadValue
        When the folder holds something else, the axes do not suit, the disk is too small, workers would give other
        bits, or another run owns the result.
    SourceLost
        When the source is gone, or is not what it was.
    Unfinished
        When blocks are missing at the end; the message says why.
    """
    with in_a_sentence(path), owned(path) as owner:
        job, recipe, found, sampled = _prepared(volume, place(path), coordinates, Output(output), resume)
        versions = versions_of(pool, job.volume.settings.device)
        job = replace(job, versions=versions, lock=owner.lock, token=owner.token)
        record = resumed(job, recipe, found)
        job = job.since(record.began)
        if not (ignore_space or is_url(path)):
            check_space(path, job.bytes_but(record.entries))
        create(job.folder, job.levels, job.volume, job.output, recipe, channels)
        record.begin(versions)
        run = _Run(job, record, owner, progress, sampled)
        try:
            for number in range(len(job.levels)):  # a coarser level is made of the finer one
                run.level(number, pool)
                if number == 0:
                    run.check_source()
            run.check()
            record.close()
            mark_finished(job.folder)
        except BaseException as error:
            with suppress(Exception):  # the first reason is the one to tell
                record.close()
            error.add_note(run.note())
            raise
    return job.folder


def _prepared(
    volume: Volume, path: Path, coordinates: Coordinates | None, output: Output, resume: bool
) -> tuple[Job, Mapping[str, Any], Mapping[str, Any] | None, list[Reading]]:
    """The job, its recipe, the recipe of what is there already, and what was read of the source for these."""
    found = recipe_in(path) if path.exists() else None
    if found is not None and not resume:
        raise BadValue(f"'{path}' is there already: add --resume to go on with it, or choose another name.")
    source = Recorded(volume.source)
    volume = replace(volume, source=source, threads=found.get("threads") if found else volume.threads).settled()
    seen = fingerprint(source, volume.axes)
    volume = volume.of(source.source)
    levels, order = levels_of_file(volume, coordinates or Coordinates.of(volume.axes))
    job = Job(volume, path, levels, order, output, volume.model_hash)
    names = list(levels[0].coordinates.names)
    recipe = {**volume.recipe(output), "file_axes": names, "source": seen}
    return job, recipe, found, source.readings


class _Run:
    """One run into one result: which blocks are done, and which cannot be."""

    def __init__(self, job: Job, record: Record, owner: Owner, progress: Progress | None, sampled: Sequence[Reading]):
        self.job, self.record, self._owner, self._progress = job, record, owner, progress
        self._sampled = sampled
        self.failed: dict[Task, DamagedPart] = {}
        self._total = sum(1 for level in job.levels for _ in level.places())

    def level(self, number: int, pool: Pool | None) -> None:
        """Every block of a level that is not done and can be."""
        places = self.job.levels[number].places()
        todo = ((number, place) for place in places if (number, place) not in self.record.entries)
        perform(write_box, self.job, filter(self._can_be, todo), pool, self._finished, self._fail)

    def check_source(self) -> None:
        """Raises `SourceLost` when a file of the source is no longer what it was when it was read."""
        source, entries = self.job.volume.source, self.record.entries
        finest = (entry.readings for task, entry in entries.items() if task[0] == 0)
        if not all(reading.files is None or reading.still(source) for reading in chain(self._sampled, *finest)):
            raise SourceLost(
                "the source has changed while the work went on: put the same one back, or begin anew, when nothing "
                "writes there"
            )

    def missing(self) -> int:
        """How many blocks are not in their place: a disk may have gone and come back."""
        job, entries = self.job, self.record.entries
        there = sum(has_size(job.folder, job.levels[t[0]], t[1], entry.size) for t, entry in entries.items())
        return self._total - there

    def check(self) -> None:
        """Raises `Unfinished` when a block is missing, and says why."""
        missing = self.missing()
        if self.failed:
            reasons = list(dict.fromkeys(str(error).rstrip(".") for error in self.failed.values()))
            more = f"; and {len(reasons) - _REASONS} more" if len(reasons) > _REASONS else ""
            raise Unfinished(f"{missing} of {self._total} blocks are missing: {'; '.join(reasons[:_REASONS])}{more}")
        if missing:
            raise Unfinished(f"{missing} of {self._total} blocks have gone from '{self.job.folder}'")

    def note(self) -> str:
        """The truth about what is written."""
        done = len(self.record.entries)
        return f"{done} of {self._total} blocks are finished in '{self.job.folder}', and --resume goes on with them"

    def _can_be(self, task: Task) -> bool:
        """Whether all blocks that it is made of are done."""
        number, place = task
        return number == 0 or all((number - 1, p) in self.record.entries for p in self.job.finer_places(number, place))

    def _finished(self, task: Task, entry: Entry) -> None:
        self._owner.check()
        self.record.add(entry)
        if self._progress is not None:
            self._progress(len(self.record.entries), self._total, None)

    def _fail(self, task: Task, error: DamagedPart) -> None:
        self.failed[task] = error
