"""The Fourier feature ensemble of LINF (CVPR 2023, eqs 5-9): what a query point sees of the LR feature map."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Corners(NamedTuple):
    """The four LR cells around each of q query points, in the order (-,-), (-,+), (+,-), (+,+).

    `index [q, 4]` int64 is the flat row of the cell in a map `[cells, channels]`; `rel_y`, `rel_x` `[q, 4]` are the
    query's offset from the cell's centre, 2 per LR pixel; `weight [q, 4]` the area of the opposite cell, summing to 1.
    """

    index: Tensor
    rel_y: Tensor
    rel_x: Tensor
    weight: Tensor

    def rows(self, part: slice) -> "Corners":
        """The same for a run of queries."""
        return Corners(*(t[part] for t in self))


def corner_weights(rel_y: Tensor, rel_x: Tensor) -> Tensor:
    """Swapped-area weights `[q, 4]` of the local ensemble from offsets `[q, 4]`."""
    area = (rel_y * rel_x).abs() + 1e-9
    return area.flip(-1) / area.sum(-1, keepdim=True)


def fourier_features(fields: Tensor, phase: Tensor, corners: Corners) -> Tensor:
    """Amplitude times cos and sin of the estimated waves at each corner, concatenated.

    Parameters
    ----------
    fields
        `[cells, 2 * hidden]`: per LR cell the amplitudes, then the frequencies (first half y, second half x).
    phase
        `[1 or q, hidden / 2]`, from the query's cell size.
    corners
        Of q queries.

    Returns
    -------
    Tensor
        `[q, 4 * hidden]` in the dtype of `fields`.
    """
    q, half = len(corners.index), phase.shape[-1]
    seen = fields.index_select(0, corners.index.flatten()).view(q, 4, 4, half)
    angle = torch.addcmul(phase.unsqueeze(1), seen[:, :, 2], corners.rel_y.unsqueeze(-1))
    angle = torch.addcmul(angle, seen[:, :, 3], corners.rel_x.unsqueeze(-1)) * math.pi
    amplitude = seen[:, :, :2] * corners.weight.view(q, 4, 1, 1)
    return (torch.stack((angle.cos(), angle.sin()), 2) * amplitude).flatten(1).to(fields.dtype)
