"""Between the integers of a file and float32 planes."""

import math
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
    return rounded(spread(plane, limits), dtype, limits)


def spread(plane: FloatArray, limits: tuple[float, float]) -> NDArray[Any]:
    """Map 0 and 1 to `limits`, in float32 where it holds every step, else in float64: for every host alike."""
    low, high = limits
    if low == 0 and high <= 65535 and float(high).is_integer():
        return np.multiply(plane, np.float32(high))
    wide: Samples = plane.astype(np.float64) * (high - low) + low
    return wide


def rounded(values: NDArray[Any], dtype: np.dtype[Any], limits: tuple[float, float] | None = None) -> Samples:
    """Values as a sample type: integers are rounded and saturated, within `limits` if given, never wrapped.

    `values` may be overwritten: a copy of a large picture would cost as much again.
    """
    if dtype.kind == "f":
        most = np.finfo(dtype)
        held: Samples = np.clip(values, most.min, most.max)
        return held.astype(dtype)
    whole = np.iinfo(dtype)
    low, top = limits or (float(whole.min), float(whole.max))
    top = top if int(top) <= whole.max else math.nextafter(top, 0)  # 2**64 - 1 is no float
    np.clip(np.rint(values, out=values), low, top, out=values)
    return values.astype(dtype)
