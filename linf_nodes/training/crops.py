"""Random crops of resident pictures."""

from collections.abc import Callable

import torch
from torch import Tensor

from .pack import Pack


def random_crop(pack: Pack, random: torch.Generator, side: Callable[[float], int]) -> tuple[Tensor, int]:
    """A square crop `[3, n, n]` in [0, 1], flipped and transposed at random, and the highest of its levels.

    Parameters
    ----------
    side
        Makes n of a number drawn from [0, 1); a picture that is smaller gives what it has.
    """
    u = torch.rand(4, generator=random, dtype=torch.float64).tolist()
    picture = pack.pictures[int(u[0] * len(pack.pictures))]
    size = min(side(u[1]), *picture.shape[1:])
    top = int(u[2] * (picture.shape[1] - size + 1))
    left = int(u[3] * (picture.shape[2] - size + 1))
    levels = torch.iinfo(picture.dtype).max
    crop = picture[:, top : top + size, left : left + size].float().div(levels).expand(3, -1, -1)
    turn = int(torch.randint(8, (1,), generator=random))
    flips = [axis for bit, axis in ((1, 1), (2, 2)) if turn & bit]
    crop = crop.flip(flips) if flips else crop
    return (crop.transpose(1, 2) if turn & 4 else crop), levels


def generator_of(seed: int, step: int) -> torch.Generator:
    """The random numbers of batch `step`."""
    return torch.Generator().manual_seed((seed << 32) + step)
