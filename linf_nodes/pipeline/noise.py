"""Standard normal noise as a pure function of where it is."""

import math

import numpy as np
import torch
from numpy.random import Philox
from torch import Tensor

_KEY = 0x4C494E46  # "LINF": keeps this stream apart from other users of Philox with the same seed
_LOW = 0xFFFFFFFF
_TO_UNIT = 2.0**-32


def normal(seed: int, frame: int, rows: range, cols: range, dim: int) -> Tensor:
    """Latent `z [len(rows), len(cols), dim]` float32 at global patch rows and columns.

    Philox4x64-10 counters (Salmon et al., SC 2011) are addressed by (column, row, frame) under a key made of the seed,
    and every 64-bit word gives two components by the Box-Muller transform, in float64. So a value depends on (seed,
    frame, row, column, component) alone: not on call order, tiles, batch position, device or precision.
    """
    words = -(-dim // 2)
    counters = -(-words // 4)
    raw = np.empty((len(rows), len(cols), 4 * counters), np.uint64)
    key = np.array([seed, _KEY], np.uint64)
    for i, row in enumerate(rows):
        stream = Philox(counter=np.array([cols.start * counters, row, frame, 0], np.uint64), key=key)
        raw[i] = stream.random_raw(raw[i].size).reshape(raw[i].shape)
    bits = torch.from_numpy(raw.view(np.int64))[..., :words]
    radius = ((bits >> 32) & _LOW).double().add_(0.5).mul_(_TO_UNIT).log_().mul_(-2).sqrt_()
    angle = (bits & _LOW).double().add_(0.5).mul_(2 * math.pi * _TO_UNIT)
    pairs = torch.empty(*bits.shape, 2)
    pairs[..., 0] = radius * angle.cos()
    pairs[..., 1] = radius.mul_(angle.sin_())
    return pairs.flatten(-2)[..., :dim]
