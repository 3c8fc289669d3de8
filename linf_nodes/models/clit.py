"""LIT and CLIT: cascaded local implicit transformer (Chen et al., CVPR 2023). LIT is CLIT with one branch."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import UnsupportedWeights
from .contract import Encoder, Network, Size
from .corners import Corners
from .entry import Channels, Entry, State, count, side
from .mlp import MLP, linear, single


class Near(NamedTuple):
    """The cells around q queries: the picture `[q]` of a batch, row and column `[q]` of the nearest cell, and the way
    `[q, 2 r + 1]` to every row and column of neighbours, 2 per LR pixel.
    """

    picture: Tensor
    y: Tensor
    x: Tensor
    way_y: Tensor
    way_x: Tensor


class PositionBias(nn.Module):
    """What the way to a neighbour adds to its attention, in each head: waves of it, and a linear layer (eq. 7)."""

    waves: Tensor

    def __init__(self, enc_dims: int, posenc_scale: float, head: int):
        super().__init__()
        waves = torch.exp2(torch.linspace(0, posenc_scale, enc_dims // 4)) - 1  # the first is 0, as published
        self.register_buffer("waves", waves, persistent=False)
        self.proj = nn.Linear(enc_dims, head)

    def axis(self, offset: Tensor, axis: int) -> Tensor:
        """The share `[..., head]` of one axis (0 = y) of offsets `[...]`, 2 per LR pixel; the bias is in that of y.

        The encoding is `[sin, cos]` of the waves of y and then of x, so that the layer's share of each is its own.
        """
        angle = offset.unsqueeze(-1) * self.waves
        n = len(self.waves)
        sines, cosines = single(self.proj.weight).split(2 * n, 1)
        part = slice(axis * n, (axis + 1) * n)
        weight = torch.cat((sines[:, part], cosines[:, part]), 1)
        bias = single(self.proj.bias) if axis == 0 else None
        return F.linear(torch.cat((angle.sin(), angle.cos()), -1), weight, bias)


class CLIT(Network):
    """What is added to the bilinear enlargement: local attention over the cells around a query, and an MLP of them.

    Parameters
    ----------
    encoder
        Maps `[b, 3, h, w]` to `[b, out_dim, h, w]`.
    base_dim, head
        Channels of queries, keys and values; heads, which divide them.
    r
        Cells to each side that are attended to.
    imnet_num
        Branches of the cascade: beyond x4 a further one works on the features enlarged so far.
    hidden_list
        Widths of the MLPs' hidden layers.
    enc_dims, posenc_scale
        Waves of the position bias, four numbers each, and the power of two of the fastest.
    is_cell
        The MLP is told the size of an output pixel.
    """

    family = "CLIT"
    reach = 2  # two convolutions
    queries = 512

    def __init__(
        self,
        encoder: Encoder,
        base_dim: int = 256,
        head: int = 8,
        r: int = 3,
        imnet_num: int = 1,
        hidden_list: Sequence[int] = (256, 256, 256, 256),
        enc_dims: int = 64,
        posenc_scale: float = 10.0,
        is_cell: bool = True,
    ):
        if base_dim % head or enc_dims % 4:
            raise UnsupportedWeights(
                f"A CLIT has base_dim = {base_dim}, head = {head}, enc_dims = {enc_dims}: heads divide the channels, "
                "and four the encoding."
            )
        super().__init__()
        self.encoder, self.is_cell, self.head = encoder, is_cell, head
        self.dim_in, self.around = base_dim, r
        self.width = 3 * base_dim
        self.conv_ch = nn.Conv2d(encoder.out_dim, base_dim, 3, padding=1)
        convs = (nn.ModuleList(nn.Conv2d(base_dim, base_dim, 3, padding=1) for _ in range(imnet_num)) for _ in range(3))
        self.conv_qs, self.conv_ks, self.conv_vs = convs
        inputs = (2 * r + 1) ** 2 * base_dim + (2 if is_cell else 0)
        self.imnets = nn.ModuleList(MLP(inputs, 3, hidden_list) for _ in range(imnet_num))
        self.pb_encoder = PositionBias(enc_dims, posenc_scale, head)

    def cells(self, feat: Tensor, part: tuple[slice, slice] = (slice(None), slice(None))) -> Tensor:
        """Query, key and value of the LR cells, `[b * cells, 3 * base_dim]`."""
        return self.branch_cells(0, self.conv_ch(feat), part)

    def branch_cells(self, branch: int, seen: Tensor, part: tuple[slice, slice]) -> Tensor:
        """Those of a branch, of features `[b, base_dim, h, w]` of its own grid."""
        convs = [group[branch] for group in (self.conv_qs, self.conv_ks, self.conv_vs)]
        weight, bias = (torch.cat([c.get_parameter(name) for c in convs]) for name in ("weight", "bias"))
        maps = torch.conv2d(seen, weight, bias, padding=1)[:, :, part[0], part[1]]
        return maps.permute(0, 2, 3, 1).reshape(-1, self.width)

    def phases(self, rel_cell: Tensor) -> Tensor:
        """The size of an output pixel, `[q, 2]`."""
        return rel_cell

    def at(self, cells: Tensor, phase: Tensor, corners: Corners, work: Any = None, size: Size = (0, 0)) -> Tensor:
        """Residual colours `[q, 3]`."""
        asked, near = self.geometry(cells, corners, size)
        return self.answer(0, cells, asked, near, phase, size)

    def answer(self, branch: int, cells: Tensor, asked: Tensor, near: Near, phase: Tensor, size: Size) -> Tensor:
        """What a branch answers `[q, 3]` to queries `asked [q, base_dim]`, of the cells of its own grid."""
        values, attention = self.attended(cells, asked, near, size)
        scaled = values.unflatten(-1, (self.head, -1)) * attention.unsqueeze(-1).to(values.dtype)
        rows = scaled.flatten(1)  # neighbours are not summed: the MLP sees each
        imnet = self.imnets[branch]
        assert isinstance(imnet, MLP)
        first, *others, last = imnet.linears
        n = rows.shape[1]
        x = F.linear(rows, first.weight[:, :n], first.bias)
        if self.is_cell:
            x = x + F.linear(phase.to(x.dtype), first.weight[:, n:])
        x = F.gelu(x)
        for layer in others:
            x = F.gelu(linear(layer, x))
        return F.linear(x, last.weight, last.bias)

    def attended(self, cells: Tensor, asked: Tensor, near: Near, size: Size) -> tuple[Tensor, Tensor]:
        """Values `[q, n, base_dim]` of the n cells around each query, and their attention `[q, n, head]` (eqs 3-6)."""
        q, (rows, cols), r, d = len(asked), size, self.around, self.dim_in
        step = torch.arange(-r, r + 1, device=cells.device)
        ys, xs = near.y.unsqueeze(1) + step, near.x.unsqueeze(1) + step
        inside = ((ys >= 0) & (ys < rows)).unsqueeze(2) & ((xs >= 0) & (xs < cols)).unsqueeze(1)
        at = (near.picture.view(-1, 1, 1) * rows + ys.clamp(0, rows - 1).unsqueeze(2)) * cols
        at = at + xs.clamp(0, cols - 1).unsqueeze(1)
        around = cells[:, d:].index_select(0, at.flatten()).view(q, -1, 2 * d)
        around = around * inside.view(q, -1, 1).to(around.dtype)  # beyond the picture there are zeros
        keys, values = around.split(d, -1)
        bias = self.pb_encoder.axis(near.way_y, 0).unsqueeze(2) + self.pb_encoder.axis(near.way_x, 1).unsqueeze(1)
        alike = keys.unflatten(-1, (self.head, -1)) * asked.view(q, 1, self.head, -1)
        logits = single(alike.sum(-1)) / (d / self.head) ** 0.5 + bias.view(q, -1, self.head)
        return values, logits.softmax(1)

    def geometry(self, cells: Tensor, corners: Corners, size: Size) -> tuple[Tensor, Near]:
        """Queries `[q, base_dim]`, bilinear with zeros beyond the picture, and the cells around them."""
        low, high = (corners.rel_y[:, 0], corners.rel_x[:, 0]), (corners.rel_y[:, 3], corners.rel_x[:, 3])
        # at a border both are one cell, which counts once
        (y0, y1), (x0, x1) = ((1 - a.abs() / 2, (1 - b.abs() / 2) * (a != b)) for a, b in zip(low, high, strict=True))
        weight = torch.stack((y0 * x0, y0 * x1, y1 * x0, y1 * x1), 1)
        rows = cells[:, : self.dim_in].index_select(0, corners.cell.flatten()).view(len(weight), 4, -1)
        asked = (rows * weight.unsqueeze(-1).to(rows.dtype)).sum(1)
        first, last = corners.cell[:, 0], corners.cell[:, 3]
        upper = [b.abs() <= a.abs() for a, b in zip(low, high, strict=True)]  # half-way ties go to the larger cell
        y = torch.where(upper[0], last // size[1] % size[0], first // size[1] % size[0])
        x = torch.where(upper[1], last % size[1], first % size[1])
        way = [torch.where(u, b, a).unsqueeze(1) for u, a, b in zip(upper, low, high, strict=True)]
        step = 2 * torch.arange(-self.around, self.around + 1, device=cells.device)
        return asked, Near(first // (size[0] * size[1]), y, x, way[0] - step, way[1] - step)


def _deduced(state: State, channels: Channels) -> dict[str, Any]:
    """`posenc_scale` shows in no tensor: every published model has 10."""
    dim, hidden = side(state, "conv_ch.weight"), count(state, r"imnets\.0\.layers\.(\d+)\.weight") - 1
    inputs = side(state, "imnets.0.layers.0.weight", 1)
    near, rest = divmod(inputs, dim)
    return {
        "base_dim": dim,
        "head": side(state, "pb_encoder.proj.weight"),
        "enc_dims": side(state, "pb_encoder.proj.weight", 1),
        "r": (round(near**0.5) - 1) // 2,
        "imnet_num": count(state, r"imnets\.(\d+)\."),
        "hidden_list": [side(state, f"imnets.0.layers.{2 * i}.weight") for i in range(hidden)],
        "is_cell": rest == 2,
    }


ENTRIES = {
    "clit": Entry(
        CLIT,
        ("base_dim", "head", "r", "imnet_num", "hidden_list", "enc_dims", "posenc_scale", "is_cell"),
        lambda state: "conv_ch.weight" in state and "pb_encoder.proj.weight" in state,
        _deduced,
        inert=("out_dim", "act", "conv_num", "local_attn", "posenc_type", "hidden_dims", "gamma"),
    )
}
