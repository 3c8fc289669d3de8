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
        return pixels if self.usual else ((pixels.astype(np.float64) - self.low) / self._span).astype(np.float32)

    def restored(self, pixels: FloatArray) -> FloatArray:
        return pixels if self.usual else self.exactly(pixels).astype(np.float32)

    def exactly(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """The same in float64, for samples that float32 would round."""
        wide: NDArray[np.float64] = values.astype(np.float64) * self._span + self.low
        return wide

    @property
    def _span(self) -> float:
        return self.high - self.low


def image_of(picture: Picture, levels: Levels) -> Tensor:
    """`[1, c, h, w]` float32, alpha as the last of 2 or 4 channels."""
    planes = [levels.normal(picture.pixels)]
    if picture.alpha is not None:
        planes.append(picture.alpha[..., None])
    array = np.concatenate(planes, 2) if len(planes) > 1 else planes[0]
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))[None]


def mask_of(picture: Picture) -> Tensor:
    """The inverted alpha `[1, h, w]`: 1 where the picture is transparent."""
    if picture.alpha is None:
        return torch.zeros(1, *picture.pixels.shape[:2])
    return 1 - torch.from_numpy(picture.alpha)[None]


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
