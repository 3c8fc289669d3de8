"""A layer's array that may change in place while it is worked on: every plane is read once."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ....stacks.axes import Axes, Index


class Snapshot:
    """An array in memory, of which a plane is copied when it is first asked for, and kept until another one is."""

    def __init__(self, data: NDArray[Any], axes: "Axes"):
        self.shape, self.dtype = data.shape, data.dtype
        self._data, self._axes = data, axes
        self._kept: tuple[Index, NDArray[Any]] | None = None

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        looped = self._axes.looped
        plane = tuple(int(i) for a, i in enumerate(index) if a in looped and not isinstance(i, slice))
        kept = self._kept
        if kept is None or kept[0] != plane:
            kept = plane, np.array(self._data[self._axes.where(plane, slice(None), slice(None))])
            self._kept = kept
        return kept[1][tuple(i for a, i in enumerate(index) if a not in looped)]


def steady(data: Any, axes: "Axes") -> Any:
    """The same array, which holds still if it is in memory and its planes are not very large; others as they are."""
    from ....stacks.plane import HELD

    if not isinstance(data, np.ndarray) or math.prod(axes.lr_size(data.shape)) > HELD:
        return data
    return Snapshot(data, axes)
