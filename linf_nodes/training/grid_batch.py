"""One training batch of whole crops: every texture of a picture on its patch grid, all crops at one scale."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from ..models.corners import Corners
from ..pipeline.cells import corners_of_rectangle
from ..pipeline.grid import Grid
from .crops import generator_of
from .degradation import UNDEGRADED, Degradation
from .picture_set import PictureSet
from .resampling import enlarge
from .scales import Scales


class GridBatch(NamedTuple):
    """`hr [b, 3, n, n]`, `lr [b, 3, m, m]` and its enlargement `base`, all in [0, 1]; `corners` of b * p textures."""

    hr: Tensor
    lr: Tensor
    base: Tensor
    corners: Corners
    rel_cell: Tensor
    grid: Grid


@dataclass(frozen=True)
class GridSampler:
    """Draws batches from a pack: `size` HR pixels a side, a multiple of `patch`, and one scale for each batch.

    Where `size` is 0, `crop` LR pixels a side at every scale, and as many HR pixels as the nearest multiple of `patch`.

    Batch k is a pure function of (seed, k), and of `done` where scales follow it: a resumed run repeats nothing.
    """

    pack: PictureSet
    seed: int
    batch: int
    size: int
    patch: int
    scales: Scales
    wear: Degradation = UNDEGRADED
    crop: int = 0
    asked: str = "around"

    def __call__(self, step: int, done: float = 0.0) -> GridBatch:
        """Batch number `step`, when `done` of the run are behind it."""
        random = generator_of(self.seed, step)
        low, high = self.scales.at(step, done)
        scale = low + (high - low) * float(torch.rand(1, generator=random, dtype=torch.float64))
        size = hr_side(self.size, self.crop, scale, self.patch)
        side = max(1, round(self.size / scale)) if self.size else self.crop
        crops = self.pack.resident.draw(random, self.batch, lambda _: size)
        return grid_batch(crops.pixels, self.wear.crops(crops, side, size, random), self.patch, self.asked)


def hr_side(size: int, crop: int, scale: float, patch: int) -> int:
    """`size`, or where it is 0 the multiple of `patch` that is nearest to `crop` LR pixels at a scale."""
    return size or patch * max(1, round(crop * scale / patch))


def grid_batch(hr: Tensor, lr: Tensor, patch: int, asked: str = "around") -> GridBatch:
    """The batch of HR pictures `[b, 3, n, n]`, n a multiple of `patch`, and their LR pictures `[b, 3, m, m]`.

    `asked` is the network's (`models/contract.py`).
    """
    (n, m), b = (hr.shape[-1], lr.shape[-1]), len(hr)
    grid = Grid((m, m), (n, n), patch)
    corners = _corners(m, n, patch, asked)
    first = torch.arange(b)[:, None, None] * m**2
    cell = (corners.cell + first).flatten(0, 1)
    rest = (t.expand(b, -1, -1).flatten(0, 1) for t in corners[1:])
    joined = Corners(*(t.to(hr.device) for t in (cell, *rest)))
    rel_cell = torch.tensor([grid.rel_cell], dtype=torch.float32, device=hr.device)
    return GridBatch(hr, lr, enlarge(lr, (n, n)), joined, rel_cell, grid)


@lru_cache(maxsize=256)
def _corners(m: int, n: int, patch: int, asked: str) -> Corners:
    """Of one picture."""
    grid = Grid((m, m), (n, n), patch)
    cells = (grid.centres if asked == "around" else grid.corners)(0, 0, n // patch)
    return corners_of_rectangle(cells, cells, m)
