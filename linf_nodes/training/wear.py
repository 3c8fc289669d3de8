"""What befalls real pictures: blur before the reduction, noise and JPEG after it; nothing unless asked for."""

import io
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .degrade import reduce, rounded, shrink

Span = tuple[float, ...]


@dataclass(frozen=True)
class Wear:
    """Makes LR pictures of HR ones. Each span is empty, for none, or the ends of a uniform draw for each picture.

    Parameters
    ----------
    blur
        Standard deviation of a Gaussian in LR pixels.
    noise
        Standard deviation of white Gaussian noise, of 255 levels.
    jpeg
        JPEG quality, 1 to 100.
    """

    blur: Span = ()
    noise: Span = ()
    jpeg: Span = ()

    def __call__(self, hr: Tensor, size: tuple[int, int], random: torch.Generator, levels: int = 255) -> Tensor:
        """LR pictures of `hr [..., 3, h, w]` in [0, 1]; without spans nothing is drawn from `random`.

        They are integers up to `levels`; those that went through JPEG have 8 bits.
        """
        if not (self.blur or self.noise or self.jpeg):
            return reduce(hr, size, levels)
        if hr.ndim == 4:
            return torch.stack([self(picture, size, random, levels) for picture in hr])
        draw = partial(_drawn, random)
        if self.blur:
            hr = blurred(hr, draw(self.blur) * hr.shape[-1] / size[1])
        lr = shrink(hr, size)
        if self.noise:
            lr = lr + draw(self.noise) / 255 * torch.randn(lr.shape, generator=random).to(lr.device)
        lr = rounded(lr, levels)
        return through_jpeg(lr, round(draw(self.jpeg))) if self.jpeg else lr


UNWORN = Wear()


def blurred(picture: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of `[..., h, w]`; beyond the border the weights are renormalised."""
    y, x = (_gaussian(n, sigma, picture.device) for n in picture.shape[-2:])
    return y @ picture @ x.T


def through_jpeg(picture: Tensor, quality: int) -> Tensor:
    """A picture `[3, h, w]` in [0, 1], written as JPEG and read."""
    pixels = picture.mul(255).round().to("cpu", torch.uint8).permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        read = torch.from_numpy(np.array(image.convert("RGB")))
    return read.permute(2, 0, 1).float().div(255).to(picture.device)


def _gaussian(n: int, sigma: float, device: torch.device) -> Tensor:
    at = torch.arange(n, dtype=torch.float64)
    weight = torch.exp(-0.5 * ((at[:, None] - at) / max(sigma, 1e-3)) ** 2)
    return (weight / weight.sum(1, keepdim=True)).float().to(device)


def _drawn(random: torch.Generator, span: Span) -> float:
    return span[0] + (span[1] - span[0]) * float(torch.rand(1, generator=random, dtype=torch.float64))
