"""A volume as a dask array: nothing is computed before it is asked for."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadValue
from ..pipeline.blocks import Block, Plan, Span
from ..pipeline.grid import Size
from .axes import Array, Axes, Index
from .description import VolumeDescription

if TYPE_CHECKING:
    import dask.array as da

Window = Callable[[Index, Block, str], Array]


def lazy_array(
    volume: VolumeDescription, window: Window, plan: Plan, output: str, chunk: Size | None = None
) -> "da.Array":
    """A dask array of the result; one chunk is one block of the lattice.

    Parameters
    ----------
    window
        Computes a rectangle of output pixels of a plane; it is sent to where chunks are computed.
    chunk
        Height and width of the chunks instead. Whole blocks are computed for every chunk, so a chunk that cuts blocks
        costs time; the pixels are the same.
    """
    import dask.array as da

    if chunk is None:
        chunk = plan.step[0] * plan.grid.patch, plan.step[1] * plan.grid.patch
    if min(chunk) < 1:
        raise BadValue(f"The chunk {chunk[0]}x{chunk[1]} is empty: give positive numbers of pixels.")
    sides = {volume.axes.y: chunk[0], volume.axes.x: chunk[1]}
    chunks = tuple(_runs(n, sides.get(a, n if a == volume.axes.colour else 1)) for a, n in enumerate(volume.shape))
    dtype = volume.dtype_of(output)
    array: da.Array = da.map_blocks(
        partial(_compute, volume.axes, volume.size, window, output, chunk),
        chunks=chunks,
        dtype=dtype,
        meta=np.empty((0,) * len(chunks), dtype),
        name=f"linf-{uuid.uuid4().hex}",  # a name, or dask would hash the source to find one
    )
    return array


def _runs(n: int, step: int) -> tuple[int, ...]:
    return (step,) * (n // step) + ((n % step,) if n % step else ())


def _compute(
    axes: Axes, size: Size, window: Window, output: str, chunk: Size, block_id: tuple[int, ...] | None = None
) -> Array:
    at: Any = block_id
    spans = [
        Span(at[a] * side, min((at[a] + 1) * side, n)) for a, side, n in zip((axes.y, axes.x), chunk, size, strict=True)
    ]
    found = window(tuple(at[a] for a in axes.looped), Block(spans[0], spans[1]), output)
    return np.expand_dims(found, axes.looped)
