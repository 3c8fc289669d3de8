"""The pictures of an evaluation: a high-resolution one, and the low-resolution one that a model is given."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import BadShape, BadValue
from ..pictures import find_pictures, read_picture
from ..pictures.contrast import stretched
from .metrics import quantised
from .resize import bicubic

_EDGE = 1e-9  # so that a size divided by its own scale is whole


@dataclass(frozen=True)
class Pair:
    """Two files, or one whose LR picture is made from it."""

    hr: Path
    lr: Path | None


@dataclass(frozen=True, eq=False)
class Example:
    """A pair in memory: `hr [3, H, W]` and `lr [1 or 3, h, w]`, float32 in [0, 1]; a grey LR picture has one plane."""

    name: str
    hr: Tensor
    lr: Tensor

    @property
    def hr_size(self) -> tuple[int, int]:
        return self.hr.shape[1], self.hr.shape[2]

    @property
    def lr_size(self) -> tuple[int, int]:
        return self.lr.shape[1], self.lr.shape[2]


def pairs(hr: str, lr: str | None = None, limit: int | None = None, only: Sequence[str] | None = None) -> list[Pair]:
    """The pictures of a folder, matched with those of another by their order of names.

    Parameters
    ----------
    limit
        Take the first so many.
    only
        Take those that one of these patterns names.

    Raises
    ------
    BadPicture
        When a folder holds no picture.
    BadValue
        When the folders hold different numbers of pictures, or a pattern names none.
    """
    high = find_pictures(hr)
    low: Sequence[Path | None] = [None] * len(high) if lr is None else find_pictures(lr)
    if len(high) != len(low):
        raise BadValue(
            f"'{hr}' holds {len(high)} pictures, but '{lr}' {len(low)}: give folders that match, or leave out the LR "
            "pictures to have them made."
        )
    found = [Pair(h, o) for h, o in zip(high, low, strict=True)]
    return (found if only is None else _named(found, only, hr))[:limit]


def _named(found: Sequence[Pair], only: Sequence[str], folder: str) -> list[Pair]:
    for pattern in only:
        if not any(fnmatchcase(pair.hr.name, pattern) for pair in found):
            raise BadValue(f"'{folder}' holds no picture named {pattern!r}: check the folder and the recipe.")
    return [pair for pair in found if any(fnmatchcase(pair.hr.name, pattern) for pattern in only)]


def read_pair(pair: Pair, scale: float, stretch: bool = False) -> Example:
    """Read a pair; the HR picture is cropped at the bottom and right to `round(LR * scale)` pixels a side.

    Where there is no LR file, it is Pillow's bicubic reduction of that crop to `floor(HR / scale)`, in 8 bits. With
    `stretch`, grey pictures of more than 8 bits are given the contrast that they have in training.

    Raises
    ------
    BadPicture
        When a file cannot be read.
    BadShape
        When the two do not fit the scale.
    """
    hr = _read(pair.hr, stretch)
    if pair.lr is None:
        lr_size = tuple(math.floor(n / scale + _EDGE) for n in hr.shape[1:])
        hr = _cropped(pair, hr, (lr_size[0], lr_size[1]), scale)
        lr = quantised(bicubic(hr, (lr_size[0], lr_size[1]))).float()
    else:
        lr = _read(pair.lr, stretch)
        hr = _cropped(pair, hr, (lr.shape[1], lr.shape[2]), scale)
    return Example(pair.hr.stem, hr.expand(3, -1, -1), lr)


def _read(path: Path, stretch: bool) -> Tensor:
    picture = read_picture(path)
    pixels = picture.pixels
    if stretch and pixels.shape[2] == 1 and picture.dtype != np.uint8:
        pixels = stretched(pixels).astype(np.float32) / np.float32(65535)
    return torch.from_numpy(pixels).movedim(-1, 0).contiguous()


def _cropped(pair: Pair, hr: Tensor, lr_size: tuple[int, int], scale: float) -> Tensor:
    size = [round(n * scale) for n in lr_size]
    fits = all(0 < s <= n < s + scale + 1 for s, n in zip(size, hr.shape[1:], strict=True))
    if not fits:
        made = f"'{pair.lr}' of {lr_size[0]}x{lr_size[1]}" if pair.lr else f"an LR picture of {lr_size[0]}x{lr_size[1]}"
        raise BadShape(
            f"'{pair.hr}' of {hr.shape[1]}x{hr.shape[2]} pixels and {made} do not fit the scale {scale:g}: check the "
            "scale and the folders."
        )
    return hr[:, : size[0], : size[1]]
