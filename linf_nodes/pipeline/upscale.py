"""Whole pictures in one call: the chain encode, latent, inverse, compose, streamed through one window at a time."""

import torch
from torch import Tensor

from .canvas import canvas_of
from .device import trim_heap
from .features import Features, check_image
from .latent import Latent
from .render import Amount, Progress, stream
from .thumbnail import Thumbnail


@torch.inference_mode()
def upscale(
    features: Features, latent: Latent, amount: Amount, tile: int | None = None, progress: Progress | None = None
) -> Tensor:
    """Upscaled pictures `[b, c, H, W]` float32, unclipped, on the CPU.

    Beside the output, one window is held. `progress(done, total, preview)` is called after every block and may raise
    `Cancelled`; the preview is a thumbnail of the picture that fills up (`Thumbnail`).
    """
    check_image(features.image)
    grid = latent.grid
    canvas = canvas_of(features, latent, tile)
    amount = canvas.amount(amount)
    # hosts and files want the channels last: in memory they are, so that nobody copies the whole picture
    out = torch.empty(*features.image.shape[:2], *grid.hr_size, memory_format=torch.channels_last)
    total = len(canvas) * len(out)
    whole = grid.hr_size[0] * grid.hr_size[1] * len(out)
    done = 0
    for item in range(len(out)):
        small = None if progress is None else Thumbnail(features.image[item], grid.hr_size)
        for pixels, picture in stream(canvas.features, canvas.latent, item, amount, canvas.plan, canvas.middle):
            found, wanted = canvas.places(pixels)
            part = picture[(slice(None), *found)]
            out[(item, slice(None), *wanted)] = part
            trim_heap()
            done += part[0].numel()
            if progress is not None and small is not None:
                progress(round(total * done / whole), total, small.put(wanted, part))
    return out
