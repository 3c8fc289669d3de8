"""Models that answer query points from the LR cells around them, window by window."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...models.corners import Corners
from ..blocks import Block, Span
from ..cells import Cells, corners_of_rectangle
from ..encoding import Encoding
from ..grid import Grid, Size
from ..model import LoadedModel
from .field import HALF, Field
from .patches import fold, runs, strips

CELLS = 16384  # LR pixels whose cells are held at once, 4 * width bytes each


class Cellular(NamedTuple):
    """Cells that queries are answered from: their grid, and how they are made of features around a rectangle of them.

    `features` gives those of a rectangle and of `reach` cells to each side, and where they lie.
    """

    grid: Grid
    reach: int
    features: Callable[[Block], tuple[Block, Tensor]]
    cells: Callable[[Tensor, tuple[slice, slice]], Tensor]
    at: Callable[[Tensor, Tensor, Corners, Any, Size], Tensor]


class LocalField(Field):
    """The field of any `Network`: its answers are the texture, or the picture itself."""

    def __init__(
        self,
        model: LoadedModel,
        picture: Tensor,
        grid: Grid,
        features: Tensor | None = None,
        origin: tuple[int, int] = (0, 0),
    ):
        super().__init__(model, picture, grid, features, origin)
        self._encoding = Encoding(model, self.picture, grid.lr_size, origin)

    def mean(self, block: Block) -> Tensor:
        if self.is_flat(block):
            return self.nothing(block)
        network, pixels = self.model.network, block.pixels(self.grid)
        answers = torch.empty(*block.size, network.answers, device=self.model.device)
        for run, found in self.answers(block):
            answers[run.within(block)] = found.view(*run.size, -1)
        rows, cols = pixels.size
        texture = fold(answers, network.patch_size).mul_(HALF)[:, :rows, :cols]
        if not network.over_bilinear:
            texture = texture.add_(HALF).sub_(self.base(pixels))
        share = self.share(block)
        if share is None:
            return texture
        kept = share.repeat_interleave(network.patch_size, 1).repeat_interleave(network.patch_size, 2)[:, :rows, :cols]
        return torch.where(kept > 0, texture * kept, 0.0)

    def answers(self, block: Block, again: int | None = None) -> Iterator[tuple[Block, Tensor]]:
        """What the network answers `[q, n]` at every patch of `block`, float32, in runs of a fixed size.

        `again` is the column of patches from which on a neighbour will ask once more.
        """
        network = self.model.network
        features = partial(self._features_around, again=again)
        yield from self._answers(block, Cellular(self.grid, network.reach, features, network.cells, network.at))

    def _answers(self, block: Block, cellular: "Cellular") -> Iterator[tuple[Block, Tensor]]:
        """The answers of cells that may lie on another grid than that of the LR picture."""
        network, device, grid = self.model.network, self.model.device, cellular.grid
        x = self._asked(grid, 1, block.cols)
        height, width = grid.lr_size
        cols = Span(*x.span()).grown(network.around, width)
        x = x.shifted(cols.start)
        whole = Block(Span(*self._asked(grid, 0, block.rows).span()).grown(network.around, height), cols)
        near, features = cellular.features(whole)
        self.tidy(block)
        phase = network.phases(torch.tensor([grid.rel_cell], dtype=torch.float32, device=device))
        work: Any = None
        for strip in strips(block, CELLS // cols.size * grid.scale[0] / grid.patch):
            y = self._asked(grid, 0, strip.rows)
            lr = Block(Span(*y.span()).grown(network.around, height), cols)
            wide = lr.grown(cellular.reach, grid.lr_size)
            cells = cellular.cells(features[(..., *wide.within(near))], lr.within(wide))
            work = work or network.workspace(network.queries, cells)
            y = y.shifted(lr.rows.start)
            for run in runs(strip, network.queries):
                r, c = run.within(strip)
                corners = corners_of_rectangle(y.part(r), x.part(c), cols.size)
                moved = Corners(*(t.to(device) for t in corners))
                yield run, cellular.at(cells, phase, moved, work, lr.size).float()

    def _asked(self, grid: Grid, axis: int, run: Span) -> Cells:
        """Where the queries of a run of patches lie among the cells."""
        around = self.model.network.asked == "around"
        return (grid.centres if around else grid.corners)(axis, *run)

    def _features_around(self, lr: Block, again: int | None) -> tuple[Block, Tensor]:
        """Features of a rectangle of LR pixels and of the network's reach to each side, and that rectangle."""
        reach = self.model.network.reach
        wide = lr.grown(reach, self.grid.lr_size)
        if self._features is None:
            near = reach + self.model.network.around
            first = (
                None if again is None else max(0, self._asked(self.grid, 1, Span(again, again + 1)).span()[0] - near)
            )
            return wide, self._encoding.features(wide, first)
        features = self._features[(..., *wide.slices())]
        return wide, features.to(self.model.device, self.model.dtype, memory_format=torch.channels_last)
