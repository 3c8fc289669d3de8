"""The learned prior of LINF-LP (CVPR 2024, eqs 3-5): predict the latent from the LR picture instead of drawing it."""

from torch import Tensor

from ..errors import BadValue
from ..models.flow import Condition
from ..models.latent_front import LR_STRIDE, LatentPrior, LatentWindow
from .blocks import Block, Span
from .cells import interpolate
from .fields import HALF, Gaussian
from .fields.patches import unfold
from .flatness import REACH
from .grid import Grid
from .model import LoadedModel
from .residual import initial_residual

HALO = 48  # latents around a window, measured (docs/tiling.md)


def halo(prior: LatentPrior) -> int:
    """Latents around a window that a prior must see, a multiple of its alignment."""
    return -(-min(HALO, prior.receptive_field) // prior.align) * prior.align


def seen(model: LoadedModel, grid: Grid, block: Block, learned: bool) -> Block:
    """The LR pixels that a block depends on: with `learned`, by way of the learned prior too."""
    own = model.halo + model.network.encoder.align + model.network.reach + model.network.around
    reach = max(own + 1, REACH)  # one for bilinear reduction
    if learned and model.prior is not None:
        block = block.grown(halo(model.prior), grid.patches)
        reach = max(reach, model.prior.lr_receptive_field + LR_STRIDE)
    rows, cols = (Span(*grid.centres(axis, *run).span()) for axis, run in enumerate(block))
    return Block(rows, cols).grown(reach + grid.patch, grid.lr_size)


def learned_latent(field: Gaussian, block: Block) -> tuple[Tensor, Condition]:
    """Predicted latents `[rows, cols, d]` of a block, and the block's condition, computed on the way.

    Parameters
    ----------
    field
        Of a model with a prior, holding all that is `seen` of the block.
    block
        Starting at multiples of the prior's alignment, so that the pooling squares are those of the whole map.
    """
    grid, prior = field.grid, field.model.prior
    if prior is None:
        raise BadValue(
            f"The model {field.model.name!r} has no learned prior: draw the latent, or load a prior with it."
        )
    wide = block.grown(halo(prior), grid.patches)
    pixels = wide.pixels(grid)
    y, x = grid.pixels(0, *pixels.rows), grid.pixels(1, *pixels.cols)
    near = Block(Span(*y.span()), Span(*x.span()))
    residual = initial_residual(field.picture, grid, near, field.origin)
    initial = interpolate(residual, y.shifted(near.rows.start), x.shifted(near.cols.start))
    z, held = field.whiten_and_hold(wide, unfold(initial, grid.patch), block)
    field.tidy(block)
    lr, window = _lr_window(field, wide, prior.lr_receptive_field)
    maps = z.permute(2, 0, 1)[None].to(field.model.dtype)
    embedding = prior.embed(maps, lr.to(field.model.dtype), window)
    field.tidy(block)
    learned = prior.latents(embedding, window)[0].permute(1, 2, 0).float()
    return learned[block.within(wide)], held


def _lr_window(field: Gaussian, block: Block, reach: int) -> tuple[Tensor, LatentWindow]:
    grid = field.grid
    spans = []
    for axis, run in enumerate(block):
        low, high = grid.centres(axis, *run).span()
        wide = Span(low, high).grown(reach, grid.lr_size[axis])
        spans.append(Span(wide.start // LR_STRIDE * LR_STRIDE, wide.stop))
    rows, cols = spans
    lr = field.picture[(None, ..., *Block(rows, cols).slices(field.origin))] / HALF - 1
    origin = (block.rows.start, block.cols.start)
    return lr, LatentWindow(origin, grid.patches, (rows.start, cols.start), grid.lr_size)
