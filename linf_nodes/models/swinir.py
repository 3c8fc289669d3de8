"""SwinIR encoder: shifted-window transformer for restoration (Liang et al. 2021)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import BadShape
from .contract import Encoder
from .entry import Entry, State, side
from .window_attention import SwinBlock, picture_mask, seam_masks, stages, window_reach


class Block(SwinBlock):
    """A block that stores, if shifted, the mask of the training size, as published state dicts do.

    The stored mask is never read: it says nothing that the two seam masks do not say for every size.
    """

    def __init__(self, dim: int, heads: int, window: int, shift: int, mlp_ratio: float, img_size: int) -> None:
        super().__init__(dim, heads, window, shift, mlp_ratio)
        self.register_buffer("attn_mask", picture_mask(img_size, window, shift) if shift else None)


class ResidualGroup(nn.Module):
    """Blocks with alternating shift: b h w c -> b h w c."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, seams: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, *seams) if block.shift else block(x)
        return x


class Stage(nn.Module):
    """A residual group and a 3x3 convolution, plus the input: b h w c -> b h w c."""

    def __init__(self, group: ResidualGroup, dim: int) -> None:
        super().__init__()
        self.residual_group = group
        self.conv = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, x: Tensor, seams: Tensor, layout: torch.memory_format) -> Tensor:
        y = self.residual_group(x, seams).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        out: Tensor = self.conv(y).permute(0, 2, 3, 1) + x
        return out


class PatchEmbed(nn.Module):
    """The normalisation of every pixel's channels before the first stage."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x)
        return y


class SwinIR(Encoder):
    """Normalised LR picture b 3 h w, sides multiples of the window, -> features b 64 h w.

    Raises BadShape for other sides; `padded` fills them up.
    """

    out_dim = 64
    halo = 32
    copies = 70
    seams: Tensor

    def __init__(
        self,
        embed_dim: int = 180,
        depths: Sequence[int] = (6, 6, 6, 6, 6, 6),
        num_heads: Sequence[int] = (6, 6, 6, 6, 6, 6),
        window_size: int = 8,
        mlp_ratio: float = 2,
        img_size: int = 48,
    ) -> None:
        super().__init__()
        self.align = window_size
        shift = window_size // 2 if img_size > window_size else 0
        shifts = [[shift if i % 2 else 0 for i in range(depth)] for depth in depths]
        layers = [None, *(step for stage in shifts for step in (*stage, None)), None, None]
        self.receptive_field = window_reach(layers, window_size)
        self.register_buffer("seams", seam_masks(window_size, shift), persistent=False)
        self.conv_first = nn.Conv2d(3, embed_dim, 3, padding=1)
        self.patch_embed = PatchEmbed(embed_dim)
        self.layers = nn.ModuleList(
            Stage(
                ResidualGroup([Block(embed_dim, heads, window_size, s, mlp_ratio, img_size) for s in stage]), embed_dim
            )
            for stage, heads in zip(shifts, num_heads, strict=True)
        )
        self.norm = nn.LayerNorm(embed_dim)
        self.conv_after_body = nn.Conv2d(embed_dim, embed_dim, 3, padding=1)
        self.conv_before_upsample = nn.Sequential(
            nn.Conv2d(embed_dim, self.out_dim, 3, padding=1), nn.LeakyReLU(0.01, inplace=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        if h % self.align or w % self.align:
            raise BadShape(f"SwinIR got a {h} x {w} picture; pad both sides to a multiple of {self.align} first.")
        # Convolutions keep the picture's own memory layout: rounding depends on it, and reference vectors too.
        layout = torch.contiguous_format if x.is_contiguous() else torch.channels_last
        first = self.conv_first(x)
        y = self.patch_embed(first.permute(0, 2, 3, 1))  # b h w c
        for layer in self.layers:
            y = layer(y, self.seams, layout)
        y = self.conv_after_body(self.norm(y).permute(0, 3, 1, 2).contiguous(memory_format=layout)) + first
        out: Tensor = self.conv_before_upsample(y)
        return out

    def padded(self, x: Tensor) -> Tensor:
        """Fill up the bottom and the right by reflection, or by repetition where the side is too short for it."""
        for axis, length in ((2, x.shape[-2]), (3, x.shape[-1])):
            extra = -length % self.align
            pad = (0, 0, 0, extra) if axis == 2 else (0, extra, 0, 0)
            x = F.pad(x, pad, mode="reflect" if extra < length else "replicate")
        return x


def _deduced(state: State) -> dict[str, Any]:
    """A picture size that is not above the window means unshifted blocks, which store no mask."""
    args = stages(state, "residual_group.blocks.")
    embed, window = side(state, "conv_first.weight"), args["window_size"]
    hidden = side(state, "layers.0.residual_group.blocks.0.mlp.fc1.weight")
    masks = [value for name, value in state.items() if name.endswith(".attn_mask")]
    windows = math.isqrt(len(masks[0])) if masks and masks[0].ndim else 1
    return {"embed_dim": embed, **args, "mlp_ratio": hidden / max(embed, 1), "img_size": windows * window}


ENTRIES = {
    "swinir": Entry(
        SwinIR,
        ("embed_dim", "depths", "num_heads", "window_size", "mlp_ratio", "img_size"),
        lambda state: "conv_first.weight" in state and "patch_embed.norm.weight" in state,
        _deduced,
    )
}
