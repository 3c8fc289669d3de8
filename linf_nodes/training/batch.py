"""One training batch: random crops at random scales, degraded, with the textures at random query points."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..models.fourier import Corners
from ..pipeline.cells import cells_of, corners_of
from .degrade import enlarge, reduce
from .pack import Pack


class Batch(NamedTuple):
    """`lr [b, 3, h, w]` in [-1, 1]; `texture [b * q, d]` and its `corners`; `rel_cell [b * q, 2]` (2 / scale)."""

    lr: Tensor
    texture: Tensor
    corners: Corners
    rel_cell: Tensor


@dataclass(frozen=True)
class Sampler:
    """Draws batches from a pack. Batch k is a pure function of (seed, k), so that a resumed run repeats nothing."""

    pack: Pack
    seed: int
    batch: int
    crop: int
    queries: int
    patch: int
    scales: tuple[float, float]

    def __call__(self, step: int) -> Batch:
        """Batch number `step`."""
        random = torch.Generator().manual_seed((self.seed << 32) + step)
        parts = [self._one(i, random) for i in range(self.batch)]
        lr, texture, corners, rel_cell = zip(*parts, strict=True)
        joined = Corners(*(torch.cat(t) for t in zip(*corners, strict=True)))
        return Batch(torch.stack(lr), torch.cat(texture), joined, torch.cat(rel_cell))

    def _one(self, item: int, random: torch.Generator) -> tuple[Tensor, Tensor, Corners, Tensor]:
        hr = self._crop(random)
        size = hr.shape[1]
        lr = reduce(hr, (self.crop, self.crop))
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

    def _crop(self, random: torch.Generator) -> Tensor:
        """A square HR crop `[3, n, n]` in [0, 1], flipped and transposed at random."""
        u = torch.rand(4, generator=random, dtype=torch.float64).tolist()
        low, high = self.scales
        picture = self.pack.pictures[int(u[0] * len(self.pack.pictures))]
        size = min(round(self.crop * (low + (high - low) * u[1])), *picture.shape[1:])
        top = int(u[2] * (picture.shape[1] - size + 1))
        left = int(u[3] * (picture.shape[2] - size + 1))
        crop = picture[:, top : top + size, left : left + size].float().div(255)
        turn = int(torch.randint(8, (1,), generator=random))
        flips = [axis for bit, axis in ((1, 1), (2, 2)) if turn & bit]
        crop = crop.flip(flips) if flips else crop
        return crop.transpose(1, 2) if turn & 4 else crop
