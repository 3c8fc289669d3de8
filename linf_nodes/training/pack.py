"""A folder of pictures, resident as uint8 on the training device."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ..errors import BadPicture

SUFFIXES = {".avif", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}


@dataclass(frozen=True)
class Pack:
    """Pictures `[3, h, w]` uint8, and the files that could not be used with the reason."""

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
            with Image.open(file) as image:
                pixels = np.array(image.convert("RGB"))
        except (OSError, UnidentifiedImageError, SyntaxError) as error:
            skipped.append(f"{file.name}: {error}")
            continue
        if min(pixels.shape[:2]) < min_side:
            skipped.append(f"{file.name}: {pixels.shape[1]}x{pixels.shape[0]} is smaller than {min_side} pixels")
            continue
        pictures.append(torch.from_numpy(pixels).permute(2, 0, 1).contiguous().to(device))
    if not pictures:
        names = ", ".join(str(f) for f in folders)
        raise BadPicture(
            f"No picture of at least {min_side}x{min_side} pixels was found in {names} "
            f"({len(skipped)} files skipped): add pictures or lower the crop size."
        )
    return Pack(tuple(pictures), tuple(skipped))
