"""LIIF: local implicit image function (Chen et al., CVPR 2021)."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .contract import Encoder, Network, Size
from .corners import Corners, nearest
from .entry import Channels, Entry, State, count, side
from .mlp import MLP, linear, single


class LIIF(Network):
    """The colour at a query point: an MLP of the features of the LR cells around it, of the way there, and of its size.

    The MLP's first layer is linear in the features, so its part of them is a convolution of the LR picture, computed
    once a cell instead of once a query and cell.

    Parameters
    ----------
    encoder
        Maps `[b, 3, h, w]` to `[b, out_dim, h, w]`.
    hidden_list
        Widths of the MLP's hidden layers.
    local_ensemble
        The mean over the four cells around a query, by the area of the opposite one (eq. 4); else the nearest alone.
    feat_unfold
        Features of the 3 x 3 cells around a cell are seen together (eq. 3).
    cell_decode
        The MLP is told the size of an output pixel (section 3, "cell decoding").
    """

    family = "LIIF"
    over_bilinear = False

    def __init__(
        self,
        encoder: Encoder,
        hidden_list: Sequence[int] = (256, 256, 256, 256),
        local_ensemble: bool = True,
        feat_unfold: bool = True,
        cell_decode: bool = True,
    ):
        super().__init__()
        self.encoder = encoder
        self.local_ensemble, self.feat_unfold, self.cell_decode = local_ensemble, feat_unfold, cell_decode
        self.seen = encoder.out_dim * (9 if feat_unfold else 1)
        self.width, self.reach = hidden_list[0], 1 if feat_unfold else 0
        self.imnet = self.decoder(hidden_list)

    def decoder(self, hidden_list: Sequence[int]) -> MLP:
        """The MLP, of features, the way to the query and the size of its pixel."""
        return MLP(self.seen + (4 if self.cell_decode else 2), 3, hidden_list)

    def cells(self, feat: Tensor, part: tuple[slice, slice] = (slice(None), slice(None))) -> Tensor:
        """The first layer's share of the features, `[b * cells, width]`."""
        first, side = self.imnet.linears[0], 3 if self.feat_unfold else 1
        weight = first.weight[:, : self.seen].unflatten(1, (-1, side, side))
        seen = torch.conv2d(feat, weight, padding=side // 2)[:, :, part[0], part[1]]
        return single(seen.permute(0, 2, 3, 1).reshape(-1, self.width))

    def phases(self, rel_cell: Tensor) -> Tensor:
        """The first layer's share of the size of an output pixel, `[q, width]`."""
        first = self.imnet.linears[0]
        if not self.cell_decode:
            return single(first.bias[None])
        return F.linear(rel_cell, single(first.weight[:, self.seen + 2 :]), single(first.bias))

    def at(self, cells: Tensor, phase: Tensor, corners: Corners, work: Any = None, size: Size = (0, 0)) -> Tensor:
        """Colours `[q, 3]`."""
        if not self.local_ensemble:
            corners = nearest(corners)
        q, n = corners.cell.shape
        rows = cells.index_select(0, corners.cell.flatten()).view(q, n, -1)
        offset = torch.stack((corners.rel_y, corners.rel_x), 2)
        x = self.hidden(rows, offset, phase)
        last = self.imnet.linears[-1]
        weight = corners.weight.unsqueeze(-1).to(x.dtype)  # the last layer is linear: the mean may go first
        return F.linear((x.view(q, n, -1) * weight).sum(1), last.weight, last.bias)

    def hidden(self, rows: Tensor, offset: Tensor, phase: Tensor) -> Tensor:
        """The last hidden layer `[q * n, c]`, of the cells' share `rows [q, n, width]` and `offset [q, n, 2]`."""
        first, *others, last = self.imnet.linears
        way = single(first.weight[:, self.seen : self.seen + 2])
        x = torch.relu(rows + F.linear(offset, way) + phase.unsqueeze(1)).flatten(0, 1).to(last.weight.dtype)
        for layer in others:
            x = torch.relu(linear(layer, x))
        return x


def _is_liif(state: State) -> bool:
    first = state.get("imnet.layers.0.weight")
    return first is not None and first.ndim == 2 and first.shape[1] > 4 and "coef.weight" not in state


def _deduced(state: State, channels: Channels) -> dict[str, Any]:
    """`local_ensemble` shows in no tensor: every published model has it."""
    layers = count(state, r"imnet\.layers\.(\d+)\.weight")
    inputs = side(state, "imnet.layers.0.weight", 1)
    known = channels()
    unfold = inputs > 9 * known
    return {
        "hidden_list": [side(state, f"imnet.layers.{2 * i}.weight") for i in range(layers - 1)],
        "feat_unfold": unfold,
        "cell_decode": inputs - known * (9 if unfold else 1) == 4,
    }


ENTRIES = {
    "liif": Entry(
        LIIF,
        ("hidden_list", "local_ensemble", "feat_unfold", "cell_decode"),
        _is_liif,
        _deduced,
        inert=("out_dim",),
        unseen={("local_ensemble", False): "the nearest cell alone"},
    )
}
