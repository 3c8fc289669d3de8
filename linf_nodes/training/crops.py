"""Random crops of resident pictures, all crops of a batch at once."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Crops(NamedTuple):
    """Square crops of one batch.

    `pixels [b, 3, n, n]` in [0, 1], n being the longest of `sides`: a shorter crop fills the upper left corner, and
    repeats its last row and column beyond. `levels [b, 1, 1, 1]` is the highest value of each picture's file.
    """

    pixels: Tensor
    sides: tuple[int, ...]
    levels: Tensor


class Resident:
    """Pictures as one long tensor of integers, out of which a few kernels gather a batch of any crops.

    Parameters
    ----------
    pictures
        `[3 or 1, h, w]`, uint8 or uint16, on one device. What lies in one storage already is not copied.
    """

    def __init__(self, pictures: Sequence[Tensor]):
        self.flat, self.offsets = _joined(pictures)
        self.shapes = [tuple(picture.shape) for picture in pictures]
        self.levels = [float(torch.iinfo(picture.dtype).max) for picture in pictures]

    def draw(self, random: torch.Generator, count: int, side: Callable[[float], int]) -> Crops:
        """So many crops, each flipped and transposed at random, wherever they lie with equal chance.

        Parameters
        ----------
        side
            Makes pixels a side of a number drawn from [0, 1); a picture that is smaller gives what it has.
        """
        drawn = torch.rand(count, 5, generator=random, dtype=torch.float64).tolist()
        places = [self._place(u, side) for u in drawn]
        first, down, right, plane, sides = np.array([place[:5] for place in places]).T[..., None]
        near = np.minimum(np.arange(sides.max()), sides - 1)
        steps = (np.arange(3) * plane)[:, :, None, None], (first + near * down)[:, None, :, None], near * right
        planes, rows, cols = (torch.from_numpy(step).to(self.flat.device) for step in steps)
        index = planes + rows + cols[:, None, None]
        levels = torch.tensor([place[5] for place in places]).view(-1, 1, 1, 1).to(self.flat.device)
        pixels = self.flat.index_select(0, index.flatten()).view(index.shape) / levels
        return Crops(pixels, tuple(sides.ravel().tolist()), levels)

    def _place(self, u: Sequence[float], side: Callable[[float], int]) -> tuple[int, int, int, int, int, float]:
        """Of a crop: where its first value lies, how far the next row, column and channel, its side, its levels."""
        which = int(u[0] * len(self.shapes))
        channels, h, w = self.shapes[which]
        size = min(side(u[1]), h, w)
        top, left, turn = int(u[2] * (h - size + 1)), int(u[3] * (w - size + 1)), int(8 * u[4])
        down, right = w, 1
        first = self.offsets[which] + top * w + left
        if turn & 1:
            first, down = first + (size - 1) * w, -down
        if turn & 2:
            first, right = first + size - 1, -right
        if turn & 4:
            down, right = right, down
        return first, down, right, h * w if channels == 3 else 0, size, self.levels[which]


def generator_of(seed: int, step: int) -> torch.Generator:
    """The random numbers of batch `step`."""
    return torch.Generator().manual_seed((seed << 32) + step)


def joined(pictures: Sequence[Tensor], device: torch.device) -> tuple[Tensor, ...]:
    """The same pictures as parts of one tensor on `device`, where they are all of one kind."""
    if len({picture.dtype for picture in pictures}) > 1:
        return tuple(picture.to(device) for picture in pictures)
    shapes = [picture.shape for picture in pictures]
    flat = torch.cat([picture.flatten() for picture in pictures]).to(device)
    parts = torch.split(flat, [shape.numel() for shape in shapes])
    return tuple(part.view(shape) for part, shape in zip(parts, shapes, strict=True))


def _joined(pictures: Sequence[Tensor]) -> tuple[Tensor, list[int]]:
    """All values in a row, and where each picture begins; integers that every device can gather."""
    kinds = {(picture.dtype, picture.untyped_storage().data_ptr()) for picture in pictures}
    if len(kinds) == 1 and pictures[0].dtype == torch.uint8 and all(p.is_contiguous() for p in pictures):
        offsets = [int(p.storage_offset()) for p in pictures]
        end = max(at + p.numel() for at, p in zip(offsets, pictures, strict=True))
        return pictures[0].as_strided((end,), (1,), 0), offsets
    kind = torch.uint8 if all(p.dtype == torch.uint8 for p in pictures) else torch.int32
    offsets = [0]
    for picture in pictures:
        offsets.append(offsets[-1] + picture.numel())
    return torch.cat([picture.flatten().to(kind) for picture in pictures]), offsets[:-1]
