"""What local power spectra say of a picture: patterns that should not be there, and texture that should."""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 32  # pixels to each side
NEARBY = 2  # bins to each side
WAVE = (0.25 / 255) ** 2  # the power of a wave of half a grey level
NOISE = (1 / 255) ** 2 * 1.5**2 / WINDOW**2  # and, in every bin, of noise whose standard deviation is one


def spectra(pictures: Tensor) -> Tensor:
    """Power `[b * 3, windows, WINDOW, WINDOW]` of half-overlapping Hann windows of `[b, 3, n, n]`, n >= WINDOW.

    The window's mean is taken off first; a wave of amplitude a gives a^2 / 4 at its frequency.
    """
    flat = F.unfold(pictures.flatten(0, 1)[:, None], WINDOW, stride=WINDOW // 2).mT
    flat = flat.reshape(*flat.shape[:2], WINDOW, WINDOW)
    hann = torch.hann_window(WINDOW, periodic=False, device=pictures.device)
    window = hann[:, None] * hann
    power: Tensor = torch.fft.fft2((flat - flat.mean((-2, -1), keepdim=True)) * window / window.sum()).abs().square()
    return power


def pattern_excess(found: Tensor, wanted: Tensor) -> Tensor:
    """By how much pictures with the spectra `found` show regular patterns that those with `wanted` do not have.

    The mean over frequencies of the squared log of what stands above the strongest wanted frequency nearby (NEARBY bins
    to each side), and above a wave of half a grey level in 255. Once window by window, and once of the crop's mean
    spectrum, where faint patterns rise out of the texture. Texture passes where some is wanted of about its frequency;
    a screen of dots is a peak. Distances of features or pixels hardly notice such patterns, the eye does at once.
    """
    return _excess(found.flatten(0, 1), wanted.flatten(0, 1)) + _excess(found.mean(1), wanted.mean(1))


def texture_deficit(found: Tensor, wanted: Tensor) -> Tensor:
    """By how much pictures with the spectra `found` lack the fine texture of those with `wanted`, wherever it lies.

    The mean over frequencies of the squared log of what `wanted` has more than `found`, both averaged over NEARBY bins
    to each side, above noise of one grey level in 255. Distances of features or pixels prefer no texture to one whose
    grains lie elsewhere; texture of the right strength, whatever its place, is what a sample of the distribution has
    (LINF, CVPR 2023).
    """
    high, low = (F.avg_pool2d(_around(p.flatten(0, 1)), 2 * NEARBY + 1, stride=1) for p in (wanted, found))
    return _above(high, low, NOISE)


def _excess(found: Tensor, wanted: Tensor) -> Tensor:
    return _above(found, F.max_pool2d(_around(wanted), 2 * NEARBY + 1, stride=1), WAVE)


def _around(power: Tensor) -> Tensor:
    """Spectra with NEARBY more bins to each side: frequencies go round."""
    return F.pad(power, (NEARBY,) * 4, mode="circular")


def _above(high: Tensor, low: Tensor, floor: float) -> Tensor:
    above: Tensor = ((high + floor) / (low + floor)).log().clamp(min=0).square().mean()
    return above
