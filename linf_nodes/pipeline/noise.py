"""Standard normal noise as a pure function of where it is."""

import numpy as np
from numpy.random import Philox

_KEY = 0x4C494E46  # "LINF": keeps this stream apart from other users of Philox with the same seed
_TO_UNIT = 2.0**-32


def normal(seed: int, frame: int, rows: range, cols: range, dim: int) -> np.ndarray:
    """Latent `z [len(rows), len(cols), dim]` float32 at global patch rows and columns.

    Philox4x64-10 counters (Salmon et al., SC 2011) are addressed by (column, row, frame) under a key made of the seed,
    and every 64-bit word gives two components by the Box-Muller transform, in float64. So a value depends on (seed,
    frame, row, column, component) alone: not on call order, tiles, batch position, device or precision.
    """
    words = -(-dim // 2)
    counters = -(-words // 4)
    raw = np.empty((len(rows), len(cols), 4 * counters), np.uint64)
    for i, row in enumerate(rows):
        stream = Philox(counter=[cols.start * counters, row, frame, 0], key=[seed & (2**64 - 1), _KEY])
        raw[i] = stream.random_raw(len(cols) * 4 * counters).reshape(len(cols), -1)
    raw = raw[..., :words]
    radius = np.sqrt(-2.0 * np.log(((raw >> np.uint64(32)).astype(np.float64) + 0.5) * _TO_UNIT))
    angle = ((raw & np.uint64(0xFFFFFFFF)).astype(np.float64) + 0.5) * (2.0 * np.pi * _TO_UNIT)
    pairs = np.stack((radius * np.cos(angle), radius * np.sin(angle)), -1)
    return pairs.reshape(len(rows), len(cols), -1)[..., :dim].astype(np.float32)
