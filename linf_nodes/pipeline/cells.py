"""Where an output pixel lies among the LR pixels of one axis, in exact integer arithmetic."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..models.corners import Corners, corner_weights


class Cells(NamedTuple):
    """For q output indices of one axis: the LR cells below and above, and the offsets from their centres.

    `low`, `high` int64 `[q]`, clamped to the picture; `rel_low`, `rel_high` float32 `[q]`, 2 per LR pixel.
    """

    low: Tensor
    high: Tensor
    rel_low: Tensor
    rel_high: Tensor

    def part(self, where: slice) -> "Cells":
        """The same for a run of indices."""
        return Cells(*(t[where] for t in self))

    def shifted(self, origin: int) -> "Cells":
        """The same cells counted from LR pixel `origin`, for a window of the LR picture."""
        return self._replace(low=self.low - origin, high=self.high - origin)

    def ends(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """`low` and `high` where they are to select from."""
        return self.low.to(device), self.high.to(device)

    def span(self) -> tuple[int, int]:
        """First LR cell in use, and one past the last."""
        return int(self.low.min()), int(self.high.max()) + 1


def cells_of(index: Tensor, lr: int, hr: int | Tensor) -> Cells:
    """Cells around output pixels `index` (int64, any shape) when `lr` pixels become `hr`, or each its own of them.

    Pixel centres follow the half-pixel convention: output i lies at LR position `(i + 1/2) lr / hr - 1/2`. Half-way
    ties go to the larger cell. Indices outside the picture are extended linearly and their cells clamped.
    """
    numerator = (2 * index + 1) * lr - hr
    below = torch.div(numerator, 2 * hr, rounding_mode="floor")
    low, high = below.clamp(0, lr - 1), (below + 1).clamp(0, lr - 1)
    position = numerator.double() / (2 * hr)
    return Cells(low, high, (2 * (position - low)).float(), (2 * (position - high)).float())


def corner_cells_of(index: Tensor, lr: int, hr: int | Tensor) -> Cells:
    """The cells that hold the first corner of output pixels `index`, when `lr` pixels become `hr`.

    The offset is that from the cell's own first corner, 2 per LR pixel, in [0, 2).
    """
    cell = torch.div(index * lr, hr, rounding_mode="floor")
    offset = (2 * (index * lr - cell * hr).double() / hr).float()
    cell = cell.clamp(0, lr - 1)
    return Cells(cell, cell, offset, offset)


def corners_of(y: Cells, x: Cells, width: int) -> Corners:
    """Corners of paired queries, `y` and `x` each `[q]`, in a map whose rows hold `width` cells."""
    rows = torch.stack((y.low, y.low, y.high, y.high), -1)
    cols = torch.stack((x.low, x.high, x.low, x.high), -1)
    rel_y = torch.stack((y.rel_low, y.rel_low, y.rel_high, y.rel_high), -1)
    rel_x = torch.stack((x.rel_low, x.rel_high, x.rel_low, x.rel_high), -1)
    return Corners(rows * width + cols, rel_y, rel_x, corner_weights(rel_y, rel_x))


def corners_of_rectangle(y: Cells, x: Cells, width: int) -> Corners:
    """Corners of every pair of a row of `y [r]` and a column of `x [c]`, row-major: r * c queries."""
    r, c = len(y.low), len(x.low)
    tall = Cells(*(t.repeat_interleave(c) for t in y))
    wide = Cells(*(t.repeat(r) for t in x))
    return corners_of(tall, wide, width)


def interpolate(picture: Tensor, y: Cells, x: Cells) -> Tensor:
    """Bilinear samples `[c, r, s]` of `picture [c, h, w]` at rows `y` and columns `x`, the border repeated."""
    left, right = x.span()
    picture, x = picture[..., left:right], x.shifted(left)  # of a wide picture no more than is seen
    low, high = y.ends(picture.device)
    rows = torch.lerp(
        picture.index_select(1, low), picture.index_select(1, high), (0.5 * y.rel_low).to(picture)[:, None]
    )
    low, high = x.ends(picture.device)
    return torch.lerp(rows.index_select(2, low), rows.index_select(2, high), (0.5 * x.rel_low).to(picture))
