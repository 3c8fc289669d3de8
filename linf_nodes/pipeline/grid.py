"""The output grid: the one owner of every coordinate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..errors import BadValue
from .cells import Cells, cells_of

MAX_SCALE = 32.0

Size = tuple[int, int]


@dataclass(frozen=True)
class Grid:
    """`lr_size (h, w)` pixels become `hr_size (H, W)`, synthesised in patches of `patch` x `patch` output pixels.

    The true ratio is `hr_size / lr_size`, not the scale that was asked for. Patch (i, j) covers the output pixels from
    `(patch i, patch j)`; its coordinate is its centre's, extended linearly where the last patch hangs over the edge.
    """

    lr_size: Size
    hr_size: Size
    patch: int = 1

    @property
    def patches(self) -> Size:
        """Rows and columns of patches."""
        return -(-self.hr_size[0] // self.patch), -(-self.hr_size[1] // self.patch)

    @property
    def rel_cell(self) -> tuple[float, float]:
        """Size of an output pixel in units of half an LR pixel, `(y, x)`: `2 h / H, 2 w / W`."""
        return 2 * self.lr_size[0] / self.hr_size[0], 2 * self.lr_size[1] / self.hr_size[1]

    @property
    def scale(self) -> tuple[float, float]:
        """True magnification `(y, x)`."""
        return self.hr_size[0] / self.lr_size[0], self.hr_size[1] / self.lr_size[1]

    def centres(self, axis: int, start: int, stop: int) -> Cells:
        """Cells around the centres of the patches `start..stop` of one axis (0 = y)."""
        index = torch.arange(start, stop) * self.patch + self.patch // 2
        return cells_of(index, self.lr_size[axis], self.hr_size[axis])

    def pixels(self, axis: int, start: int, stop: int) -> Cells:
        """Cells around the output pixels `start..stop` of one axis (0 = y)."""
        return cells_of(torch.arange(start, stop), self.lr_size[axis], self.hr_size[axis])


def scaled_size(lr_size: Size, scale: float | Sequence[float]) -> Size:
    """Output size of a scale, one number or `(y, x)`: `floor(n * s + 1/2)`, never below the input.

    Raises
    ------
    BadValue
        When a scale is not a number from 1 to 32.
    """
    pair = [scale, scale] if isinstance(scale, int | float) else list(scale)
    if len(pair) != 2:
        raise BadValue(f"The scale {scale!r} has {len(pair)} parts: give one number, or two as Y,X.")
    for s in pair:
        if not math.isfinite(s) or not 1 <= s <= MAX_SCALE:
            raise BadValue(f"The scale {s:g} is outside 1 to {MAX_SCALE:g}: choose a scale in that range.")
    return math.floor(lr_size[0] * pair[0] + 0.5), math.floor(lr_size[1] * pair[1] + 0.5)


def checked_size(lr_size: Size, hr_size: Size) -> Size:
    """`hr_size` itself, when it is not smaller than the input and not more than 32 times larger.

    Raises
    ------
    BadValue
        Otherwise.
    """
    for name, lr, hr in zip(("height", "width"), lr_size, hr_size, strict=True):
        if hr < lr:
            raise BadValue(
                f"The {name} {hr} is smaller than the input's {lr}: give at least {lr}, or resize down after."
            )
        if hr > MAX_SCALE * lr:
            raise BadValue(
                f"The {name} {hr} is more than {MAX_SCALE:g} times the input's {lr}: give at most {lr * 32}."
            )
    return hr_size


def output_size(
    lr_size: Size, scale: float = 4.0, scale_x: float = 0.0, size: Size = (0, 0), megapixels: float = 0.0
) -> Size:
    """The output size that a set of options asks for; the first that is given wins, in the reverse order.

    `megapixels` keeps the aspect; a zero in `size` follows from the other side; `scale_x` of 0 equals `scale`.
    """
    if megapixels < 0 or not math.isfinite(megapixels):
        raise BadValue(f"The size of {megapixels:g} megapixels is not positive: give a positive number, or 0 for none.")
    if megapixels > 0:
        ratio = math.sqrt(megapixels * 1e6 / (lr_size[0] * lr_size[1]))
        return checked_size(lr_size, (math.floor(lr_size[0] * ratio + 0.5), math.floor(lr_size[1] * ratio + 0.5)))
    if min(size) < 0:
        raise BadValue(f"The size {size[0]}x{size[1]} is negative: give positive numbers, or 0 for none.")
    if max(size) > 0:
        height = size[0] or math.floor(lr_size[0] * size[1] / lr_size[1] + 0.5)
        width = size[1] or math.floor(lr_size[1] * size[0] / lr_size[0] + 0.5)
        return checked_size(lr_size, (height, width))
    return scaled_size(lr_size, (scale, scale_x or scale))
