"""Labels of objects, enlarged by nearest neighbour: every number in the result is one of the source's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import __version__
from ..errors import BadValue
from ..pipeline.blocks import Block, Plan
from ..pipeline.grid import Grid, Size
from .axes import Array, Axes, Index
from .levels import fetched
from .tensors import Levels
from .volume import Output, Progress, Volume

SIDE = 1024  # output pixels of a block


@dataclass(frozen=True, eq=False)
class LabelVolume(Volume):
    """The enlargement of an array of labels; no network has a part in it.

    Raises
    ------
    BadValue
        When the samples are no integers.
    """

    about: Mapping[str, Any] = field(default_factory=dict)
    """Colours and properties of single labels, as OME-Zarr's `image-label` says them."""

    @staticmethod
    def check(dtype: np.dtype[Any]) -> None:
        """Labels are integers, or booleans: a mask."""
        if dtype.kind not in "iub":
            raise BadValue(f"The array holds {dtype}, which are no labels: labels are integers.")

    @property
    def every_levels(self) -> tuple[Levels, ...]:
        """None: samples are not mapped to anything."""
        return (Levels(),) * self.axes.channels(self.source.shape)

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

    def settled(self) -> "LabelVolume":
        return replace(self, threads=1)

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

    def reduced(self, samples: Array, output: str) -> Array:
        """Every second pixel: a mean of labels would be another label."""
        rows, cols = (slice(0, max(1, n // 2) * 2, 2) for n in samples.shape[-2:])
        return samples[..., rows, cols]

    def recipe(self, output: str = Output.SAMPLE) -> Mapping[str, Any]:
        lr = self.axes.lr_size(self.source.shape)
        return {
            "program": "linf-nodes",
            "version": __version__,
            "command": "stack",
            "method": "nearest neighbour",
            "scale": [hr / low for hr, low in zip(self.size, lr, strict=True)],
            "lr_size": list(lr),
            "hr_size": list(self.size),
            "output": "labels",
            "shape": list(self.shape),
            "axes": {"y": self.axes.y, "x": self.axes.x, "colour": self.axes.colour},
            "block": list(self.plan.step),
        }


def label_volume(source: Any, axes: Axes, size: Size, about: Mapping[str, Any] | None = None) -> LabelVolume:
    """Labels enlarged to a height and width."""
    return LabelVolume(source, replace(axes, channel=None), size, about=about or {})
