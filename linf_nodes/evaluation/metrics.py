"""Measures of one picture against another, as docs/metrics.md defines them. Pictures are `[3, h, w]` in [0, 1]."""

import math
from typing import Literal

import torch
from torch import Tensor

from ..errors import BadShape
from .resize import bicubic

Protocol = Literal["y", "rgb"]

_LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)  # ITU-R BT.601, studio range, offset 16 / 255
_WINDOW, _SIGMA = 11, 1.5  # SSIM's
_C1, _C2 = 0.01**2, 0.03**2


def luma(picture: Tensor) -> Tensor:
    """Y of BT.601 in studio range `[1, h, w]`, as the super-resolution literature measures it."""
    weight = torch.tensor(_LUMA, dtype=picture.dtype, device=picture.device).view(3, 1, 1)
    return (picture * weight).sum(0, keepdim=True) + 16 / 255


def quantised(picture: Tensor) -> Tensor:
    """Clipped to [0, 1] and rounded to 8 bits in float64, as a saved picture would be; what is no number is black."""
    return picture.double().nan_to_num(nan=0.0).clamp(0, 1).mul(255).round().div(255)


def psnr(picture: Tensor, reference: Tensor, protocol: Protocol = "y", shave: int = 0) -> float:
    """Peak signal-to-noise ratio in dB of two pictures rounded to 8 bits, `shave` border pixels left out.

    Raises
    ------
    BadShape
        When the pictures differ in size, or nothing is left of them.
    """
    a, b = _planes(picture, reference, protocol, shave, least=1)
    error = float((a - b).square().mean())
    return math.inf if error == 0 else -10 * math.log10(error)


def ssim(picture: Tensor, reference: Tensor, protocol: Protocol = "y", shave: int = 0) -> float:
    """Structural similarity (Wang et al., TIP 2004) of two pictures rounded to 8 bits, mean over the planes.

    Gaussian window of 11 x 11, sigma 1.5, only where it lies inside the picture.

    Raises
    ------
    BadShape
        When the pictures differ in size, or less than a window is left of them.
    """
    a, b = _planes(picture, reference, protocol, shave, least=_WINDOW)
    mean_a, mean_b = _blurred(a), _blurred(b)
    cross = mean_a * mean_b
    squares = mean_a.square() + mean_b.square()
    variances = _blurred(a.square() + b.square()) - squares
    covariance = _blurred(a * b) - cross
    values = (2 * cross + _C1) * (2 * covariance + _C2) / ((squares + _C1) * (variances + _C2))
    return float(values.mean())


def lr_psnr(picture: Tensor, lr: Tensor) -> float:
    """PSNR over RGB between `lr` and the picture reduced to its size by Pillow's bicubic filter, both in 8 bits."""
    return psnr(bicubic(quantised(picture), (lr.shape[1], lr.shape[2])), lr, "rgb")


def diversity(samples: Tensor) -> float:
    """Standard deviation (n - 1) over `samples [k, 3, h, w]`, clipped to [0, 1], mean over all pixels, from 0 to 255.

    Raises
    ------
    BadShape
        When there are fewer than two samples.
    """
    if samples.ndim != 4 or len(samples) < 2:
        raise BadShape(f"The samples have shape {tuple(samples.shape)}: give [at least 2, 3, h, w].")
    return float(255 * samples.double().clamp(0, 1).std(0).mean())


def grid_energy(picture: Tensor, reference: Tensor, patch: int) -> float:
    """How much more gradient lies across patch borders than in the reference: 1 is none, NaN where it has no meaning.

    `E = mean of squared differences across borders / mean of those inside patches`; the result is `E(picture) /
    E(reference)`. Patches start at the first pixel.
    """
    if patch < 2 or min(picture.shape[1:]) <= patch:
        return math.nan
    ours, true = (_border_ratio(quantised(p), patch) for p in (picture, reference))
    return ours / true if true > 0 else math.nan


def inf_share(picture: Tensor) -> float:
    """Share of samples that are NaN or infinite, from 0 to 1: where the inverse flow exploded."""
    return float((~picture.isfinite()).double().mean())


def _planes(picture: Tensor, reference: Tensor, protocol: Protocol, shave: int, least: int) -> tuple[Tensor, Tensor]:
    """The shaved planes `[1 or 3, h, w]` that a protocol compares, of which at least `least` pixels a side are left."""
    if picture.shape != reference.shape or min(picture.shape[1:]) < 2 * shave + least:
        raise BadShape(
            f"Pictures of {tuple(picture.shape)} and {tuple(reference.shape)} with {shave} pixels shaved off each side "
            f"cannot be compared: give equal sizes of at least {2 * shave + least} pixels a side."
        )
    h, w = picture.shape[1:]
    a, b = (quantised(p)[:, shave : h - shave, shave : w - shave] for p in (picture, reference))
    return (luma(a), luma(b)) if protocol == "y" else (a, b)


def _blurred(planes: Tensor) -> Tensor:
    at = torch.arange(_WINDOW, dtype=planes.dtype, device=planes.device) - _WINDOW // 2
    weight = (-at.square() / (2 * _SIGMA**2)).exp()
    weight = weight / weight.sum()
    rows = torch.nn.functional.conv2d(planes[:, None], weight.view(1, 1, -1, 1))
    return torch.nn.functional.conv2d(rows, weight.view(1, 1, 1, -1))[:, 0]


def _border_ratio(picture: Tensor, patch: int) -> float:
    across, inside = [], []
    for axis in (1, 2):
        square = picture.diff(dim=axis).square()
        at_border = torch.arange(1, square.shape[axis] + 1, device=square.device) % patch == 0
        across.append(square.movedim(axis, 0)[at_border].flatten())
        inside.append(square.movedim(axis, 0)[~at_border].flatten())
    within = float(torch.cat(inside).mean())
    return float(torch.cat(across).mean()) / within if within > 0 else math.nan
