"""Query points among LR cells."""

from typing import NamedTuple

import torch
from torch import Tensor


class Corners(NamedTuple):
    """The four LR cells around each of q query points, in the order (-,-), (-,+), (+,-), (+,+); or one of them.

    `cell [q, 4]` int64 is the flat row of the cell in a map `[cells, channels]`; `rel_y`, `rel_x` `[q, 4]` are the
    query's offset from the cell's centre, 2 per LR pixel; `weight [q, 4]` the area of the opposite cell, summing to 1.
    """

    cell: Tensor
    rel_y: Tensor
    rel_x: Tensor
    weight: Tensor

    def rows(self, part: slice) -> "Corners":
        """The same for a run of queries."""
        return Corners(*(t[part] for t in self))

    def first(self) -> "Corners":
        """The first cell alone, `[q, 1]`."""
        return Corners(*(t[:, :1] for t in self))


def nearest(corners: Corners) -> Corners:
    """The one LR cell nearest to each query, `[q, 1]`, at full weight: no ensemble."""
    at = corners.weight.argmax(1, keepdim=True)
    cell, rel_y, rel_x = (t.gather(1, at) for t in corners[:3])
    return Corners(cell, rel_y, rel_x, torch.ones_like(rel_y))


def corner_weights(rel_y: Tensor, rel_x: Tensor) -> Tensor:
    """Swapped-area weights `[q, 4]` of the four cells from offsets `[q, 4]`."""
    area = (rel_y * rel_x).abs() + 1e-9
    return area.flip(-1) / area.sum(-1, keepdim=True)
