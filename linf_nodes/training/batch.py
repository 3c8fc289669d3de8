"""One training batch of textures: random crops at random scales, degraded, seen at random query points."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from ..models.fourier import Corners
from ..pipeline.cells import Cells, cells_of, corners_of
from .crops import Resident, generator_of
from .degrade import along_both, enlarging, shrinking
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
        low, high = self.scales.at(step, done)
        crops = self._resident.draw(random, self.batch, lambda u: round(self.crop * (low + (high - low) * u)))
        room = max(round(self.crop * self.scales.whole[1]), *crops.sides)
        lr = self.wear.crops(crops, self.crop, room, random)
        larger = enlarging(self.crop, crops.sides, room, lr.device)
        residual = 2 * (crops.pixels - along_both(larger, lr, larger))
        sides = torch.tensor(crops.sides)[:, None]
        half = self.patch // 2
        drawn = torch.rand(2, self.batch, self.queries, generator=random, dtype=torch.float64)
        centre = (half + drawn * (sides - 2 * half)).long()
        corners, rel_cell = self._seen(centre, sides)
        texture = residual.flatten().index_select(0, self._where(centre, residual))
        return Batch(
            2 * lr - 1,
            texture.view(-1, 3 * self.patch**2),
            Corners(*(t.to(lr.device) for t in corners)),
            rel_cell.to(lr.device),
        )

    def _seen(self, centre: Tensor, sides: Tensor) -> tuple[Corners, Tensor]:
        """Corners of the pixels `centre [2, b, q]` in all LR crops one below the other, and their cells' sizes."""
        y, x = (Cells(*(t[axis] for t in cells_of(centre, self.crop, sides))) for axis in (0, 1))
        first = torch.arange(self.batch)[:, None] * self.crop
        y = y._replace(low=y.low + first, high=y.high + first)
        y, x = (Cells(*(t.flatten() for t in axis)) for axis in (y, x))
        corners = corners_of(y, x, self.crop)
        return corners, (2 * self.crop / sides).expand(-1, self.queries).reshape(-1, 1).expand(-1, 2)

    def _where(self, centre: Tensor, residual: Tensor) -> Tensor:
        """Where the values of the textures around `centre` lie in `residual [b, 3, n, n]`, in the flow's order."""
        n, half = residual.shape[-1], self.patch // 2
        near = torch.arange(-half, half + 1, device=residual.device)
        around = near[:, None] * n + near
        pattern = (torch.arange(3, device=residual.device)[:, None, None] * n**2 + around).flatten()
        first = torch.arange(self.batch)[:, None] * 3 * n**2 + centre[0] * n + centre[1]
        return (first.flatten().to(residual.device)[:, None] + pattern).flatten()

    @cached_property
    def _resident(self) -> Resident:
        low, high = (round(self.crop * scale) for scale in self.scales.whole)
        device = self.pack.pictures[0].device
        shrinking(range(low, high + 1), self.crop, high, device)  # made once, before the first step
        enlarging(self.crop, range(low, high + 1), high, device)
        return Resident(self.pack.pictures)
