"""Antialiased bicubic reduction and bilinear enlargement of a crop, as small matrices."""

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


def _cubic(x: Tensor, a: float = -0.5) -> Tensor:
    x = x.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


@lru_cache(maxsize=1024)
def bicubic_matrix(n_in: int, n_out: int, device: torch.device) -> Tensor:
    """`[n_out, n_in]`: Pillow's bicubic resize of one axis (Keys a = -1/2, widened by the reduction factor)."""
    ratio = n_in / n_out
    stretch = max(ratio, 1.0)
    centre = (torch.arange(n_out, dtype=torch.float64) + 0.5) * ratio
    offset = torch.arange(n_in, dtype=torch.float64) + 0.5 - centre[:, None]
    weight = _cubic(offset / stretch)
    return (weight / weight.sum(1, keepdim=True)).float().to(device)


@lru_cache(maxsize=1024)
def bilinear_matrix(n_in: int, n_out: int, device: torch.device) -> Tensor:
    """`[n_out, n_in]`: half-pixel bilinear enlargement of one axis with the border repeated."""
    position = ((torch.arange(n_out, dtype=torch.float64) + 0.5) * n_in / n_out - 0.5).clamp(0, n_in - 1)
    weight = (1 - (position[:, None] - torch.arange(n_in, dtype=torch.float64)).abs()).clamp_min(0)
    return weight.float().to(device)


def reduce(picture: Tensor, n_out: tuple[int, int], levels: int = 255) -> Tensor:
    """Antialiased bicubic reduction of `[..., h, w]` in [0, 1] to `n_out`, rounded as an LR file would be."""
    return rounded(shrink(picture, n_out), levels)


def shrink(picture: Tensor, n_out: tuple[int, int]) -> Tensor:
    """The same before it is rounded."""
    y = bicubic_matrix(picture.shape[-2], n_out[0], picture.device)
    x = bicubic_matrix(picture.shape[-1], n_out[1], picture.device)
    return y @ picture @ x.T


def rounded(picture: Tensor, levels: int | Tensor = 255) -> Tensor:
    """Values in [0, 1] as integers from 0 to `levels` keep them."""
    return picture.clamp(0, 1).mul(levels).round().div(levels)


def enlarge(picture: Tensor, n_out: tuple[int, int]) -> Tensor:
    """Bilinear enlargement of `[..., h, w]` to `n_out`: the base that the texture is added to."""
    y = bilinear_matrix(picture.shape[-2], n_out[0], picture.device)
    x = bilinear_matrix(picture.shape[-1], n_out[1], picture.device)
    return y @ picture @ x.T


def along_both(y: Tensor, picture: Tensor, x: Tensor) -> Tensor:
    """`y_i @ picture_i @ x_i^T` of every channel: `[b, c, p, q]` of `[b, p, h]`, `[b, c, h, w]` and `[b, q, w]`."""
    b, c, h, _ = picture.shape
    return torch.matmul(y[:, None], torch.bmm(picture.flatten(1, 2), x.mT).view(b, c, h, -1))


def shrinking(sides: Sequence[int], n_out: int, room: int, device: torch.device) -> Tensor:
    """`[b, n_out, longest side]`: bicubic matrices of crops of these sides, zero beyond the shorter ones.

    `room` is the longest side that can come: matrices are kept, and have that size.
    """
    kept = [_shrinking(side, n_out, room, device) for side in sides]
    return torch.stack(kept)[..., : max(sides)]


def enlarging(n_in: int, sides: Sequence[int], room: int, device: torch.device) -> Tensor:
    """`[b, longest side, n_in]`: bilinear matrices of crops of these sides, zero beyond the shorter ones."""
    kept = [_enlarging(n_in, side, room, device) for side in sides]
    return torch.stack(kept)[:, : max(sides)]


@lru_cache(maxsize=1024)
def _shrinking(n_in: int, n_out: int, room: int, device: torch.device) -> Tensor:
    return F.pad(bicubic_matrix(n_in, n_out, device), (0, room - n_in))


@lru_cache(maxsize=1024)
def _enlarging(n_in: int, n_out: int, room: int, device: torch.device) -> Tensor:
    return F.pad(bilinear_matrix(n_in, n_out, device), (0, 0, 0, room - n_out))
