"""The learned prior of LINF-LP (CVPR 2024, eqs 3-5): predict the latent from the LR picture instead of drawing it."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import BadValue
from ..models.flow import Condition
from ..models.latent_front import LR_STRIDE, LatentPrior, LatentWindow
from .blocks import Block, Span
from .cells import Cells, cells_of, interpolate
from .grid import Grid
from .model import LinfModel
from .scene import Scene, unfold
from .texture import HALF, whiten_and_hold

HALO = 48  # latents around a window, measured (docs/tiling.md)


def halo(prior: LatentPrior) -> int:
    """Latents around a window that a prior must see, a multiple of its alignment."""
    return -(-min(HALO, prior.receptive_field) // prior.align) * prior.align


def seen(model: LinfModel, grid: Grid, block: Block, learned: bool) -> Block:
    """The LR pixels that a block depends on: with `learned`, by way of the learned prior too."""
    reach = model.halo + model.linf.encoder.align + 2  # one for the corners, one for bilinear reduction
    if learned and model.prior is not None:
        block = block.grown(halo(model.prior), grid.patches)
        reach = max(reach, model.prior.lr_receptive_field + LR_STRIDE)
    rows, cols = (Span(*grid.centres(axis, *run).span()) for axis, run in enumerate(block))
    return Block(rows, cols).grown(reach + grid.patch, grid.lr_size)


def initial_residual(
    picture: Tensor, grid: Grid, near: Block | None = None, origin: tuple[int, int] = (0, 0)
) -> Tensor:
    """What bilinear reduction loses of the bilinear enlargement: an LR picture `[3, h, w]` to be enlarged in its turn.

    The initial prior is the enlargement's residual `up(x) - up(down(up(x)))`; up is linear, so it is `up` of this.
    `near` is the rectangle of LR pixels that is asked for, instead of the whole picture; `origin` is the row and column
    at which `picture` begins, where it is but a window.
    """
    near = near or Block(*(Span(0, n) for n in grid.lr_size))
    y, x = (_taps(*axis) for axis in zip(near, grid.lr_size, grid.hr_size, strict=True))
    around = Block(y.span(), x.span())
    lowered = _sample(_sample(_window(picture, around, origin), 1, y, around.rows.start), 2, x, around.cols.start)
    return _window(picture, near, origin) - lowered


def learned_latent(scene: Scene, block: Block) -> tuple[Tensor, Condition]:
    """Predicted latents `[rows, cols, d]` of a block, and the block's condition, computed on the way.

    Parameters
    ----------
    scene
        Of a model with a prior, holding all that is `seen` of the block.
    block
        Starting at multiples of the prior's alignment, so that the pooling squares are those of the whole map.
    """
    grid, prior = scene.grid, scene.model.prior
    if prior is None:
        raise BadValue(
            f"The model {scene.model.name!r} has no learned prior: draw the latent, or load a prior with it."
        )
    wide = block.grown(halo(prior), grid.patches)
    pixels = wide.pixels(grid)
    y, x = grid.pixels(0, *pixels.rows), grid.pixels(1, *pixels.cols)
    near = Block(Span(*y.span()), Span(*x.span()))
    residual = initial_residual(scene.picture, grid, near, scene.origin)
    initial = interpolate(residual, y.shifted(near.rows.start), x.shifted(near.cols.start))
    z, held = whiten_and_hold(scene, wide, unfold(initial, grid.patch), block)
    scene.tidy(block)
    lr, window = _lr_window(scene, wide, prior.lr_receptive_field)
    maps = z.permute(2, 0, 1)[None].to(scene.model.dtype)
    embedding = prior.embed(maps, lr.to(scene.model.dtype), window)
    scene.tidy(block)
    learned = prior.latents(embedding, window)[0].permute(1, 2, 0).float()
    return learned[block.within(wide)], held


def _lr_window(scene: Scene, block: Block, reach: int) -> tuple[Tensor, LatentWindow]:
    grid = scene.grid
    spans = []
    for axis, run in enumerate(block):
        low, high = grid.centres(axis, *run).span()
        wide = Span(low, high).grown(reach, grid.lr_size[axis])
        spans.append(Span(wide.start // LR_STRIDE * LR_STRIDE, wide.stop))
    rows, cols = spans
    lr = _window(scene.picture, Block(rows, cols), scene.origin)[None] / HALF - 1
    origin = (block.rows.start, block.cols.start)
    return lr, LatentWindow(origin, grid.patches, (rows.start, cols.start), grid.lr_size)


def _window(picture: Tensor, lr: Block, origin: tuple[int, int]) -> Tensor:
    """A rectangle of LR pixels of a picture `[c, h, w]` that begins at `origin`."""
    rows, cols = (slice(s.start - o, s.stop - o) for s, o in zip(lr, origin, strict=True))
    return picture[:, rows, cols]


class _Taps(NamedTuple):
    """Where LR pixels look when an axis is enlarged and reduced back: cells of two taps, and how far lies between."""

    low: Cells
    high: Cells
    between: Tensor

    def span(self) -> Span:
        """The LR pixels that are looked at."""
        starts, stops = zip(self.low.span(), self.high.span(), strict=True)
        return Span(min(starts), max(stops))


def _taps(run: Span, lr: int, hr: int) -> _Taps:
    """Of the LR pixels of `run`, on an axis of `lr` pixels that becomes `hr` bilinearly, and `lr` again by two taps."""
    down = cells_of(torch.arange(*run), hr, lr)
    return _Taps(cells_of(down.low, lr, hr), cells_of(down.high, lr, hr), 0.5 * down.rel_low)


def _sample(picture: Tensor, dim: int, taps: _Taps, start: int) -> Tensor:
    """Go down of up along an axis of a picture that begins with LR pixel `start`."""
    ends = []
    for cells in (taps.low, taps.high):
        a, b = (picture.index_select(dim, i) for i in cells.shifted(start).ends(picture.device))
        ends.append(torch.lerp(a, b, _along(0.5 * cells.rel_low, dim).to(picture)))
    return torch.lerp(ends[0], ends[1], _along(taps.between, dim).to(picture))


def _along(weight: Tensor, dim: int) -> Tensor:
    return weight[:, None] if dim == 1 else weight
