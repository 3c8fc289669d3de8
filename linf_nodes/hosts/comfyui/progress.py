"""Progress in ComfyUI: a bar and a preview per tile, and a cancel that is answered within a layer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

PREVIEW = 512  # pixels of the longer side


class Reporter:
    """The core's `progress(done, total, preview)`; each call is also a point where ComfyUI may stop the run."""

    def __init__(self, bar: Any):
        self._bar = bar

    def __call__(self, done: int, total: int, preview: Any = None) -> None:
        shown = ("JPEG", thumbnail(preview), PREVIEW) if isinstance(preview, Tensor) else None
        self._bar.update_absolute(done, total, shown)


def thumbnail(picture: Tensor) -> Any:
    """A Pillow picture of at most 512 pixels a side from `[c, h, w]`; alpha is left out, since JPEG has none."""
    from PIL import Image

    planes = picture[:-1] if picture.shape[0] in (2, 4) else picture
    step = max(1, max(planes.shape[-2:]) // PREVIEW)
    small = planes[:, ::step, ::step].float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray((small[0] if len(small) == 1 else small.movedim(0, -1)).cpu().numpy())


@contextmanager
def watched(networks: nn.Module, check: Callable[[], None]) -> Iterator[None]:
    """Call `check`, which may raise, before every layer: one tile of a large network may take long."""
    handles = [
        m.register_forward_pre_hook(lambda *_: check()) for m in networks.modules() if next(m.children(), None) is None
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
