"""MetaSR: a magnification-arbitrary network (Hu et al., CVPR 2019), as LIIF's authors published it."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .contract import Encoder, Network, Size
from .corners import Corners
from .entry import Entry, State, side
from .mlp import MLP, single

HIDDEN = 256


class MetaSR(Network):
    """The colour at a query point: the features of the 3 x 3 LR cells around it, times a matrix that an MLP predicts.

    The MLP (eq. 4) sees where the output pixel's first corner lies in its cell, and how many output pixels an LR pixel
    becomes in y. Its last layer is linear, as is the product with the features: what a cell's features make of that
    layer is computed once a cell, as a convolution, and a query adds it up by the MLP's hidden numbers. The matrix
    itself (eq. 1) is never made.

    Parameters
    ----------
    encoder
        Maps `[b, 3, h, w]` to `[b, out_dim, h, w]`.
    """

    family = "MetaSR"
    asked = "corner"
    over_bilinear = False
    width = 3 * (HIDDEN + 1)
    places = 3
    """Numbers that say where a query lies."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder
        self.imnet = MLP(self.places, 9 * encoder.out_dim * 3, (HIDDEN,))

    def cells(self, feat: Tensor, part: tuple[slice, slice] = (slice(None), slice(None))) -> Tensor:
        """`[b * cells, 3 * 257]`: for each colour what every hidden number is multiplied by, and a constant."""
        last = self.imnet.linears[1]
        table = torch.cat((last.weight, last.bias[:, None]), 1)  # [9 * c * 3, 257]
        kernels = table.view(-1, 3, HIDDEN + 1).permute(1, 2, 0).reshape(self.width, -1, 3, 3)
        seen = torch.conv2d(feat, kernels, padding=1)[:, :, part[0], part[1]]
        return single(seen.permute(0, 2, 3, 1).reshape(-1, self.width))

    def phases(self, rel_cell: Tensor) -> Tensor:
        """`[q, 1]`: LR pixels that an output pixel has in y."""
        return rel_cell[:, :1] / 2

    def at(self, cells: Tensor, phase: Tensor, corners: Corners, work: Any = None, size: Size = (0, 0)) -> Tensor:
        """Colours `[q, 3]`."""
        first, cell = self.imnet.linears[0], corners.cell[:, 0]
        seen = self.place(torch.cat((corners.rel_y[:, :1], corners.rel_x[:, :1]), 1), phase)
        hidden = torch.relu(F.linear(seen, single(first.weight), single(first.bias))).unsqueeze(-1)
        table = cells.index_select(0, cell).view(-1, 3, HIDDEN + 1)
        return (table[..., :HIDDEN] @ hidden).squeeze(-1) + table[..., HIDDEN]

    def place(self, offset: Tensor, phase: Tensor) -> Tensor:
        """What the MLP sees `[q, places]` of offsets `[q, 2]` from the cell's first corner, 2 per LR pixel."""
        return torch.cat((offset / 2, phase.expand(len(offset), 1)), 1)


def _is_metasr(state: State) -> bool:
    return "imnet.layers.0.weight" in state and side(state, "imnet.layers.0.weight", -1) == 3


ENTRIES = {"metasr": Entry(MetaSR, (), _is_metasr, lambda state, channels: {})}
