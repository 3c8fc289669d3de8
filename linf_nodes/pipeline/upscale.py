"""Whole pictures in one call: the chain encode, latent, inverse, compose, streamed through one window at a time."""

import torch
from torch import Tensor

from .device import trim_heap
from .features import Features, check_image
from .latent import Latent
from .render import Amount, Progress, plan_for, stream


@torch.inference_mode()
def upscale(
    features: Features, latent: Latent, amount: Amount, tile: int | None = None, progress: Progress | None = None
) -> Tensor:
    """Upscaled pictures `[b, c, H, W]` float32, unclipped, on the CPU.

    Beside the output, one window is held. `progress(done, total, preview)` is called after every block and may raise
    `Cancelled`; the preview is the block's pixels.
    """
    check_image(features.image)
    grid = latent.grid
    plan = plan_for(features, latent, tile)
    # hosts and files want the channels last: in memory they are, so that nobody copies the whole picture
    out = torch.empty(*features.image.shape[:2], *grid.hr_size, memory_format=torch.channels_last)
    total = len(plan) * len(out)
    whole = grid.hr_size[0] * grid.hr_size[1] * len(out)
    done = 0
    for item in range(len(out)):
        for pixels, picture in stream(features, latent, item, amount, plan):
            out[(item, slice(None), *pixels.slices())] = picture
            trim_heap()
            done += picture[0].numel()
            if progress is not None:
                progress(round(total * done / whole), total, picture)
    return out
