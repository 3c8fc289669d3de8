"""An array without a network: as it is, or with its pixels repeated; and written as results are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from ..pipeline.blocks import Block, Plan
from ..pipeline.grid import Grid
from .axes import Array, Index
from .levels import fetched
from .volume import Output, Progress, Volume

SIDE = 1024  # output pixels of a block


@dataclass(frozen=True, eq=False)
class PlainVolume(Volume):
    """An array enlarged by nearest neighbour; at its own size it is a copy."""

    about: Mapping[str, Any] = field(default_factory=dict)
    """What is known of it: how it was made, say."""

    @property
    def model_hash(self) -> str:
        return ""

    @property
    def plan(self) -> Plan:
        height, width = self.axes.lr_size(self.source.shape)
        grid = Grid((height, width), self.size)
        return Plan(grid, (min(SIDE, self.size[0]), min(SIDE, self.size[1])))

    def dtype_of(self, output: str) -> np.dtype[Any]:
        return self.source_dtype

    def settled(self) -> Self:
        return replace(self, levels=self.every_levels, threads=1)

    def window(self, index: Index, pixels: Block, output: str = Output.SAMPLE) -> Array:
        """Any rectangle of output pixels of a plane: each is the source's pixel in which its centre lies."""
        sides = zip(pixels, self.axes.lr_size(self.source.shape), self.size, strict=True)
        rows, cols = ((2 * np.arange(*run) + 1) * lr // (2 * hr) for run, lr, hr in sides)
        seen = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1)
        samples = self.axes.to_planes(fetched(self.source[self.axes.where(index, *seen)]))
        return self.axes.from_planes(samples[:, (rows - rows[0])[:, None], cols - cols[0]])

    def plane(self, index: Index = (), output: str = Output.SAMPLE, progress: Progress | None = None) -> Array:
        blocks = [block.pixels(self.plan.grid) for block in self.plan]
        shape = [n for a, n in enumerate(self.shape) if a not in self.axes.looped]
        out: Array = np.empty(shape, self.source_dtype)
        planes = self.axes.to_planes(out)
        for done, pixels in enumerate(blocks, 1):
            found = self.axes.to_planes(self.window(index, pixels))
            planes[(slice(None), *pixels.slices())] = found
            if progress is not None:
                progress(done, len(blocks), (pixels, found))
        return out

    def recipe(self, output: str = Output.SAMPLE) -> Mapping[str, Any]:
        axes = {"y": self.axes.y, "x": self.axes.x, "colour": self.axes.colour}
        return {"program": "linf-nodes", **self.about, "axes": axes}
