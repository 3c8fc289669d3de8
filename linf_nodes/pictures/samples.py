"""Between the integers of a file and float32 planes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .codes import Colours
from .picture import FloatArray
from .texts import Texts

Samples = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a decoder hands over: samples `[h, w, c]` in the file's own type; the last of 2 or 4 channels is alpha."""

    samples: Samples
    exif: Image.Exif = field(default_factory=Image.Exif)
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    pages: int = 1
    texts: Texts = field(default_factory=Texts)
    colours: Colours = field(default_factory=Colours)


def oriented(samples: Samples, orientation: int) -> Samples:
    """Turn and mirror `[h, w, ...]` as the EXIF orientation 1 to 8 asks; other values change nothing."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return samples[::rows, ::columns]


def unusual_range(samples: Samples) -> tuple[float, float] | None:
    """The least and greatest sample of integer types other than uint8 and uint16; None for those and for floats.

    Files of such types seldom use their full range, and a float32 could not resolve it.
    """
    if samples.dtype.kind == "f" or samples.dtype in (np.uint8, np.uint16):
        return None
    low, high = int(samples.min()), int(samples.max())
    return float(low), float(max(high, low + 1))


def full_range(dtype: np.dtype[Any]) -> tuple[float, float]:
    """The samples that 0 and 1 stand for when a file says nothing else."""
    return (0.0, 1.0) if dtype.kind == "f" else (0.0, float(np.iinfo(dtype).max))


def to_float(samples: Samples, limits: tuple[float, float]) -> FloatArray:
    """Map `limits` to 0 and 1; floats stay as they are."""
    low, high = limits
    if samples.dtype.kind == "f":
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, which the reader refuses
            return samples.astype(np.float32)
    if low == 0 and samples.dtype.itemsize <= 2:
        plane = samples.astype(np.float32)
        plane /= np.float32(high)
        return plane
    return ((samples.astype(np.float64) - low) / (high - low)).astype(np.float32)


def from_float(plane: FloatArray, dtype: np.dtype[Any], limits: tuple[float, float]) -> Samples:
    """Map 0 and 1 to `limits`; integers are clipped, then rounded. Inverts `to_float` exactly below 2**23 steps."""
    if dtype.kind == "f":
        return plane.astype(dtype, copy=False)
    low, high = limits
    scaled: Samples = np.clip(plane, 0, 1)
    if low == 0 and high <= 65535:
        scaled *= np.float32(high)
    else:
        scaled = scaled.astype(np.float64) * (high - low) + low
    return np.rint(scaled, out=scaled).astype(dtype)
