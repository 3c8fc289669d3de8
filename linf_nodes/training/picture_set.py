"""A folder of pictures, resident as integers on the training device."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ..errors import BadPicture, BadValue
from .crops import Resident, joined
from .volumes import is_deep, read_planes
from .zarr_volumes import is_zarr

SUFFIXES = {".avif", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}


@dataclass(frozen=True)
class PictureSet:
    """Pictures `[3 or 1, h, w]` uint8 or uint16, and the files that could not be used with the reason."""

    pictures: tuple[Tensor, ...]
    skipped: tuple[str, ...]

    @property
    def megapixels(self) -> float:
        return sum(p[0].numel() for p in self.pictures) / 1e6

    @cached_property
    def resident(self) -> Resident:
        """The pictures as samplers draw from them."""
        return Resident(self.pictures)


def picture_files(folders: Sequence[Path], hold_out: Sequence[str] = ()) -> list[Path]:
    """Every picture file and OME-Zarr below `folders`, in a fixed order, without those that `hold_out` names.

    Raises
    ------
    BadValue
        When a pattern of `hold_out` names no file: what it should keep apart would be trained on.
    """
    found = sorted(file for folder in folders for file in _below(folder))
    for pattern in hold_out:
        if not any(fnmatchcase(file.name, pattern) for file in found):
            raise BadValue(f"hold_out names {pattern!r}, but no such picture is there: correct it, or take it out.")
    return [file for file in found if not held_out(file.name, hold_out)]


def held_out(name: str, hold_out: Sequence[str]) -> bool:
    """Whether one of the patterns names a file."""
    return any(fnmatchcase(name, pattern) for pattern in hold_out)


def _below(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        stacks = [name for name in folders if is_zarr(Path(here, name))]
        folders[:] = [name for name in folders if name not in stacks]
        yield from (Path(here, name) for name in (*stacks, *files) if Path(name).suffix.lower() in SUFFIXES | {".zarr"})


def load_picture_set(
    folders: Sequence[Path], min_side: int, device: torch.device, hold_out: Sequence[str] = (), most: int = 0
) -> PictureSet:
    """Read every picture below `folders` whose sides are at least `min_side` pixels.

    Parameters
    ----------
    hold_out
        Patterns of file names that are left out.
    most
        Planes taken of a stack, evenly spread; 0 for all.

    Raises
    ------
    BadPicture
        When no usable picture is found; the message counts what was skipped.
    BadValue
        When `hold_out` names no file.
    """
    files = picture_files(folders, hold_out)
    pictures, skipped = [], []
    for file in files:
        try:
            planes = _planes(file)
        except (OSError, SyntaxError, BadPicture, Image.DecompressionBombError) as error:
            skipped.append(f"{file.name}: {error}")
            continue
        h, w = planes[0].shape[1:]
        if min(h, w) < min_side:
            skipped.append(f"{file.name}: {w}x{h} is smaller than {min_side} pixels")
            continue
        pictures += _spread(planes, most)
    if not pictures:
        names = ", ".join(str(f) for f in folders)
        raise BadPicture(
            f"No picture of at least {min_side}x{min_side} pixels was found in {names} "
            f"({len(skipped)} files skipped): add pictures or lower the crop size."
        )
    return PictureSet(joined(pictures, device), tuple(skipped))


def _spread(planes: list[Tensor], most: int) -> list[Tensor]:
    """At most so many of the planes, from the middle of as many equal runs."""
    if not most or len(planes) <= most:
        return planes
    return [planes[(2 * i + 1) * len(planes) // (2 * most)] for i in range(most)]


def _planes(file: Path) -> list[Tensor]:
    """The picture of a file, or every plane of a stack."""
    if is_zarr(file):
        return read_planes(file)
    try:
        with Image.open(file) as image:
            if not is_deep(image):
                return [torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()]
    except UnidentifiedImageError:
        if file.suffix.lower() not in (".tif", ".tiff"):  # of which Pillow knows fewer kinds than there are
            raise
    return read_planes(file)
