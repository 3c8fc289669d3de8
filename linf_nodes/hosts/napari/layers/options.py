"""What the widget's fields say, as one value."""

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ....errors import BadValue
from ....pictures.kind import chosen

if TYPE_CHECKING:
    from ....pipeline.detail import Detail

Pair = tuple[float, float]
Size = tuple[int, int]


class Sizing(StrEnum):
    """How the size of the result is given."""

    SCALE = "scale"
    PIXEL = "pixel size"
    SIZE = "exact size"


class Scope(StrEnum):
    """How much of a layer is enlarged."""

    VIEW = "current view"
    PLANE = "current plane"
    STACK = "whole stack"


class Target(StrEnum):
    """Where the result goes."""

    LAYER = "new layer"
    LAZY = "lazy layer"
    ZARR = "OME-Zarr"
    TIFF = "OME-TIFF"

    @property
    def is_file(self) -> bool:
        return self in (Target.ZARR, Target.TIFF)


@dataclass(frozen=True)
class Options:
    """Every choice in the widget beside the layers; the names are the catalogue's where the catalogue has them.

    `scale`, `pixel` (in the layer's units) and `size` are pairs (y, x), of which `sizing` chooses one.
    """

    sizing: Sizing = Sizing.SCALE
    scale: Pair = (2.0, 2.0)
    pixel: Pair = (1.0, 1.0)
    size: Size = (0, 0)
    model: str = "auto"
    prior: str = "auto"
    latent: str = "auto"
    temperature: float = 0.5
    auto_temperature: bool = True
    strength: float = 1.0
    seed: int = 0
    mean: bool = False
    samples: int = 1
    uncertainty: bool = False
    scope: Scope = Scope.PLANE
    target: Target = Target.LAYER
    tile: int = 0
    passes: int = 1
    device: str = "auto"
    precision: str = "auto"

    def hr_size(self, lr_size: Size, pixel: Pair) -> Size:
        """Size of the result for a source of `lr_size` pixels of `pixel` world units.

        Raises
        ------
        BadValue
            When it is smaller than the source, more than 32 times larger, or not a size at all.
        """
        from ....pipeline.size import output_size, scaled_size  # late: torch

        if self.sizing is Sizing.SIZE:
            if max(self.size) == 0:
                raise BadValue("The exact size is 0x0: give a height or a width.")
            return output_size(lr_size, size=self.size)
        if self.sizing is Sizing.PIXEL:
            return output_size(lr_size, size=_size_of_pixels(lr_size, pixel, self.pixel))
        return scaled_size(lr_size, self.scale)

    @property
    def detail(self) -> "Detail":
        """Which detail is added, and how much of it."""
        from ....catalogue.amount import detail_of  # late: torch

        return detail_of(self.latent, self.temperature, self.auto_temperature, self.strength)

    def of_kind(self, photo: bool) -> "Options":
        """The same with what `auto` means for 8-bit colour (`photo`), or for all else."""
        changes = chosen(vars(self), photo)
        return replace(self, model=changes.get("model", self.model), latent=changes.get("latent", self.latent))

    def in_unit(self, given: str, wanted: str) -> "Options":
        """The same for a layer in the unit `wanted`, where the size of a pixel is in `given`; raises `BadValue`."""
        if self.sizing is not Sizing.PIXEL:
            return self
        return replace(self, pixel=in_unit(self.pixel, given, wanted))

    def outputs(self) -> int:
        """How many pictures of the source are asked for."""
        return int(self.mean) + self.samples + int(self.uncertainty)

    def load_values(self) -> dict[str, Any]:
        """Inputs of the node Load LINF Model."""
        return {name: getattr(self, name) for name in LOAD}

    def upscale_values(self, lr_size: Size = (0, 0), pixel: Pair = (0.0, 0.0)) -> dict[str, Any]:
        """Inputs of the node Upscale; a pixel size becomes the exact size of this source, which a preset can say."""
        values = {name: getattr(self, name) for name in UPSCALE}
        if self.sizing is Sizing.SCALE:
            return {"scale": self.scale[0], "scale_x": self.scale[1], **values}
        size = self.hr_size(lr_size, pixel) if self.sizing is Sizing.PIXEL else self.size
        return {"height": size[0], "width": size[1], **values}


LOAD = ("model", "prior", "device", "precision")
UPSCALE = ("latent", "temperature", "auto_temperature", "strength", "seed", "tile", "passes")


def in_unit(pixel: Pair, given: str, wanted: str) -> Pair:
    """A pixel size in another unit.

    Raises
    ------
    BadValue
        When one is a length and the other is not.
    """
    from ....stacks.units import unit_of

    if given == wanted:
        return pixel
    with suppress(BadValue):
        old, new = unit_of(given), unit_of(wanted)
        if old is not None and new is not None and old.kind == new.kind:
            factor = old.size / new.size
            return float(f"{pixel[0] * factor:.12g}"), float(f"{pixel[1] * factor:.12g}")
    raise BadValue(f"The pixel size is in {given}, the layer in {wanted}: give a scale, or set its units.")


def _size_of_pixels(lr_size: Size, old: Pair, new: Pair) -> Size:
    sides = []
    for axis, n, from_, to in zip("yx", lr_size, old, new, strict=True):
        if not (math.isfinite(to) and to > 0):
            raise BadValue(f"The target pixel size {axis} = {to:g} is not a positive number: give one up to {from_:g}.")
        if not (math.isfinite(from_) and from_ > 0):
            raise BadValue(f"The layer's pixel size {axis} = {from_:g} is not positive: set its scale, or use a scale.")
        if to > from_ * (1 + 1e-9):
            raise BadValue(
                f"The target pixel size {axis} = {to:g} is larger than the layer's {from_:g}: give at most {from_:g}."
            )
        sides.append(math.floor(n * from_ / to + 0.5))
    return sides[0], sides[1]
