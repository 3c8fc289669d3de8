"""What is printed on every picture at the same place of every patch: the fixed pattern of a model's detail.

Single pictures have such means by chance, in a direction of their own; over many pictures only what is fixed is left.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .metrics import luma, quantised

_WINDOW = 9  # pixels to each side of what counts as the surroundings


def phases(picture: Tensor, patch: int) -> Tensor | None:
    """How much brighter than its surroundings a pixel is on average, by its place in its patch.

    Parameters
    ----------
    picture
        `[3, h, w]` in [0, 1]; its quieter half of patches counts, by the variance of the 9 x 9 pixels around.

    Returns
    -------
    Tensor
        `[patch, patch]` in levels of 255 of Y; None where the picture is too small, or a patch is one pixel.
    """
    if patch < 2 or min(picture.shape[-2:]) < _WINDOW + patch:
        return None
    y = 255 * luma(quantised(picture))[None]
    mean = F.avg_pool2d(y, _WINDOW, 1)
    variance = F.avg_pool2d(y.square(), _WINDOW, 1) - mean.square()
    margin = _WINDOW // 2
    inner = y[..., margin:-margin, margin:-margin]
    apart, around = (_patches(plane[0, 0], -margin % patch, patch) for plane in (inner - mean, variance))
    around = around.mean((1, 3))
    quiet = around <= around.median()
    return apart.transpose(1, 2)[quiet].mean(0)


def _patches(plane: Tensor, first: int, patch: int) -> Tensor:
    """The whole patches `[rows, patch, columns, patch]` of a plane, of which the first begins at `first`."""
    h, w = ((side - first) // patch for side in plane.shape)
    return plane[first : first + h * patch, first : first + w * patch].reshape(h, patch, w, patch)


def strength(pictures: Sequence[Tensor | None]) -> float | None:
    """The pattern that pictures have in common: root mean square over a patch of the mean of their `phases`."""
    known = [found for found in pictures if found is not None]
    return float(torch.stack(known).mean(0).square().mean().sqrt()) if known else None
