"""What befalls real pictures: blur before the reduction, noise and JPEG after it; nothing unless asked for."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .crops import Crops
from .resampling import along_both, rounded, shrinking

Span = tuple[float, ...]


@dataclass(frozen=True)
class Degradation:
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

    def crops(self, crops: Crops, size: int, room: int, random: torch.Generator) -> Tensor:
        """LR pictures `[b, 3, size, size]` of crops whose sides are at most `room`; without spans nothing is drawn.

        They are integers up to the crops' levels; those that went through JPEG have 8 bits.
        """
        device = crops.pixels.device
        matrix = shrinking(crops.sides, size, room, device)
        if self.blur:
            sigma = _drawn(random, self.blur, len(crops.sides)) * torch.tensor(crops.sides) / size
            matrix = matrix @ _gaussian(matrix.shape[-1], sigma, crops.sides, device)
        lr = along_both(matrix, crops.pixels, matrix)
        if self.noise:
            sigma = (_drawn(random, self.noise, len(lr)) / 255).float().view(-1, 1, 1, 1)
            lr = lr + (sigma * torch.randn(lr.shape, generator=random)).to(lr.device)
        lr = rounded(lr, crops.levels)
        if not self.jpeg:
            return lr
        qualities = _drawn(random, self.jpeg, len(lr)).round().int().tolist()
        return torch.stack([through_jpeg(picture, q) for picture, q in zip(lr, qualities, strict=True)])


UNDEGRADED = Degradation()


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
