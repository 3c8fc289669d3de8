"""Integrated positional encoding (Liu et al., 2021, eqs 4-5): where a pixel lies, and how large it is, as waves.

The mean of `sin(w x)` over a pixel with centre c and half-edge r is `sin(w c) sin(w r) / (w r)`, that of the cosine
likewise: waves that are shorter than the pixel fade. The paper's eq. 6 prints "sinc" where, with its factors 1 / r and
1 / 2^l, "sin" is meant. Coordinates are local: the LR pixel spans [-1, 1].
"""

from typing import Literal

import torch
from torch import Tensor

Kind = Literal["ipe", "pe"]


def waves_of(bands: int, like: Tensor) -> Tensor:
    """Frequencies `[bands]`: 1, 2, 4, ..."""
    return torch.exp2(torch.arange(bands, dtype=like.dtype, device=like.device))


def fading(half: Tensor, bands: int) -> Tensor:
    """How much of every wave is left over pixels of half-edges `half [..., 2]` (y, x): `[..., 2, bands]`."""
    angle = half.unsqueeze(-1) * waves_of(bands, half)
    return torch.sinc(angle / torch.pi)


def encoded(centre: Tensor, faded: Tensor) -> Tensor:
    """The encoding `[..., 4 * bands]` of centres `[..., 2]` (y, x), where waves are left as in `faded [..., 2, bands]`.

    Sines and cosines of y, then those of x.
    """
    angle = centre.unsqueeze(-1) * waves_of(faded.shape[-1], centre)
    both = torch.stack((torch.sin(angle), torch.cos(angle)), -2) * faded.unsqueeze(-2)
    return both.flatten(-3)
