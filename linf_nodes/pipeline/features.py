"""Encoded LR pictures: independent of scale, so that one encoding serves every query."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import BadShape, BadValue
from .blocks import Block, Span
from .encoding import Encoding
from .fields import Field, field_class
from .grid import Grid
from .model import LoadedModel

SEAMLESS = "seamless"
EDGES = ("usual", SEAMLESS)
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


@dataclass(frozen=True, eq=False)
class Features:
    """What a model sees of a batch of LR pictures.

    `image [b, c, h, w]` float32 is the input itself, c = 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha);
    `maps [b, k, h, w]` are the encoder's features, or None when every window is to be encoded as it is needed.
    `origin` is the LR row and column of the image's first pixel, where the image is a window of a larger one.
    `edges`: beyond the border lies the picture's own border, repeated, or with `SEAMLESS` its other side.
    `passes`: of how many of the picture's 8 flips and turns the mean is taken (`ensemble.py`).
    """

    model: LoadedModel
    image: Tensor
    maps: Tensor | None = None
    origin: tuple[int, int] = (0, 0)
    edges: str = "usual"
    passes: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "image", self.image.float())  # other floating-point types are taken

    @property
    def lr_size(self) -> tuple[int, int]:
        return self.image.shape[-2], self.image.shape[-1]

    def field(self, item: int, grid: Grid) -> Field:
        """Picture `item` of the batch on a grid."""
        maps = None if self.maps is None else self.maps[item : item + 1]
        return field_class(self.model)(self.model, colour(self.image[item]), grid, maps, self.origin)


def encode(
    model: LoadedModel, image: Tensor, tile: int, progress: Callable[[int, int, Any], None] | None = None
) -> Features:
    """Encode whole pictures, tile by tile: `4 k` bytes per LR pixel are held, in float32."""
    check_image(image)
    image = image.float()
    size = (image.shape[-2], image.shape[-1])
    blocks = [
        Block(Span(r, min(r + tile, size[0])), Span(c, min(c + tile, size[1])))
        for r in range(0, size[0], tile)
        for c in range(0, size[1], tile)
    ]
    maps: Tensor | None = None
    for item in range(len(image)):
        encoding = Encoding(model, colour(image[item]).to(model.device), size, (0, 0))
        for done, block in enumerate(blocks, item * len(blocks) + 1):
            part = encoding.features(block)
            if maps is None:
                maps = part.new_empty(len(image), part.shape[1], *size)
            maps[(item, slice(None), *block.slices())] = part[0]
            if progress is not None:
                progress(done, len(blocks) * len(image), None)
    return Features(model, image, maps)


def check_image(image: Tensor) -> None:
    """Refuse what is not a tensor `[b, 1 to 4, h, w]` of finite floating-point numbers.

    Raises
    ------
    BadShape, BadValue
    """
    check_numbers(image, "picture")
    if image.ndim != 4 or not 1 <= image.shape[1] <= 4 or 0 in image.shape:
        raise BadShape(f"The picture has shape {tuple(image.shape)}: give [batch, 1 to 4 channels, height, width].")


def check_numbers(values: Tensor, what: str) -> None:
    """Refuse what is not a dense tensor of finite floating-point numbers.

    Raises
    ------
    BadValue
    """
    if not isinstance(values, Tensor):
        raise BadValue(f"The {what} is a {type(values).__name__}: give a tensor, of an array by torch.from_numpy.")
    if values.layout != torch.strided or values.is_nested or values.is_meta:
        raise BadValue(f"The {what} is a tensor of another kind, {type(values)} {values.layout}: give a dense one.")
    if values.dtype not in FLOATS:
        raise BadValue(
            f"The {what} is of {values.dtype}: give float32 with values from 0 to 1, of 8-bit samples by "
            ".float() / 255."
        )
    if values.numel() and not bool(values.amin().isfinite() & values.amax().isfinite()):  # without a copy of it
        bad = int((~torch.isfinite(values)).sum())
        raise BadValue(f"The {what} has {bad} pixels that are NaN or infinite: fill them first.")


def has_alpha(image: Tensor) -> bool:
    return image.shape[-3] in (2, 4)


def colour(image: Tensor) -> Tensor:
    """RGB `[3, h, w]` of one picture `[c, h, w]`, alpha left out, grey repeated."""
    planes = image[:-1] if has_alpha(image) else image
    return planes.expand(3, -1, -1) if len(planes) == 1 else planes
