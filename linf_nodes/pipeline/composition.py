"""Textures that are held, and pictures composed of them: `bilinear + mean + amount * detail`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .blocks import Block, Span
from .canvas import blank_canvas, canvas_of
from .features import Features
from .fields import Gaussian, narrowed
from .grid import Grid
from .latent import Kind, Latent
from .render import Amount, Progress, finish


@dataclass(frozen=True, eq=False)
class Texture:
    """`mean` and `detail = L z` of a batch, each `[b, 3, H, W]` float32 in picture units: 24 bytes per output pixel."""

    features: Features
    grid: Grid
    kind: Kind
    mean: Tensor
    detail: Tensor


@torch.inference_mode()
def flow_inverse(
    features: Features, latent: Latent, tile: int | None = None, progress: Progress | None = None
) -> Texture:
    """Push a latent through the inverse flow, in closed form."""
    canvas = canvas_of(features, latent, tile)
    shape = (len(features.image), 3, *latent.grid.hr_size)
    mean, detail = torch.empty(shape), torch.empty(shape)
    total, done = len(canvas) * len(mean), 0
    for item in range(len(mean)):
        field = narrowed(canvas.field(item), Gaussian, "Flow Inverse")
        for block in canvas:
            found, (rows, cols) = canvas.places(block.pixels(canvas.grid))
            parts = _parts(field, canvas.latent, item, block)
            mean[item, :, rows, cols], detail[item, :, rows, cols] = (part[(slice(None), *found)] for part in parts)
            done += 1
            if progress is not None:
                progress(done, total, None)
    return Texture(features, latent.grid, latent.kind, mean, detail)


def _parts(field: Gaussian, latent: Latent, item: int, block: Block) -> tuple[Tensor, Tensor]:
    """Mean and detail of a block."""
    if latent.kind != "reference" and field.is_flat(block):
        nothing = field.nothing(block)
        return nothing, nothing
    z, held = latent.window(field, item, block)
    if latent.kind == "reference":
        return field.mean_and_reference(block, z)
    return field.mean_and_detail(block, z, held)


@torch.inference_mode()
def compose(texture: Texture, amount: Amount) -> Tensor:
    """Pictures `[b, c, H, W]`, unclipped, with the channels of the input."""
    grid = texture.grid
    whole = Block(Span(0, grid.hr_size[0]), Span(0, grid.hr_size[1]))
    canvas, pictures = blank_canvas(texture.features, grid), []
    for item, image in enumerate(canvas.features.image):
        mask = amount.window(item, whole)
        detail = texture.detail[item] * amount.value
        base = canvas.field(item).base(canvas.middle).cpu()
        added = texture.mean[item] + (detail if mask is None else detail * mask)
        pictures.append(finish(image, canvas.grid, canvas.middle, base, added, canvas.features.origin))
    return torch.stack(pictures)


@torch.inference_mode()
def uncertainty(features: Features, grid: Grid, tile: int | None = None, progress: Progress | None = None) -> Tensor:
    """Standard deviation `[b, 3, H, W]` of every output sample at temperature 1, in picture units.

    That of a grey picture is the deviation of the mean of the three colours, which is what becomes of it, three times.
    """
    grey = features.image.shape[1] < 3
    canvas = blank_canvas(features, grid, tile)
    out = torch.empty(len(features.image), 3, *grid.hr_size)
    total, done = len(canvas) * len(out), 0
    for item in range(len(out)):
        field = narrowed(canvas.field(item), Gaussian, "Uncertainty")
        for block in canvas:
            found, (rows, cols) = canvas.places(block.pixels(canvas.grid))
            out[item, :, rows, cols] = field.deviation(block, grey)[(slice(None), *found)]
            done += 1
            if progress is not None:
                progress(done, total, None)
    return out
