"""The latent of a given high-resolution picture."""

import torch
from torch import Tensor

from ..errors import BadShape
from .canvas import blank_canvas
from .features import Features, colour
from .fields import Gaussian, narrowed
from .fields.patches import unfold
from .grid import Grid
from .render import Progress


@torch.inference_mode()
def encode_reference(
    features: Features, grid: Grid, reference: Tensor, tile: int | None = None, progress: Progress | None = None
) -> Tensor:
    """Latents `[b, rows, cols, d]` of `reference [b or 1, c, H, W]` given its LR picture (LINF eq. 2).

    Raises
    ------
    BadShape
        When the reference is not of the grid's size.
    """
    if tuple(reference.shape[-2:]) != grid.hr_size or len(reference) not in (1, len(features.image)):
        raise BadShape(f"The reference has shape {tuple(reference.shape)}, but {grid.hr_size} pixels are needed.")
    model = features.model
    canvas = blank_canvas(features, grid, tile)
    z = torch.empty(len(features.image), *grid.patches, model.dim)
    total, done = len(canvas) * len(z), 0
    for item in range(len(z)):
        field = narrowed(canvas.field(item), Gaussian, "Encode Reference")
        picture = colour(reference[min(item, len(reference) - 1)])
        for block in canvas:
            pixels = block.pixels(canvas.grid)
            residual = unfold(canvas.sampled(picture, pixels).to(model.device) - field.base(pixels), grid.patch)
            found, wanted = canvas.patches(block)
            z[(item, *wanted)] = field.whiten(block, residual)[found].cpu()
            done += 1
            if progress is not None:
                progress(done, total, None)
    return z
