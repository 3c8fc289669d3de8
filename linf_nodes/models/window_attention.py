"""Transformer blocks over square windows of a map (Liu et al., Swin Transformer, 2021)."""

import math
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .entry import State, count, side

BLOCKED = -100.0


def relative_position_index(window: int) -> Tensor:
    """Row of the bias table for each pair of tokens of a window: n n, n = window ** 2."""
    y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    dy, dx = (p.flatten()[:, None] - p.flatten()[None] + window - 1 for p in (y, x))
    return dy * (2 * window - 1) + dx


def seam_masks(window: int, shift: int) -> Tensor:
    """What a window astride the cyclic seam may not see across it: 2 n n, for a horizontal and a vertical seam."""
    after = torch.arange(window) >= window - shift
    y, x = torch.meshgrid(after, after, indexing="ij")
    return torch.stack([BLOCKED * (p.flatten()[:, None] != p.flatten()[None]) for p in (y, x)])


def picture_mask(size: int, window: int, shift: int) -> Tensor:
    """The seam masks of every window of a size x size map: windows n n, as published state dicts store them."""
    rows = size // window
    seam_y, seam_x = seam_masks(window, shift)
    mask = torch.zeros(rows, rows, window**2, window**2)
    mask[-1] += seam_y
    mask[:, -1] += seam_x
    return mask.flatten(0, 1).clamp(min=BLOCKED)


def window_reach(shifts: Sequence[int | None], window: int) -> int:
    """Pixels to each side that an output depends on, for the worst place of the pixel in its window.

    `shifts` lists the layers in order: the shift of an attention block, or None for a 3x3 convolution.
    """
    worst = 0
    for pixel in range(window):
        low = high = pixel
        for shift in reversed(shifts):
            if shift is None:
                low, high = low - 1, high + 1
            else:
                low = (low - shift) // window * window + shift
                high = (high - shift) // window * window + shift + window - 1
        worst = max(worst, pixel - low, high - pixel)
    return worst


def linear(x: Tensor, layer: nn.Linear) -> Tensor:
    """`layer(x)`, x ... t c. On a CPU as a 1x1 convolution, which oneDNN does at twice the speed of some BLAS.

    Up to 256 channels both sum in one run, so that they round alike; beyond, the published order is kept.
    """
    rows = x.flatten(0, -3)
    if x.device.type == "cpu" and x.dtype == torch.float32 and layer.in_features <= 256:
        y = F.conv2d(rows.transpose(1, 2).unsqueeze(2), layer.weight[:, :, None, None], layer.bias)
        y = y.squeeze(2).transpose(1, 2)
    else:
        y = layer(rows)
    return y.reshape(*x.shape[:-1], -1)


class WindowAttention(nn.Module):
    """Multi-head attention with a learned bias per relative position, inside each window."""

    relative_position_index: Tensor

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_position_index(window))
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, seam_y: Tensor | None, seam_x: Tensor | None) -> Tensor:
        """Tokens b rows cols n c -> the same shape; a seam mask applies to the last row or column of windows."""
        b, rows, cols, n, c = x.shape
        qkv = linear(x, self.qkv).view(b, rows, cols, n, 3, self.heads, c // self.heads)
        bias = F.embedding(self.relative_position_index, self.relative_position_bias_table).permute(2, 0, 1)
        q, k, v = qkv.permute(4, 0, 1, 2, 5, 3, 6)  # b rows cols heads n d
        scores = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1)
        scores += bias
        if seam_y is not None:
            scores[:, -1] += seam_y
        if seam_x is not None:
            scores[:, :, -1] += seam_x
        return linear((scores.softmax(dim=-1) @ v).transpose(-3, -2).reshape(x.shape), self.proj)


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them, over the channels of b h w c."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return linear(F.gelu(linear(x, self.fc1)), self.fc2)


class SwinBlock(nn.Module):
    """Windowed attention, then an MLP, each normalised before and added to its input: b h w c -> b h w c.

    Sides that are no multiple of the window are filled up with zeros, after the normalisation and for the
    attention only.
    """

    def __init__(self, dim: int, heads: int, window: int, shift: int, mlp_ratio: float) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads, window)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))

    def forward(self, x: Tensor, seam_y: Tensor | None = None, seam_x: Tensor | None = None) -> Tensor:
        x = x + self._attend(self.norm1(x), seam_y, seam_x)
        y: Tensor = x + self.mlp(self.norm2(x))
        return y

    def _attend(self, x: Tensor, seam_y: Tensor | None, seam_x: Tensor | None) -> Tensor:
        b, h, w, c = x.shape
        side = self.window
        if h % side or w % side:
            x = F.pad(x, (0, 0, 0, -w % side, 0, -h % side))
        if self.shift:
            x = x.roll((-self.shift, -self.shift), dims=(1, 2))
        rows, cols = x.shape[1] // side, x.shape[2] // side
        tokens = x.reshape(b, rows, side, cols, side, c).transpose(2, 3).reshape(b, rows, cols, side * side, c)
        y = self.attn(tokens, seam_y, seam_x).view(b, rows, cols, side, side, c).transpose(2, 3)
        y = y.reshape(b, rows * side, cols * side, c)
        if self.shift:
            y = y.roll((self.shift, self.shift), dims=(1, 2))
        out: Tensor = y[:, :h, :w]
        return out


def stages(state: State, blocks: str) -> dict[str, Any]:
    """Depths, heads and window of a transformer's stages, from a state dict's shapes."""
    every = range(count(state, rf"layers\.(\d+)\.{re.escape(blocks)}"))
    depths = [count(state, rf"layers\.{i}\.{re.escape(blocks)}(\d+)\.") for i in every]
    tables = [f"layers.{i}.{blocks}0.attn.relative_position_bias_table" for i in every]
    rows = side(state, tables[0]) if tables else 1
    heads = [side(state, table, 1) for table in tables]
    return {"depths": depths, "num_heads": heads, "window_size": (math.isqrt(rows) + 1) // 2}
