"""A folder of pictures, resident as integers on the training device."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ..errors import BadPicture
from .stack import is_stack, read_planes

SUFFIXES = {".avif", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}


@dataclass(frozen=True)
class Pack:
    """Pictures `[3 or 1, h, w]` uint8 or uint16, and the files that could not be used with the reason."""

    pictures: tuple[Tensor, ...]
    skipped: tuple[str, ...]

    @property
    def megapixels(self) -> float:
        return sum(p[0].numel() for p in self.pictures) / 1e6


def picture_files(folders: Sequence[Path]) -> list[Path]:
    """Every picture file below `folders`, in a fixed order."""
    return sorted(f for folder in folders for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES)


def load_pack(folders: Sequence[Path], min_side: int, device: torch.device) -> Pack:
    """Read every picture below `folders` whose sides are at least `min_side` pixels.

    Raises
    ------
    BadPicture
        When no usable picture is found; the message counts what was skipped.
    """
    files = picture_files(folders)
    pictures, skipped = [], []
    for file in files:
        try:
            planes = _planes(file)
        except (OSError, UnidentifiedImageError, SyntaxError) as error:
            skipped.append(f"{file.name}: {error}")
            continue
        h, w = planes[0].shape[1:]
        if min(h, w) < min_side:
            skipped.append(f"{file.name}: {w}x{h} is smaller than {min_side} pixels")
            continue
        pictures += [plane.to(device) for plane in planes]
    if not pictures:
        names = ", ".join(str(f) for f in folders)
        raise BadPicture(
            f"No picture of at least {min_side}x{min_side} pixels was found in {names} "
            f"({len(skipped)} files skipped): add pictures or lower the crop size."
        )
    return Pack(tuple(pictures), tuple(skipped))


def _planes(file: Path) -> list[Tensor]:
    """The picture of a file, or every plane of a stack."""
    with Image.open(file) as image:
        if not is_stack(image):
            return [torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()]
    return read_planes(file)
