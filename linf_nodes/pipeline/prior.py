"""The learned prior of LINF-LP (CVPR 2024, eqs 3-5): predict the latent from the LR picture instead of drawing it."""

import torch
from torch import Tensor

from ..errors import BadValue
from ..models.flow import Condition
from ..models.latent_front import LR_STRIDE, LatentPrior, LatentWindow
from .blocks import Block, Span
from .cells import cells_of, interpolate
from .grid import Grid
from .scene import Scene, unfold
from .texture import HALF, whiten_and_hold

HALO = 48  # latents around a window, measured (docs/tiling.md)


def halo(prior: LatentPrior) -> int:
    """Latents around a window that a prior must see, a multiple of its alignment."""
    return -(-min(HALO, prior.receptive_field) // prior.align) * prior.align


def initial_residual(picture: Tensor, grid: Grid, near: Block | None = None) -> Tensor:
    """What bilinear reduction loses of the bilinear enlargement: an LR picture `[3, h, w]` to be enlarged in its turn.

    The initial prior is the enlargement's residual `up(x) - up(down(up(x)))`; up is linear, so it is `up` of this.
    `near` is the rectangle of LR pixels that is asked for, instead of the whole picture.
    """
    near = near or Block(*(Span(0, n) for n in grid.lr_size))
    lowered = picture
    for axis, run in enumerate(near):
        lowered = _down_of_up(lowered, axis + 1, run, grid.lr_size[axis], grid.hr_size[axis])
    return picture[:, slice(*near.rows), slice(*near.cols)] - lowered


def learned_latent(scene: Scene, block: Block) -> tuple[Tensor, Condition]:
    """Predicted latents `[rows, cols, d]` of a block, and the block's condition, computed on the way.

    Parameters
    ----------
    scene
        Of a model with a prior, holding the whole picture.
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
    residual = initial_residual(scene.picture, grid, near)
    initial = interpolate(residual, y.shifted(near.rows.start), x.shifted(near.cols.start))
    z, held = whiten_and_hold(scene, wide, unfold(initial, grid.patch), block)
    lr, window = _lr_window(scene, wide, prior.lr_receptive_field)
    maps = z.permute(2, 0, 1)[None].to(scene.model.dtype)
    learned = prior(maps, lr.to(scene.model.dtype), window)[0].permute(1, 2, 0).float()
    return learned[block.within(wide)], held


def _lr_window(scene: Scene, block: Block, reach: int) -> tuple[Tensor, LatentWindow]:
    grid = scene.grid
    spans = []
    for axis, run in enumerate(block):
        low, high = grid.centres(axis, *run).span()
        wide = Span(low, high).grown(reach, grid.lr_size[axis])
        spans.append(Span(wide.start // LR_STRIDE * LR_STRIDE, wide.stop))
    rows, cols = spans
    lr = scene.picture[None, :, rows.start : rows.stop, cols.start : cols.stop] / HALF - 1
    origin = (block.rows.start, block.cols.start)
    return lr, LatentWindow(origin, grid.patches, (rows.start, cols.start), grid.lr_size)


def _down_of_up(picture: Tensor, dim: int, run: Span, lr: int, hr: int) -> Tensor:
    """Enlarge an axis from `lr` to `hr` bilinearly, and reduce it back by two taps at the LR pixel centres of `run`."""
    taps = cells_of(torch.arange(*run), hr, lr)
    ends = []
    for index in (taps.low, taps.high):
        cells = cells_of(index, lr, hr)
        a, b = (picture.index_select(dim, i) for i in cells.ends(picture.device))
        ends.append(torch.lerp(a, b, _along(0.5 * cells.rel_low, dim).to(picture)))
    return torch.lerp(ends[0], ends[1], _along(0.5 * taps.rel_low, dim).to(picture))


def _along(weight: Tensor, dim: int) -> Tensor:
    return weight[:, None] if dim == 1 else weight
