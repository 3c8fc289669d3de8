"""Where the pixels of an array lie in the world."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import BadValue
from .axes import Axes
from .units import unit_of

_LOOPED = ("t", "c", "z")  # names of looped axes that have none, the last ones first


@dataclass(frozen=True)
class Coordinates:
    """Names, units, size of a pixel and place of the first pixel's centre, of every axis of an array.

    Raises
    ------
    BadValue
        When a list has another length, a name comes twice, a scale is not positive, or a unit is not known.
    """

    names: tuple[str, ...]
    units: tuple[str | None, ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]

    def __post_init__(self) -> None:
        for title in ("units", "scale", "translation"):
            count = len(getattr(self, title))
            if count != len(self.names):
                raise BadValue(f"There are {count} values of {title} for {len(self.names)} axes: give one each.")
        if len(set(self.names)) < len(self.names):
            raise BadValue(f"The axes {', '.join(self.names)} name one twice: give every axis another name.")
        for name, scale, at in zip(self.names, self.scale, self.translation, strict=True):
            if not (math.isfinite(scale) and scale > 0 and math.isfinite(at)):
                raise BadValue(f"The pixel size of axis {name} is {scale:g} at {at:g}: give a positive number.")
        for unit in self.units:
            unit_of(unit)

    @classmethod
    def of(
        cls,
        axes: Axes,
        names: Sequence[str] | None = None,
        units: Sequence[str | None] | None = None,
        scale: Sequence[float] | None = None,
        translation: Sequence[float] | None = None,
    ) -> "Coordinates":
        """Those that are known; else pixels of size 1 without units, and the names t, c, z, y, x (c the colour's)."""
        n = axes.ndim
        return cls(
            tuple(names or _names(axes)),
            tuple(units or (None,) * n),
            tuple(float(s) for s in scale or (1.0,) * n),
            tuple(float(t) for t in translation or (0.0,) * n),
        )

    def resampled(self, shape: Sequence[int], new: Sequence[int]) -> "Coordinates":
        """Those of the same extent in other numbers of pixels: edges stay, so centres move by half the difference."""
        scale = tuple(s * (n / m) for s, n, m in zip(self.scale, shape, new, strict=True))
        moved = zip(self.translation, scale, self.scale, strict=True)
        return replace(self, scale=scale, translation=tuple(t + 0.5 * (new_s - s) for t, new_s, s in moved))

    def permuted(self, order: Sequence[int]) -> "Coordinates":
        """The same with the axes in another order."""
        names, units = tuple(self.names[a] for a in order), tuple(self.units[a] for a in order)
        return Coordinates(names, units, tuple(self.scale[a] for a in order), tuple(self.translation[a] for a in order))


def size_for(axes: Axes, shape: Sequence[int], coordinates: Coordinates, pixel: Sequence[float]) -> tuple[int, int]:
    """Height and width whose pixels are nearest to the size `pixel`, `(y, x)` in the units of the axes.

    Raises
    ------
    BadValue
        When a pixel size is not positive, or larger than the array's own.
    """
    sides = []
    for axis, wanted in zip((axes.y, axes.x), pixel, strict=True):
        own = coordinates.scale[axis]
        if not (math.isfinite(wanted) and 0 < wanted <= own):
            raise BadValue(f"The pixel size {wanted:g} is not between 0 and {own:g}, the picture's own: give another.")
        sides.append(math.floor(shape[axis] * own / wanted + 0.5))
    return sides[0], sides[1]


def _names(axes: Axes) -> list[str]:
    spare = [name for name in _LOOPED if name != "c" or axes.colour is None]
    chosen = _spread(len(axes.looped), spare)
    names = dict(zip(axes.looped, chosen, strict=True)) | {axes.y: "y", axes.x: "x"}
    if axes.colour is not None:
        names[axes.colour] = "c"
    return [names[a] for a in range(axes.ndim)]


def _spread(count: int, spare: Sequence[str]) -> list[str]:
    """Names of looped axes: z; t and z; t, c and z; further ones a0, a1, ..."""
    more = [f"a{i}" for i in range(count - len(spare))]
    usual = {1: ["z"], 2: ["t", "z"]}.get(count)
    return usual or [*more, *spare[-count:]] if count else []
