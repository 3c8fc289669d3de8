"""Pillow's bicubic filter on float planes: it makes LR pictures, and the baseline that models are measured against."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import BadShape

Size = tuple[int, int]


def bicubic(picture: Tensor, size: Size) -> Tensor:
    """`picture [c, h, w]` at `size (h, w)`, antialiased when it is reduced (Keys a = -1/2); float32, unclipped."""
    if min(size) < 1:
        raise BadShape(f"A picture cannot be resized to {size[0]}x{size[1]}: give at least one pixel a side.")
    planes = picture.detach().float().cpu().numpy()
    resized = [Image.fromarray(p, "F").resize((size[1], size[0]), Image.Resampling.BICUBIC) for p in planes]
    return torch.from_numpy(np.stack([np.asarray(p) for p in resized]))
