"""Where a picture is constant, so that nothing is added to it: constant in, constant out."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .blocks import Block, Span
from .cells import Cells, interpolate
from .grid import Size

NEAR, FAR = 4, 8
"""LR pixels to the nearest change: up to the first texture is whole, from the second on there is none."""

REACH = FAR + 1
"""LR pixels around an LR pixel on which its share depends."""


def texture_share(picture: Tensor, y: Cells, x: Cells, size: Size, origin: tuple[int, int] = (0, 0)) -> Tensor | None:
    """How much of its texture each patch keeps, `[3, rows, cols]` from 0 to 1, colour by colour; None: all of it.

    It is 0 where a colour has one and the same value in all LR pixels up to `FAR` away, 1 where it changes within
    `NEAR`, and linear between, so that no seam shows. It depends on those LR pixels alone, hence never on tiles.

    Parameters
    ----------
    picture
        LR picture `[3, h, w]`, or a window of it that holds `REACH` more pixels to each side.
    y, x
        Cells of the patches' centres, counted on the whole picture.
    size, origin
        Of the whole picture, and the row and column at which `picture` begins in it.
    """
    near = Block(Span(*y.span()), Span(*x.span()))
    wide = near.grown(REACH, size)
    share = _share(_changes(picture[(..., *wide.slices(origin))]))[(..., *near.within(wide))]
    if bool((share == 1).all()):
        return None
    return interpolate(share, y.shifted(near.rows.start), x.shifted(near.cols.start))


def _changes(picture: Tensor) -> Tensor:
    """1 for each pixel `[c, h, w]` that differs from one of its eight neighbours, else 0; beyond the edge is none."""
    top, low = _pool(picture, 1), -_pool(-picture, 1)
    return (top != low).to(picture.dtype)


def _share(changes: Tensor) -> Tensor:
    grown = _pool(changes, NEAR)
    total = torch.zeros_like(changes)
    for _ in range(NEAR, FAR):
        total += grown
        grown = _pool(grown, 1)
    return total / (FAR - NEAR)


def _pool(picture: Tensor, reach: int) -> Tensor:
    """The largest value within `reach` pixels."""
    tall = F.max_pool2d(picture[None], (2 * reach + 1, 1), 1, (reach, 0))
    return F.max_pool2d(tall, (1, 2 * reach + 1), 1, (0, reach))[0]
