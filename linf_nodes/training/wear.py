"""What befalls real pictures: blur before the reduction, noise and JPEG after it; nothing unless asked for."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .crops import Crops
from .degrade import along_both, bicubic_matrix, rounded, shrinking

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
        pictures = hr.reshape(-1, *hr.shape[-3:])
        y, x = (
            bicubic_matrix(n, m, hr.device).expand(len(pictures), -1, -1)
            for n, m in zip(hr.shape[-2:], size, strict=True)
        )
        sides = (hr.shape[-1],) * len(pictures)
        lr = self._reduced(pictures, sides, (y, x), random, levels)
        return lr.reshape(*hr.shape[:-2], *size)

    def crops(self, crops: Crops, size: int, room: int, random: torch.Generator) -> Tensor:
        """LR pictures `[b, 3, size, size]` of crops whose sides are at most `room`."""
        matrix = shrinking(crops.sides, size, room, crops.pixels.device)
        return self._reduced(crops.pixels, crops.sides, (matrix, matrix), random, crops.levels)

    def _reduced(
        self,
        hr: Tensor,
        sides: Sequence[int],
        matrices: tuple[Tensor, Tensor],
        random: torch.Generator,
        levels: int | Tensor,
    ) -> Tensor:
        y, x = matrices
        if self.blur:
            sigma = _drawn(random, self.blur, len(hr)) * torch.tensor(sides) / x.shape[1]
            tall = sides if hr.shape[-2] == hr.shape[-1] else (hr.shape[-2],) * len(hr)
            y, x = (
                matrix @ _gaussian(matrix.shape[-1], sigma, within, hr.device)
                for matrix, within in ((y, tall), (x, sides))
            )
        lr = along_both(y, hr, x)
        if self.noise:
            sigma = (_drawn(random, self.noise, len(hr)) / 255).float().view(-1, 1, 1, 1)
            lr = lr + (sigma * torch.randn(lr.shape, generator=random)).to(lr.device)
        lr = rounded(lr, levels)
        if not self.jpeg:
            return lr
        qualities = _drawn(random, self.jpeg, len(hr)).round().int().tolist()
        return torch.stack([through_jpeg(picture, q) for picture, q in zip(lr, qualities, strict=True)])


UNWORN = Wear()


def blurred(picture: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of `[..., h, w]`; beyond the border the weights are renormalised."""
    y, x = (_gaussian(n, torch.tensor([sigma]), (n,), picture.device)[0] for n in picture.shape[-2:])
    return y @ picture @ x.T


def through_jpeg(picture: Tensor, quality: int) -> Tensor:
    """A picture `[3, h, w]` in [0, 1], written as JPEG and read."""
    pixels = picture.mul(255).round().to("cpu", torch.uint8).permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        read = torch.from_numpy(np.array(image.convert("RGB")))
    return read.permute(2, 0, 1).float().div(255).to(picture.device)


def _gaussian(n: int, sigma: Tensor, sides: Sequence[int], device: torch.device) -> Tensor:
    """`[b, n, n]`: blur by `sigma [b]` pixels of the first `sides` of n pixels."""
    at = torch.arange(n, dtype=torch.float64)
    weight = torch.exp(-0.5 * ((at[:, None] - at) / sigma.double().clamp(1e-3)[:, None, None]) ** 2)
    weight = weight * (at < torch.tensor(sides)[:, None])[:, None]
    return (weight / weight.sum(2, keepdim=True).clamp(1e-300)).float().to(device)


def _drawn(random: torch.Generator, span: Span, count: int) -> Tensor:
    """Float64 `[count]`."""
    return span[0] + (span[1] - span[0]) * torch.rand(count, generator=random, dtype=torch.float64)
