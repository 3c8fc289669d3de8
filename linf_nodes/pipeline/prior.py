"""The learned prior of LINF-LP (CVPR 2024, eqs 3-5): predict the latent from the LR picture instead of drawing it."""

from torch import Tensor

from ..errors import BadValue
from ..models.flow import Condition
from ..models.latent_front import LR_STRIDE, LatentPrior, LatentWindow
from .blocks import Block, Span
from .cells import interpolate
from .flatness import REACH
from .grid import Grid
from .model import LinfModel
from .residual import initial_residual
from .scene import Scene, unfold
from .texture import HALF, whiten_and_hold

HALO = 48  # latents around a window, measured (docs/tiling.md)


def halo(prior: LatentPrior) -> int:
    """Latents around a window that a prior must see, a multiple of its alignment."""
    return -(-min(HALO, prior.receptive_field) // prior.align) * prior.align


def seen(model: LinfModel, grid: Grid, block: Block, learned: bool) -> Block:
    """The LR pixels that a block depends on: with `learned`, by way of the learned prior too."""
    reach = max(model.halo + model.linf.encoder.align + 2, REACH)  # one for the corners, one for bilinear reduction
    if learned and model.prior is not None:
        block = block.grown(halo(model.prior), grid.patches)
        reach = max(reach, model.prior.lr_receptive_field + LR_STRIDE)
    rows, cols = (Span(*grid.centres(axis, *run).span()) for axis, run in enumerate(block))
    return Block(rows, cols).grown(reach + grid.patch, grid.lr_size)


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
    lr = scene.picture[(None, ..., *Block(rows, cols).slices(scene.origin))] / HALF - 1
    origin = (block.rows.start, block.cols.start)
    return lr, LatentWindow(origin, grid.patches, (rows.start, cols.start), grid.lr_size)
