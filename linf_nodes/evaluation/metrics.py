"""Measures of fidelity, in the papers' protocols. Pictures are `[3, h, w]` in [0, 1]."""

import math
from typing import Literal

import torch
from torch import Tensor

from ..errors import BadShape

Protocol = Literal["y", "rgb"]

_LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)  # ITU-R BT.601, studio range, offset 16 / 255


def luma(picture: Tensor) -> Tensor:
    """Y of BT.601 in studio range `[1, h, w]`, as the super-resolution literature measures it."""
    weight = torch.tensor(_LUMA, dtype=picture.dtype, device=picture.device).view(3, 1, 1)
    return (picture * weight).sum(0, keepdim=True) + 16 / 255


def quantised(picture: Tensor) -> Tensor:
    """Clipped to [0, 1] and rounded to 8 bits, as a saved picture would be."""
    return picture.double().clamp(0, 1).mul(255).round().div(255)


def psnr(picture: Tensor, reference: Tensor, protocol: Protocol = "y", shave: int = 0) -> float:
    """Peak signal-to-noise ratio in dB of two pictures rounded to 8 bits, `shave` border pixels left out.

    Raises
    ------
    BadShape
        When the pictures differ in size, or nothing is left of them.
    """
    if picture.shape != reference.shape or min(picture.shape[1:]) <= 2 * shave:
        raise BadShape(f"Pictures of {tuple(picture.shape)} and {tuple(reference.shape)} with {shave} pixels shaved.")
    a, b = quantised(picture), quantised(reference)
    difference = luma(a) - luma(b) if protocol == "y" else a - b
    h, w = difference.shape[1:]
    error = float(difference[:, shave : h - shave, shave : w - shave].square().mean())
    return math.inf if error == 0 else -10 * math.log10(error)
