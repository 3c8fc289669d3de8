"""The latent of a given high-resolution picture."""

import torch
from torch import Tensor

from ..errors import BadShape
from .features import Features, colour
from .grid import Grid
from .latent import NoiseLatent
from .render import Progress, plan_for
from .scene import unfold
from .texture import whiten


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
    plan = plan_for(features, NoiseLatent(grid, model.hash, dim=model.dim), tile)
    z = torch.empty(len(features.image), *grid.patches, model.dim)
    total, done = len(plan) * len(z), 0
    for item in range(len(z)):
        scene = features.scene(item, grid)
        picture = colour(reference[min(item, len(reference) - 1)])
        for block in plan:
            pixels = block.pixels(grid)
            rows, cols = pixels.slices()
            residual = unfold(picture[:, rows, cols].to(model.device) - scene.base(pixels), grid.patch)
            z[(item, *block.slices())] = whiten(scene, block, residual).cpu()
            done += 1
            if progress is not None:
                progress(done, total, None)
    return z
