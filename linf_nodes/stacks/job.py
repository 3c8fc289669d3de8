"""What is to be done for an OME-Zarr, and how a block of it is: the task that runs anywhere."""

import math
import socket
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..errors import BadValue, SourceLost
from ..pipeline.blocks import Block, Span
from .axes import Array
from .block_file import write_block
from .checked_source import DaskSource
from .ownership import taken_over, token_in
from .pyramid import Box, Level, Place
from .reading import Recorded
from .record import Entry, Task
from .versions import Versions, check_versions, versions_here
from .volume import Output, Volume
from .zarr_source import ZarrSource


@dataclass(frozen=True)
class Job:
    """What every task of one result is told; the model is named, never sent.

    `lock` and `token` are those of the run that owns the result: what an earlier run has left behind writes nothing.
    """

    volume: Volume
    folder: Path
    levels: tuple[Level, ...]
    order: tuple[int, ...]
    output: Output
    model_hash: str
    versions: Versions = field(default_factory=dict)
    lock: Path = Path()
    token: str = ""

    def since(self, began: float) -> "Job":
        """The same, for which a chunk of the source that vanished after the first run began is no chunk of zeros."""
        source = self.volume.source
        if not isinstance(source, ZarrSource | DaskSource):
            return self
        return replace(self, volume=self.volume.of(replace(source, since=min(source.since, began))))

    def check_owner(self) -> None:
        """Raises `BadValue` when another run has taken over, `OSError` when the lock is gone."""
        if self.token and token_in(self.lock) != self.token:
            raise taken_over(self.folder)

    def finer_places(self, number: int, place: Place) -> Iterator[Place]:
        """Places of the blocks that a block of a coarser level is made of."""
        above = self.levels[number - 1]
        box = self.levels[number].finer(self.levels[number].box_at(place), above.shape)
        return above.places_of(box)

    def bytes_but(self, done: Container[Task]) -> int:
        """Of the blocks that are to be written."""
        size = self.volume.dtype_of(self.output).itemsize
        boxes = (
            level.box_at(place)
            for number, level in enumerate(self.levels)
            for place in level.places()
            if (number, place) not in done
        )
        samples: int = sum(math.prod(s.stop - s.start for s in box) for box in boxes)
        return size * samples

    def finer_source(self, number: int) -> ZarrSource:
        """The level that a coarser one is made of; every block that is read of it must be there.

        Raises
        ------
        SourceLost
            When it is not.
        """
        try:
            return ZarrSource.of(self.folder / self.levels[number - 1].path, since=0)
        except (OSError, ValueError, KeyError) as error:
            raise SourceLost(
                f"'{self.folder}' cannot be read on {socket.gethostname()} ({error}): bring it back."
            ) from error


def write_box(job: Job, task: Task) -> Entry:
    """Compute one block and write it.

    Raises
    ------
    BadValue
        When this process would give other bits, does not find the result, or another run owns it.
    DamagedPart, SourceLost
        When what the block is made of is damaged or gone.
    """
    check_versions(versions_here(job.volume.settings.device), job.versions, f"the process on {socket.gethostname()}")
    number, place = task
    level = job.levels[number]
    box = level.box_at(place)
    source = Recorded(job.volume.source if number == 0 else job.finer_source(number))
    if number == 0:
        samples = _enlarged(job, job.volume.of(source), box)
    else:
        samples = job.volume.reduced(source[level.finer(box, job.levels[number - 1].shape)], job.output)
    size, file = write_block(job.folder, level, place, samples, job.check_owner)
    return Entry(task, size, file, tuple(source.readings))


def _enlarged(job: Job, volume: Volume, box: Box) -> Array:
    """A box of the finest level, its axes in the file's order."""
    held = volume.model_hash
    if held != job.model_hash:
        raise BadValue(
            f"The model {volume.settings.model!r} is {held} here, but {job.model_hash} where the work began: give "
            "every worker the same weights."
        )
    at = dict(zip(job.order, box, strict=True))
    index = tuple(at[a].start for a in volume.axes.looped)
    rows, cols = (Span(at[a].start, at[a].stop) for a in (volume.axes.y, volume.axes.x))
    window = volume.window(index, Block(rows, cols), job.output)
    return np.expand_dims(window, volume.axes.looped).transpose(job.order)
