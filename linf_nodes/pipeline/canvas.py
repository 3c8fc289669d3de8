"""Where blocks are computed and where their pixels belong: on the picture itself, or in the middle of its repetition.

With seamless edges a picture stands among copies of itself. It is computed there exactly as a picture of that size
would be, block by block, and only the middle is kept: so encoder, prior and base see across the border what lies on the
other side, and the result repeats without a seam.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..models.flow import Condition
from .blocks import Block, Plan, Span
from .features import SEAMLESS, Features
from .fields import Field
from .grid import Grid, Size
from .latent import Kind, Latent, NoLatent, PriorLatent
from .prior import seen
from .render import Amount, plan_for


@dataclass(frozen=True)
class Repeated:
    """A latent that begins anew at every copy of its grid; `grid` is that of all copies.

    `start` are the rows and columns of patches before the middle one. What a prior predicts is not repeated but
    predicted of the picture among its copies; what it has predicted, and was saved, is.
    """

    latent: Latent
    grid: Grid
    start: Size

    @property
    def kind(self) -> Kind:
        return self.latent.kind

    @property
    def model_hash(self) -> str:
        return self.latent.model_hash

    def window(self, field: Field, item: int, block: Block) -> tuple[Tensor, Condition | None]:
        if isinstance(self.latent, PriorLatent):
            return self.latent.window(field, item, block)
        axes = zip(block, self.start, self.latent.grid.patches, strict=True)
        rows, cols = (_periods(Span(s.start - before, s.stop - before), n) for s, before, n in axes)
        parts = [[self.latent.window(field, item, Block(r, c))[0] for c in cols] for r in rows]
        return torch.cat([torch.cat(row, 1) for row in parts]), None


@dataclass(frozen=True, eq=False)
class Canvas:
    """The blocks of a plan, and where their pixels go; `middle` are the pixels that are wanted, in the canvas's own."""

    features: Features
    latent: Latent
    plan: Plan
    middle: Block

    @property
    def grid(self) -> Grid:
        return self.latent.grid

    def __iter__(self) -> Iterator[Block]:
        return self.plan.over(self.middle)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def field(self, item: int) -> Field:
        return self.features.field(item, self.grid)

    def places(self, pixels: Block) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Which of a block's pixels are wanted, and where they belong in the result."""
        shared = pixels.shared(self.middle)
        return shared.within(pixels), shared.within(self.middle)

    def patches(self, block: Block) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The same for patches."""
        rows, cols = (Span(s.start // self.grid.patch, -(-s.stop // self.grid.patch)) for s in self.middle)
        whole = Block(rows, cols)
        shared = block.shared(whole)
        return shared.within(block), shared.within(whole)

    def sampled(self, picture: Tensor, pixels: Block) -> Tensor:
        """A rectangle of the canvas of a picture `[c, H, W]` of the result's size."""
        axes = zip(pixels, self.middle, strict=True)
        rows, cols = ((torch.arange(*s) - m.start).remainder(m.size).to(picture.device) for s, m in axes)
        return picture.index_select(1, rows).index_select(2, cols)

    def amount(self, amount: Amount) -> Amount:
        """An amount whose mask, if any, lies on the picture."""
        return replace(amount, origin=(self.middle.rows.start, self.middle.cols.start))


def canvas_of(features: Features, latent: Latent, tile: int | None = None) -> Canvas:
    """The canvas of a picture, by the edges that its features were asked for with."""
    grid = latent.grid
    if features.edges != SEAMLESS:
        plan = plan_for(features, latent, tile)
        return Canvas(features, latent, plan, Block(Span(0, grid.hr_size[0]), Span(0, grid.hr_size[1])))
    # copies before the picture, of such a number that the middle begins with a patch
    before = [1 if hr % grid.patch == 0 else grid.patch for hr in grid.hr_size]
    lr, hr = (_times(size, [2 * n + 1 for n in before]) for size in (grid.lr_size, grid.hr_size))
    rows, cols = (Span(n * side, (n + 1) * side) for n, side in zip(before, grid.hr_size, strict=True))
    middle = Block(rows, cols)
    wide = Repeated(latent, Grid(lr, hr, grid.patch), (rows.start // grid.patch, cols.start // grid.patch))
    plan = plan_for(features, wide, tile)
    needed = _around([seen(features.model, wide.grid, block, latent.kind == "learned") for block in plan.over(middle)])
    index = [torch.arange(*s) % n for s, n in zip(needed, grid.lr_size, strict=True)]  # on the CPU, as pictures are
    image = features.image.index_select(-2, index[0]).index_select(-1, index[1])
    window = Features(features.model, image, None, (needed.rows.start, needed.cols.start), passes=features.passes)
    return Canvas(window, wide, plan, middle)


def blank_canvas(features: Features, grid: Grid, tile: int | None = None) -> Canvas:
    """A canvas for what needs no latent."""
    return canvas_of(features, NoLatent(grid, features.model.hash), tile)


def _around(blocks: list[Block]) -> Block:
    rows = Span(min(b.rows.start for b in blocks), max(b.rows.stop for b in blocks))
    return Block(rows, Span(min(b.cols.start for b in blocks), max(b.cols.stop for b in blocks)))


def _times(size: Size, counts: list[int]) -> Size:
    return size[0] * counts[0], size[1] * counts[1]


def _periods(run: Span, period: int) -> list[Span]:
    """A run of rows or columns as runs within one period."""
    parts, at = [], run.start
    while at < run.stop:
        stop = min(run.stop, (at // period + 1) * period)
        parts.append(Span(at % period, at % period + stop - at))
        at = stop
    return parts
