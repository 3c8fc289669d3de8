"""A stack of planes and its enlargement: any window of it is computed alone, and always the same."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from ..catalogue.settings import Output, Settings
from ..pipeline.blocks import Block, Plan, Span
from ..pipeline.grid import Size
from ..version import made_by
from .axes import Array, Axes, Index
from .description import VolumeDescription
from .lazy import lazy_array
from .levels import halved
from .plane import Plane, side_by_side

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["Axes", "Estimate", "Output", "Progress", "Settings", "Volume", "VolumeBlock", "estimate"]

Progress = Callable[[int, int, Any], None]


@dataclass(frozen=True)
class VolumeBlock:
    """A piece of work: a rectangle of output pixels of the plane `index`."""

    index: Index
    pixels: Block


class Estimate(NamedTuple):
    """Seconds that a whole volume takes in this process, and bytes of its result."""

    seconds: float
    bytes: int


@dataclass(frozen=True, eq=False)
class Volume(VolumeDescription):
    """The enlargement of an array, asked for by window.

    Nothing is computed, and no model loaded, before a pixel is asked for. Of the source, what a block sees is read, or
    a plane. It can be sent to other processes where its source can.

    Parameters
    ----------
    source
        Anything with `shape`, `dtype` and basic indexing: numpy, dask, zarr, xarray, `TiffStack`. A Zarr that goes away
        is an error, in dask arrays too (`checked_source.py`).
    size
        Height and width of the result, neither smaller than the source's nor more than 32 times larger.
    levels
        The samples that 0 and 1 stand for, in all channels or in each; None: `levels_of` the source, when they are
        first needed.
    threads
        Threads of one block on a CPU, of which the last bits depend; None: as many as torch uses here.
    at_once
        Blocks of a plane that are computed side by side; of it nothing depends.

    Raises
    ------
    BadShape, BadValue
        When the axes do not fit, the samples are no intensities, or the size cannot be.
    """

    @property
    def plan(self) -> Plan:
        """The lattice of blocks of every plane."""
        first = tuple(0 for _ in self.axes.looped)
        return Plane(self, first, self.settings.load()).plan

    def blocks(self) -> list[VolumeBlock]:
        """Independent pieces of work, plane by plane."""
        plan = self.plan
        pixels = [block.pixels(plan.grid) for block in plan]
        return [VolumeBlock(index, p) for index in self.planes for p in pixels]

    def block(self, block: VolumeBlock, output: str = Output.SAMPLE) -> Array:
        """One piece, its axes in the source's order without the looped ones."""
        return self.window(block.index, block.pixels, output)

    def window(self, index: Index, pixels: Block, output: str = Output.SAMPLE) -> Array:
        """Any rectangle of output pixels of a plane: the same pixels as in the whole plane."""
        plane = Plane(self, index, self.settings.load())
        return self.axes.from_planes(self._fill(plane, pixels, Output(output), None))

    def plane(self, index: Index = (), output: str = Output.SAMPLE, progress: Progress | None = None) -> Array:
        """One enlarged plane, its axes in the source's order without the looped ones.

        `progress(done, total, preview)` is called after every block and may raise `Cancelled`; the preview is the pair
        of the block's rectangle of pixels and its samples `[c, r, s]`.

        Raises
        ------
        BadValue
            When the plane holds NaN or infinite samples; the message counts them.
        """
        plane = Plane(self, index, self.settings.load(), hold=True)
        whole = Block(Span(0, self.size[0]), Span(0, self.size[1]))
        return self.axes.from_planes(self._fill(plane, whole, Output(output), progress))

    def lazy(self, output: str = Output.SAMPLE, chunk: Size | None = None) -> "da.Array":
        """A dask array that computes only what is asked for, block by block."""
        # threads are chosen here, for dask's own may have another number of them
        settled = replace(self, threads=self.threads or torch.get_num_threads())
        return lazy_array(settled, settled.window, settled.plan, Output(output), chunk)

    def reduced(self, samples: Array, output: str) -> Array:
        """Samples at half the height and width, the last two axes, as coarser levels have them."""
        return halved(samples, self.dtype_of(output))

    def recipe(self, output: str = Output.SAMPLE) -> Mapping[str, Any]:
        """How the result is made, as JSON values; the same keys as pictures carry."""
        model, s = self.settings.load(), self.settings
        plane = Plane(self, tuple(0 for _ in self.axes.looped), model)
        levels = [[levels.low, levels.high] for levels in self.every_levels]
        drawn = dict(s.detail.record(model, max(plane.grid.scale), s.seed))
        drawn.pop("frame")  # every plane has its own
        return {
            **made_by("stack"),
            "model": model.name,
            "model_hash": model.hash,
            "scale": list(plane.grid.scale),
            "lr_size": list(plane.grid.lr_size),
            "hr_size": list(self.size),
            **drawn,
            "precision": str(model.dtype).removeprefix("torch."),
            "passes": s.passes,
            "output": str(Output(output)),
            "shape": list(self.shape),
            "axes": {"y": self.axes.y, "x": self.axes.x, "colour": self.axes.colour},
            "block": [n * plane.grid.patch for n in plane.plan.step],
            "levels": levels if len(levels) > 1 else levels[0],
            "threads": self.threads or torch.get_num_threads(),
        }

    def _fill(self, plane: Plane, pixels: Block, output: Output, progress: Progress | None) -> Array:
        channels = 1 if self.axes.colour is None else self.source.shape[self.axes.colour]
        out: Array = np.empty((channels, *pixels.size), self.dtype_of(output))
        blocks = list(plane.plan.over(pixels))
        for done, (block, samples) in enumerate(side_by_side(plane, blocks, output, self.at_once), 1):
            found = block.pixels(plane.grid)
            shared = found.shared(pixels)
            out[(slice(None), *shared.within(pixels))] = samples[(slice(None), *shared.within(found))]
            if progress is not None:
                progress(done, len(blocks), (found, samples))
        return out


def estimate(volume: Volume, output: str = Output.SAMPLE) -> Estimate:
    """Time one block, the middle one of the first plane, and scale it to the whole volume."""
    plan = volume.plan
    blocks = [block.pixels(plan.grid) for block in plan]
    middle = blocks[len(blocks) // 2]
    first = tuple(0 for _ in volume.axes.looped)
    _ = volume.every_levels
    start = time.perf_counter()
    volume.window(first, middle, output)
    per_pixel = (time.perf_counter() - start) / (middle.size[0] * middle.size[1])
    planes = math.prod(volume.source.shape[a] for a in volume.axes.looped)
    size = math.prod(volume.shape) * volume.dtype_of(output).itemsize
    return Estimate(per_pixel * planes * volume.size[0] * volume.size[1], size)
