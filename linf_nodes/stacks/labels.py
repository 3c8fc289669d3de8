"""Labels of objects, enlarged by nearest neighbour: every number in the result is one of the source's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..catalogue.tensors import Levels
from ..errors import BadValue
from ..pipeline.grid import Size
from ..version import made_by
from .axes import Array, Axes
from .plain import PlainVolume
from .volume import Output


@dataclass(frozen=True, eq=False)
class LabelVolume(PlainVolume):
    """The enlargement of an array of labels; `about` says colours and properties of single ones, as OME-Zarr's
    `image-label` does.

    Raises
    ------
    BadValue
        When the samples are no integers.
    """

    @staticmethod
    def check(dtype: np.dtype[Any]) -> None:
        """Labels are integers, or booleans: a mask."""
        if dtype.kind not in "iub":
            raise BadValue(f"The array holds {dtype}, which are no labels: labels are integers.")

    @property
    def every_levels(self) -> tuple[Levels, ...]:
        """None: samples are not mapped to anything."""
        return (Levels(),) * self.axes.channels(self.source.shape)

    def reduced(self, samples: Array, output: str) -> Array:
        """Every second pixel: a mean of labels would be another label."""
        rows, cols = (slice(0, max(1, n // 2) * 2, 2) for n in samples.shape[-2:])
        return samples[..., rows, cols]

    def recipe(self, output: str = Output.SAMPLE) -> Mapping[str, Any]:
        lr = self.axes.lr_size(self.source.shape)
        return {
            **made_by("stack"),
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
