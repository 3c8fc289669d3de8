"""One training batch of textures: random crops at random scales, degraded, seen at random query points."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..models.corners import Corners
from ..pipeline.cells import Cells, cells_of, corner_cells_of, corners_of
from .crops import Resident, generator_of
from .degradation import UNDEGRADED, Degradation
from .picture_set import PictureSet
from .resampling import along_both, enlarging, shrinking
from .scales import Scales


class Batch(NamedTuple):
    """`lr [b, 3, h, w]` in [-1, 1]; `texture [b * q, d]` and its `corners`; `rel_cell [b * q, 2]` (2 / scale)."""

    lr: Tensor
    texture: Tensor
    corners: Corners
    rel_cell: Tensor


@dataclass(frozen=True)
class Sampler:
    """Draws batches from a pack: `crop` LR pixels a side, a scale for each crop, `queries` textures of each crop.

    `asked` and `over_bilinear` are the network's (`models/contract.py`): what a texture is, and where it is asked for.

    Batch k is a pure function of (seed, k), and of `done` where scales follow it: a resumed run repeats nothing.
    """

    pack: PictureSet
    seed: int
    batch: int
    crop: int
    queries: int
    patch: int
    scales: Scales
    wear: Degradation = UNDEGRADED
    asked: str = "around"
    over_bilinear: bool = True

    def __call__(self, step: int, done: float = 0.0) -> Batch:
        """Batch number `step`, when `done` of the run are behind it."""
        random = generator_of(self.seed, step)
        low, high = self.scales.at(step, done)
        crops = self._resident.draw(random, self.batch, lambda u: round(self.crop * (low + (high - low) * u)))
        lr = self.wear.crops(crops, self.crop, self._room, random)
        larger = enlarging(self.crop, crops.sides, self._room, lr.device)
        base = along_both(larger, lr, larger) if self.over_bilinear else 0.5
        residual = 2 * (crops.pixels - base)
        centre = self._centres(crops.sides, random)
        texture = residual.flatten().index_select(0, self._where(centre, residual))
        return Batch(
            2 * lr - 1,
            texture.view(-1, 3 * self.patch**2),
            Corners(*(t.to(lr.device) for t in self._seen(centre, crops.sides))),
            torch.tensor([[2 * self.crop / side] for side in crops.sides for _ in range(self.queries)])
            .expand(-1, 2)
            .to(lr.device),
        )

    @property
    def _room(self) -> int:
        """The longest side of a crop."""
        return round(self.crop * self.scales.whole[1])

    def _centres(self, sides: Sequence[int], random: torch.Generator) -> Tensor:
        """The middle pixels of textures, anywhere in the crops: int64 `[2, b, q]`."""
        half = self.patch // 2
        drawn = torch.rand(2, self.batch, self.queries, generator=random, dtype=torch.float64)
        return (drawn * (torch.tensor(sides)[:, None] - 2 * half)).long() + half

    def _seen(self, centre: Tensor, sides: Sequence[int]) -> Corners:
        """Corners of the pixels `centre` in all LR crops one below the other."""
        whole, parts = self._cells
        row = torch.tensor(sides)[:, None] - 1
        below = np.zeros((2, self.batch, 1, 1), np.int64)
        below[0] = np.arange(self.batch)[:, None, None] * self.crop  # the crops lie one below the other
        ends = (whole[row, centre] + torch.from_numpy(below)).flatten(1, 2)  # [2, b * q, low and high]
        offsets = parts[row, centre].flatten(1, 2)
        y, x = (Cells(*e.unbind(1), *o.unbind(1)) for e, o in zip(ends, offsets, strict=True))
        return corners_of(y, x, self.crop)

    @cached_property
    def _cells(self) -> tuple[Tensor, Tensor]:
        """Of every pixel of crops of all sides, from 1 on: the LR cells below and above, and the offsets from them."""
        find = cells_of if self.asked == "around" else corner_cells_of
        cells = find(torch.arange(self._room), self.crop, torch.arange(1, self._room + 1)[:, None])
        return torch.stack(cells[:2], -1), torch.stack(cells[2:], -1)

    def _where(self, centre: Tensor, residual: Tensor) -> Tensor:
        """Where the values of the textures around `centre` lie in `residual [b, 3, n, n]`, in the flow's order."""
        n, near = residual.shape[-1], np.arange(self.patch) - self.patch // 2
        pattern = (np.arange(3)[:, None, None] * n**2 + near[:, None] * n + near).ravel()
        first = (torch.from_numpy(np.arange(self.batch)[:, None] * 3 * n**2) + centre[0] * n + centre[1]).view(-1, 1)
        return (first.to(residual.device) + torch.from_numpy(pattern).to(residual.device)).flatten()

    @cached_property
    def _resident(self) -> Resident:
        sides, device = range(round(self.crop * self.scales.whole[0]), self._room + 1), self.pack.pictures[0].device
        shrinking(sides, self.crop, self._room, device)  # made once, before the first step
        enlarging(self.crop, sides, self._room, device)
        return self.pack.resident
