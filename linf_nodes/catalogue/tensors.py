"""Between picture files and the tensors that nodes pass on."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import BadShape
from ..pictures import Depth, Picture
from ..pictures.picture import FloatArray
from ..pictures.samples import rounded, spread
from ..pipeline.features import has_alpha

PLACEHOLDER = (64, 64)  # of the mask that Load Image gives for a picture without alpha: all zeros, whatever its size


@dataclass(frozen=True)
class Levels:
    """The values of a float picture that 0 and 1 stand for while it is computed with."""

    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of(cls, picture: Picture) -> "Levels":
        """Those of the picture itself where it leaves [0, 1], so that models see what they know."""
        if picture.dtype.kind != "f":
            return cls()
        low, high = float(picture.pixels.min()), float(picture.pixels.max())
        if low >= 0 and high <= 1:
            return cls()
        return cls(low, high if high > low else low + 1)

    @property
    def usual(self) -> bool:
        return self == Levels()

    def normal(self, pixels: FloatArray) -> FloatArray:
        span = self.high - self.low
        return pixels if self.usual else ((pixels.astype(np.float64) - self.low) / span).astype(np.float32)

    def restored(self, pixels: FloatArray) -> FloatArray:
        return pixels if self.usual else spread(pixels, (self.low, self.high)).astype(np.float32)

    def samples(self, values: FloatArray, dtype: np.dtype[Any]) -> NDArray[Any]:
        """The same as a sample type: rounded as in a picture file, and saturated at the type's limits."""
        return rounded(spread(values, (self.low, self.high)), dtype)


def image_of(picture: Picture, levels: Levels) -> Tensor:
    """`[1, c, h, w]` float32, alpha as the last of 2 or 4 channels."""
    planes = [levels.normal(picture.pixels)]
    if picture.alpha is not None:
        planes.append(picture.alpha[..., None])
    array = np.concatenate(planes, 2) if len(planes) > 1 else planes[0]
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))[None]


def mask_of(image: Tensor) -> Tensor | None:
    """The mask that Load Image gives of an image `[b, c, h, w]`: its inverted alpha `[b, h, w]`, None without one."""
    return painted(1 - image[:, -1]) if has_alpha(image) else None


def painted(mask: Tensor) -> Tensor | None:
    """A mask, or None for the one that ComfyUI's Load Image makes up: it would silently switch all detail off."""
    return None if tuple(mask.shape[-2:]) == PLACEHOLDER and not bool(mask.any()) else mask


def picture_of(image: Tensor, like: Picture, levels: Levels, depth: Depth | None = None) -> Picture:
    """A result `[1, c, h, w]` as a picture with the metadata of `like`; dots per inch follow the size.

    Integer depths keep the levels, 0 to 1; float results are given the values of `like` back.

    Raises
    ------
    BadShape
        When it is not one picture of 1 to 4 channels.
    """
    if image.ndim != 4 or len(image) != 1 or not 1 <= image.shape[1] <= 4:
        raise BadShape(f"The result has shape {tuple(image.shape)}: one picture of 1 to 4 channels can be saved.")
    array = image[0].permute(1, 2, 0).numpy()
    colours = 3 if array.shape[2] > 2 else 1
    pixels = array[..., :colours] if depth in ("8", "16") else levels.restored(array[..., :colours])
    alpha = array[..., -1] if array.shape[2] > colours else None
    height, width = (n / o for n, o in zip(array.shape[:2], like.pixels.shape[:2], strict=True))
    dpi = like.dpi and (like.dpi[0] * width, like.dpi[1] * height)
    icc = like.icc if colours == like.pixels.shape[2] else None
    return replace(like, pixels=pixels, alpha=alpha, dpi=dpi, icc=icc, pages=1)
