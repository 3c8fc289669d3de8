"""What bilinear reduction loses of a bilinear enlargement: the texture that the initial prior starts from."""

from typing import NamedTuple

import torch
from torch import Tensor

from .blocks import Block, Span
from .cells import Cells, cells_of
from .grid import Grid


def initial_residual(
    picture: Tensor, grid: Grid, near: Block | None = None, origin: tuple[int, int] = (0, 0)
) -> Tensor:
    """What bilinear reduction loses of the bilinear enlargement: an LR picture `[3, h, w]` to be enlarged in its turn.

    The initial prior is the enlargement's residual `up(x) - up(down(up(x)))`; up is linear, so it is `up` of this.
    `near` is the rectangle of LR pixels that is asked for, instead of the whole picture; `origin` is the row and column
    at which `picture` begins, where it is but a window.
    """
    near = near or Block(*(Span(0, n) for n in grid.lr_size))
    y, x = (_taps(*axis) for axis in zip(near, grid.lr_size, grid.hr_size, strict=True))
    around = Block(y.span(), x.span())
    lowered = _sample(_sample(picture[(..., *around.slices(origin))], 1, y, around.rows.start), 2, x, around.cols.start)
    return picture[(..., *near.slices(origin))] - lowered


class _Taps(NamedTuple):
    """Where LR pixels look when an axis is enlarged and reduced back: cells of two taps, and how far lies between."""

    low: Cells
    high: Cells
    between: Tensor

    def span(self) -> Span:
        """The LR pixels that are looked at."""
        starts, stops = zip(self.low.span(), self.high.span(), strict=True)
        return Span(min(starts), max(stops))


def _taps(run: Span, lr: int, hr: int) -> _Taps:
    """Of the LR pixels of `run`, on an axis of `lr` pixels that becomes `hr` bilinearly, and `lr` again by two taps."""
    down = cells_of(torch.arange(*run), hr, lr)
    return _Taps(cells_of(down.low, lr, hr), cells_of(down.high, lr, hr), 0.5 * down.rel_low)


def _sample(picture: Tensor, dim: int, taps: _Taps, start: int) -> Tensor:
    """Go down of up along an axis of a picture that begins with LR pixel `start`."""
    ends = []
    for cells in (taps.low, taps.high):
        a, b = (picture.index_select(dim, i) for i in cells.shifted(start).ends(picture.device))
        ends.append(torch.lerp(a, b, _along(0.5 * cells.rel_low, dim).to(picture)))
    return torch.lerp(ends[0], ends[1], _along(taps.between, dim).to(picture))


def _along(weight: Tensor, dim: int) -> Tensor:
    return weight[:, None] if dim == 1 else weight
