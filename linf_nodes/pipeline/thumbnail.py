"""A small picture of a result that fills up as its blocks are finished: what hosts show while they wait."""

import torch
from torch import Tensor

from .grid import Size

SIDE = 512  # pixels of the longer side at most


class Thumbnail:
    """Every `step`-th pixel of a result `[c, H, W]`; where nothing is finished yet, the small picture shows.

    Parameters
    ----------
    image
        The small picture `[c, h, w]`.
    hr_size
        Height and width of the result.
    """

    def __init__(self, image: Tensor, hr_size: Size):
        self._step = max(1, -(-max(hr_size) // SIDE))
        size = [-(-n // self._step) for n in hr_size]
        rows, cols = (torch.arange(n) * s // n for n, s in zip(size, image.shape[-2:], strict=True))
        self.picture = image.index_select(-2, rows).index_select(-1, cols)

    def put(self, pixels: tuple[slice, slice], part: Tensor) -> Tensor:
        """Take over a finished rectangle `part [c, r, s]`; returns the picture `[c, h', w']`."""
        (rows, r), (cols, c) = (self._taken(s.start, s.stop) for s in pixels)
        self.picture[:, rows, cols] = part[:, r :: self._step, c :: self._step]
        return self.picture

    def _taken(self, start: int, stop: int) -> tuple[slice, int]:
        """Which of the small pixels lie in a run, and where its first one begins."""
        first, last = -(-start // self._step), -(-stop // self._step)
        return slice(first, last), first * self._step - start
