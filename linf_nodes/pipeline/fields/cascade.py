"""CLIT's field: beyond x4 a further branch looks at the features enlarged so far, and adds to what was found.

The scale is reached in factors of 4 and a rest, as published. Where a scale asks for more branches than the model has,
its last one does the rest: x30 of a model with two is 4 and 7.5.
"""

import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from ...models.clit import CLIT
from ...models.corners import Corners
from ..blocks import Block, Span
from ..cells import Cells
from ..grid import Grid, Size
from .local import Cellular, LocalField

STEP = 4
KEPT = 0.75  # of what earlier branches have found


class CascadeField(LocalField):
    """What a CLIT answers."""

    @property
    def network(self) -> CLIT:
        network = self.model.network
        if not isinstance(network, CLIT):
            raise TypeError(f"{type(network).__name__} has no branches.")
        return network

    @property
    def sizes(self) -> list[Size]:
        """Of the features that each branch looks at: the LR picture's first."""
        scale = max(self.grid.scale)
        wanted = max(1, math.ceil(round(math.log(scale, STEP), 9)))
        sides = zip(self.grid.lr_size, self.grid.hr_size, strict=True)
        (h, height), (w, width) = sides
        count = min(len(self.network.imnets), wanted)
        return [(min(height, h * STEP**k), min(width, w * STEP**k)) for k in range(count)]

    def answers(self, block: Block, again: int | None = None) -> Iterator[tuple[Block, Tensor]]:
        sizes = self.sizes
        if len(sizes) == 1:
            yield from super().answers(block, again)
            return
        total: Tensor | None = None
        for branch, size in enumerate(sizes):
            found = torch.empty(*block.size, 3, device=self.model.device)
            for run, values in self._answers(block, self._cellular(branch, size)):
                found[run.within(block)] = values.view(*run.size, -1)
            total = found if total is None else found + KEPT * total
        assert total is not None
        yield block, total.view(-1, 3)

    def _cellular(self, branch: int, size: Size) -> Cellular:
        network, grid = self.network, Grid(size, self.grid.hr_size)
        if branch == 0:
            features = partial(self._features_around, again=None)
            return Cellular(grid, network.reach, features, network.cells, network.at)

        def at(cells: Tensor, phase: Tensor, corners: Corners, work: None, shape: Size) -> Tensor:
            asked, near = network.geometry(cells, corners, shape)
            return network.answer(branch, cells, asked, near, phase, shape)

        return Cellular(grid, 1, partial(self._enlarged, size), partial(network.branch_cells, branch), at)

    def _enlarged(self, size: Size, block: Block) -> tuple[Block, Tensor]:
        """The first features at a rectangle of cells of a finer grid and one more to each side, zeros beyond."""
        wide, grid = block.grown(1, size), Grid(self.grid.lr_size, size)
        y, x = grid.pixels(0, *wide.rows), grid.pixels(1, *wide.cols)
        near = Block(Span(*y.span()), Span(*x.span()))
        around, features = self._features_around(near, None)
        maps = self.network.conv_ch(features)[(..., *near.within(around))]
        rows = _weighted(maps, 2, y.shifted(near.rows.start))
        return wide, _weighted(rows, 3, x.shifted(near.cols.start))


def _weighted(maps: Tensor, dim: int, cells: Cells) -> Tensor:
    """Bilinear along an axis, with zeros beyond its ends."""
    low, high = (t.to(maps.device) for t in (cells.rel_low, cells.rel_high))
    shares = 1 - low.abs() / 2, (1 - high.abs() / 2) * (low != high)  # at an end both are one cell
    parts = []
    for index, share in zip(cells.ends(maps.device), shares, strict=True):
        weight = share.to(maps.dtype).view((-1, 1) if dim == 2 else (-1,))
        parts.append(maps.index_select(dim, index) * weight)
    return parts[0] + parts[1]
