"""Write a volume to an OME-Zarr 0.5: every block by a task of its own, which can be repeated."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadValue
from ..pipeline.blocks import Block, Span
from .axes import Array
from .channels import Channels
from .cluster import Pool, perform
from .coordinates import Coordinates
from .disk import check_space
from .levels import fingerprint
from .location import is_url, place
from .ngff import create, mark_finished, open_level, recipe_in
from .pyramid import Box, Level, Place, levels_of_file
from .volume import Output, Progress, Volume

Task = tuple[int, Place]
"""A level's number, and the place of one of its boxes."""


@dataclass(frozen=True)
class Job:
    """What every task of one result is told; the model is named, never sent."""

    volume: Volume
    folder: Path
    levels: tuple[Level, ...]
    order: tuple[int, ...]
    output: Output
    model_hash: str


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
    blocks are missing.

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
        When the folder holds something else, the axes do not suit, or the disk is too small.
    """
    job, recipe, todo = _prepared(volume, place(path), coordinates, Output(output), resume)
    if not (ignore_space or is_url(path)):
        check_space(path, _bytes(job, todo))
    create(job.folder, job.levels, job.volume, job.output, recipe, channels)
    total = sum(1 for level in job.levels for _ in level.places())
    done = total - len(todo)

    def finished(_: Task) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total, None)

    for number in range(len(job.levels)):  # a coarser level is made of the finer one
        perform(write_box, job, [task for task in todo if task[0] == number], pool, finished)
    mark_finished(job.folder)
    return job.folder


def write_box(job: Job, task: Task) -> None:
    """Compute one box and write it: the task that runs anywhere.

    Raises
    ------
    BadValue
        When this process finds other weights under the model's name.
    """
    number, place = task
    level = job.levels[number]
    box = level.box_at(place)
    if number == 0:
        samples = _enlarged(job, box)
    else:
        above = job.levels[number - 1]
        samples = open_level(job.folder, above)[level.finer(box, above.shape)]
        samples = job.volume.reduced(np.asarray(samples), job.output)
    open_level(job.folder, level)[box] = samples


def _prepared(
    volume: Volume, path: Path, coordinates: Coordinates | None, output: Output, resume: bool
) -> tuple[Job, Mapping[str, Any], list[Task]]:
    """The job, its recipe, and what is left to do of it."""
    found = recipe_in(path) if path.exists() else None
    if found is not None and not resume:
        raise BadValue(f"'{path}' is there already: add --resume to go on with it, or choose another name.")
    volume = replace(volume, threads=found.get("threads") if found else volume.threads).settled()
    levels, order = levels_of_file(volume, coordinates or Coordinates.of(volume.axes))
    job = Job(volume, path, levels, order, output, volume.model_hash)
    names = list(levels[0].coordinates.names)
    recipe = {**volume.recipe(output), "file_axes": names, "source": fingerprint(volume.source, volume.axes)}
    todo = [(number, place) for number, level in enumerate(levels) for place in level.places()]
    if found is None:
        return job, recipe, todo
    _check_same(path, found, recipe)
    return job, recipe, [task for task in todo if not _is_written(job, task)]


def _check_same(path: Path, found: Mapping[str, Any], recipe: Mapping[str, Any]) -> None:
    for name, value in recipe.items():
        if found.get(name) != value:
            raise BadValue(
                f"'{path}' holds another result: its {name} is {found.get(name)!r}, not {value!r}; choose another name."
            )


def _is_written(job: Job, task: Task) -> bool:
    level = job.levels[task[0]]
    return (job.folder / level.path / "c" / "/".join(map(str, task[1]))).is_file()


def _bytes(job: Job, todo: list[Task]) -> int:
    size = job.volume.dtype_of(job.output).itemsize
    boxes = (job.levels[number].box_at(place) for number, place in todo)
    samples: int = sum(math.prod(s.stop - s.start for s in box) for box in boxes)
    return size * samples


def _enlarged(job: Job, box: Box) -> Array:
    """A box of the finest level, its axes in the file's order."""
    volume = job.volume
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
