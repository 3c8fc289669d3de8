"""One training batch of textures: random crops at random scales, degraded, seen at random query points."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..models.fourier import Corners
from ..pipeline.cells import cells_of, corners_of
from .crops import generator_of, random_crop
from .degrade import enlarge
from .pack import Pack
from .scales import Scales
from .wear import UNWORN, Wear


class Batch(NamedTuple):
    """`lr [b, 3, h, w]` in [-1, 1]; `texture [b * q, d]` and its `corners`; `rel_cell [b * q, 2]` (2 / scale)."""

    lr: Tensor
    texture: Tensor
    corners: Corners
    rel_cell: Tensor


@dataclass(frozen=True)
class Sampler:
    """Draws batches from a pack: `crop` LR pixels a side, a scale for each crop, `queries` textures of each crop.

    Batch k is a pure function of (seed, k), and of `done` where scales follow it: a resumed run repeats nothing.
    """

    pack: Pack
    seed: int
    batch: int
    crop: int
    queries: int
    patch: int
    scales: Scales
    wear: Wear = UNWORN

    def __call__(self, step: int, done: float = 0.0) -> Batch:
        """Batch number `step`, when `done` of the run are behind it."""
        random = generator_of(self.seed, step)
        parts = [self._one(i, self.scales.at(step, done), random) for i in range(self.batch)]
        lr, texture, corners, rel_cell = zip(*parts, strict=True)
        joined = Corners(*(torch.cat(t) for t in zip(*corners, strict=True)))
        return Batch(torch.stack(lr), torch.cat(texture), joined, torch.cat(rel_cell))

    def _one(
        self, item: int, scales: tuple[float, float], random: torch.Generator
    ) -> tuple[Tensor, Tensor, Corners, Tensor]:
        low, high = scales
        hr, levels = random_crop(self.pack, random, lambda u: round(self.crop * (low + (high - low) * u)))
        size = hr.shape[1]
        lr = self.wear(hr, (self.crop, self.crop), random, levels)
        residual = 2 * (hr - enlarge(lr, (size, size)))
        half = self.patch // 2
        centre = torch.randint(half, size - half, (2, self.queries), generator=random).to(hr.device)
        near = torch.arange(-half, half + 1, device=hr.device)
        rows = (centre[0, :, None] + near)[:, :, None]
        cols = (centre[1, :, None] + near)[:, None, :]
        texture = residual[:, rows, cols].transpose(0, 1).flatten(1)
        y, x = cells_of(centre[0], self.crop, size), cells_of(centre[1], self.crop, size)
        corners = corners_of(y, x, self.crop)
        corners = corners._replace(cell=corners.cell + item * self.crop**2)
        return 2 * lr - 1, texture, corners, hr.new_full((self.queries, 2), 2 * self.crop / size)
