"""SMFANet encoder (Zheng et al., ECCV 2024), without up-sampling, made local: what it sees of a pixel has a limit.

The published network looks at the whole picture in two places of every block: the variance of each channel over the
picture, and a pooling to an eighth of the sides. Here a learned constant stands for the variance, and the pooling is
over squares of 8 x 8 pixels that lie at multiples of 8 of the picture, so that tiles see the same squares.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .contract import Encoder
from .entry import Entry, State, count, side

SQUARE = 8


class LocalDetail(nn.Module):
    """Local branch of a block: a depthwise 3x3 convolution that widens, two pointwise ones."""

    def __init__(self, dim: int, growth: int = 2):
        super().__init__()
        hidden = dim * growth
        self.conv_0 = nn.Sequential(nn.Conv2d(dim, hidden, 3, padding=1, groups=dim), nn.Conv2d(hidden, hidden, 1))
        self.conv_1 = nn.Conv2d(hidden, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv_1(F.gelu(self.conv_0(x)))
        return y


class Modulation(nn.Module):
    """Self-modulation feature aggregation: what a square of pixels has in common gates its pixels, beside `lde`."""

    def __init__(self, dim: int):
        super().__init__()
        self.linear_0, self.linear_1, self.linear_2 = (nn.Conv2d(dim, n, 1) for n in (2 * dim, dim, dim))
        self.lde = LocalDetail(dim)
        self.dw_conv = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.alpha = nn.Parameter(torch.ones(1, dim, 1, 1))
        self.belt = nn.Parameter(torch.zeros(1, dim, 1, 1))
        self.const = nn.Parameter(torch.ones(1, dim, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        local, wide = self.linear_0(x).chunk(2, 1)
        squares = self.dw_conv(F.max_pool2d(wide, SQUARE))
        gate = F.gelu(self.linear_1(squares * self.alpha + self.const * self.belt))
        gated = wide * F.interpolate(gate, scale_factor=float(SQUARE), mode="nearest")
        y: Tensor = self.linear_2(gated + self.lde(local))
        return y


class PartialConvolution(nn.Module):
    """Feed-forward half of a block: a quarter of the hidden channels passes through a 3x3 convolution."""

    def __init__(self, dim: int, ffn_scale: float):
        super().__init__()
        hidden = int(dim * ffn_scale)
        self.part = hidden // 4
        self.conv_0 = nn.Conv2d(dim, hidden, 1)
        self.conv_1 = nn.Conv2d(self.part, self.part, 3, padding=1)
        self.conv_2 = nn.Conv2d(hidden, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.conv_0(x))
        mixed, rest = x[:, : self.part], x[:, self.part :]
        y: Tensor = self.conv_2(torch.cat((F.gelu(self.conv_1(mixed)), rest), 1))
        return y


class Block(nn.Module):
    """Both halves, each a residual of its input divided by that input's norm over the channels."""

    def __init__(self, dim: int, ffn_scale: float):
        super().__init__()
        self.smfa, self.pcfn = Modulation(dim), PartialConvolution(dim, ffn_scale)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.smfa(F.normalize(x))
        y: Tensor = self.pcfn(F.normalize(x))
        return x + y


class SMFANet(Encoder):
    """Features `[b, dim, h, w]` of a normalised picture `[b, 3, h, w]`, padded by repetition to whole squares.

    Parameters
    ----------
    dim, n_blocks, ffn_scale
        36, 8, 2 is "SMFANet"; 48, 12, 2 is "SMFANet+".
    """

    align = SQUARE
    halo = 48
    copies = 11

    def __init__(self, dim: int = 36, n_blocks: int = 8, ffn_scale: float = 2.0):
        super().__init__()
        self.out_dim = dim
        # a block's worst: from a square's edge over the square beside it, and one pixel of the 3x3 convolution
        self.receptive_field = 1 + n_blocks * (2 * SQUARE - 1 + 1)
        self.to_feat = nn.Conv2d(3, dim, 3, padding=1)
        self.feats = nn.Sequential(*(Block(dim, ffn_scale) for _ in range(n_blocks)))

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        x = F.pad(0.5 * x + 0.5, (0, -w % SQUARE, 0, -h % SQUARE), mode="replicate")
        first = self.to_feat(x)
        y: Tensor = first + self.feats(first)
        return y[..., :h, :w]


def smfanet_args(state: State) -> dict[str, Any]:
    """The sizes of a SMFANet, also of a published one."""
    dim, hidden = side(state, "to_feat.weight"), side(state, "feats.0.pcfn.conv_0.weight")
    return {"dim": dim, "n_blocks": count(state, r"feats\.(\d+)\."), "ffn_scale": hidden / max(dim, 1)}


ENTRIES = {
    "smfanet": Entry(
        SMFANet, ("dim", "n_blocks", "ffn_scale"), lambda state: "feats.0.smfa.const" in state, smfanet_args
    )
}
