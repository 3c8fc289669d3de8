"""SPAN encoder (Wan et al., CVPRW 2024), without up-sampling: plain 3x3 convolutions whose output gates itself."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .contract import Encoder
from .edsr import RGB_MEAN
from .entry import Entry, count, side


class AttentionBlock(nn.Module):
    """Three 3x3 convolutions H of the input O; `(O + H) * (sigmoid(H) - 1/2)` comes out: attention without parameters.

    The first convolution, activated, comes out too.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(dim, dim, 3, padding=1) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = F.silu(self.convs[0](x))
        h = self.convs[2](F.silu(self.convs[1](first)))
        return (x + h) * (torch.sigmoid(h) - 0.5), first


class SPAN(Encoder):
    """Features `[b, dim, h, w]` of a normalised picture `[b, 3, h, w]`.

    What is fused: the shallow features, the first block's, the last block's after one more convolution, and the first
    convolution inside the last block (where the paper names the block before it: the published weights were made so).

    Parameters
    ----------
    dim, n_blocks
        Channels, and blocks; 28, 6 is the published slim one, 48, 6 the paper's.
    """

    copies = 9
    mean: Tensor

    def __init__(self, dim: int = 28, n_blocks: int = 6):
        super().__init__()
        self.out_dim = dim
        self.receptive_field = self.halo = 3 * n_blocks + 2
        self.register_buffer("mean", 2 * torch.tensor(RGB_MEAN).view(1, 3, 1, 1) - 1, persistent=False)
        self.head = nn.Conv2d(3, dim, 3, padding=1)
        self.blocks = nn.ModuleList(AttentionBlock(dim) for _ in range(n_blocks))
        self.last = nn.Conv2d(dim, dim, 3, padding=1)
        self.fuse = nn.Conv2d(4 * dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.head(x - self.mean)
        early, inner = self.blocks[0](shallow)
        y = early
        for block in self.blocks[1:]:
            y, inner = block(y)
        features: Tensor = self.fuse(torch.cat((shallow, self.last(y), early, inner), 1))
        return features


ENTRIES = {
    "span": Entry(
        SPAN,
        ("dim", "n_blocks"),
        lambda state: "blocks.0.convs.0.weight" in state and "fuse.weight" in state,
        lambda state: {"dim": side(state, "head.weight"), "n_blocks": count(state, r"blocks\.(\d+)\.")},
    )
}
