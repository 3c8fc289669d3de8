"""Which axis of an array is which."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadShape
from ..pipeline.grid import Size

Array = NDArray[Any]
Index = tuple[int, ...]


@dataclass(frozen=True)
class Axes:
    """The axes of an n-dimensional array: `y` and `x` are enlarged, `colour` holds 3 (RGB) or 4 (RGBA) samples, and
    every other axis is looped over, plane by plane. Along `channel`, one of the looped ones, intensities mean different
    things, so each channel is normalised by itself.

    Raises
    ------
    BadShape
        When an axis is not there, or named twice.
    """

    ndim: int
    y: int
    x: int
    colour: int | None = None
    channel: int | None = None

    def __post_init__(self) -> None:
        named = [a for a in (self.y, self.x, self.colour, self.channel) if a is not None]
        for axis in named:
            if not 0 <= axis < self.ndim:
                raise BadShape(f"There is no axis {axis} among {self.ndim}: count from 0 to {self.ndim - 1}.")
        if len(set(named)) < len(named):
            raise BadShape(f"Of {self.ndim} axes, y, x, colour and channel name one twice ({named}): choose again.")

    @classmethod
    def of(cls, shape: Sequence[int], rgb: bool = False) -> "Axes":
        """The usual order: the last two axes are y and x, or those before the colour when `rgb`."""
        n = len(shape)
        if n < 2 + rgb:
            raise BadShape(f"An array of {n} axes holds no plane: give at least {2 + rgb} axes.")
        return cls(n, n - 3, n - 2, n - 1) if rgb else cls(n, n - 2, n - 1)

    @property
    def looped(self) -> tuple[int, ...]:
        """Axes that are neither y, x nor colour, in order."""
        return tuple(a for a in range(self.ndim) if a not in (self.y, self.x, self.colour))

    def checked(self, shape: Sequence[int]) -> None:
        """Refuse a shape that these axes do not fit; raises `BadShape`."""
        if len(shape) != self.ndim:
            raise BadShape(f"The array has the shape {tuple(shape)}, but {self.ndim} axes are named: name each once.")
        if 0 in shape:
            raise BadShape(f"The array has the shape {tuple(shape)}, so it is empty: choose another.")
        if self.colour is not None and shape[self.colour] not in (3, 4):
            raise BadShape(
                f"The colour axis holds {shape[self.colour]} samples: RGB has 3 and RGBA 4, so loop over it instead."
            )

    def lr_size(self, shape: Sequence[int]) -> Size:
        return shape[self.y], shape[self.x]

    def enlarged(self, shape: Sequence[int], size: Size) -> tuple[int, ...]:
        """The shape with another height and width."""
        sides = {self.y: size[0], self.x: size[1]}
        return tuple(sides.get(a, int(n)) for a, n in enumerate(shape))

    def planes(self, shape: Sequence[int]) -> Iterator[Index]:
        """Indices of the looped axes, the last one fastest."""
        return product(*(range(shape[a]) for a in self.looped))

    def flat(self, index: Index, shape: Sequence[int]) -> int:
        """Number of a plane in that order: the frame of its noise."""
        counts = [shape[a] for a in self.looped]
        if len(index) != len(counts) or not all(0 <= i < n for i, n in zip(index, counts, strict=True)):
            raise BadShape(f"There is no plane {index}: the looped axes have the lengths {tuple(counts)}.")
        return int(np.ravel_multi_index(index, counts)) if counts else 0

    def channels(self, shape: Sequence[int]) -> int:
        """How many channels have a normalisation of their own: 1 without a channel axis."""
        return 1 if self.channel is None else int(shape[self.channel])

    def channel_of(self, index: Index) -> int:
        """The channel of a plane."""
        return 0 if self.channel is None else index[self.looped.index(self.channel)]

    def where(self, index: Index, rows: slice, cols: slice) -> tuple[int | slice, ...]:
        """What to index the whole array with for a window of one plane."""
        looped = dict(zip(self.looped, index, strict=True))
        return tuple(
            rows if a == self.y else cols if a == self.x else looped.get(a, slice(None)) for a in range(self.ndim)
        )

    def to_planes(self, window: Array) -> Array:
        """A window as `where` yields it, to `[c, h, w]`."""
        window = window if self.colour is not None else np.expand_dims(window, 0)
        return np.moveaxis(window, self._order(), (0, 1, 2))

    def from_planes(self, planes: Array) -> Array:
        """The inverse of `to_planes`."""
        window = np.moveaxis(planes, (0, 1, 2), self._order())
        return window if self.colour is not None else window[0]

    def _order(self) -> tuple[int, int, int]:
        """Where colour, y and x are among the axes of a window; a missing colour comes first."""
        if self.colour is None:
            return (0, 1, 2) if self.y < self.x else (0, 2, 1)
        ranks = sorted((self.y, self.x, self.colour))
        return ranks.index(self.colour), ranks.index(self.y), ranks.index(self.x)
