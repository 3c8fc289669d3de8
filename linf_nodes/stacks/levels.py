"""What 0 and 1 stand for while a volume is computed with: chosen once per volume, inverted exactly."""

import hashlib
import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from ..catalogue.tensors import Levels
from ..errors import BadValue, DamagedPart
from ..pictures.samples import rounded
from .axes import Array, Axes, Index

# Percentiles of the volume that become 0 and 1, as for the stacks that models are trained on; and those that must lie
# within what the network is shown, where bright spots on a dark ground are less than a thousandth of the picture.
INNER, OUTER = (0.1, 99.9), (0.01, 99.99)
REACH = 0.25  # how far outside 0 to 1 the network is shown samples: at 2 and beyond, flows were seen to explode
PLANES, SIDE = 8, 256  # how many planes are looked at, and the side of the nine windows of a plane that is larger


def check_samples(dtype: np.dtype[Any]) -> None:
    """Refuse sample types that are no intensities.

    Raises
    ------
    BadValue
        For booleans, complex numbers, times and objects.
    """
    if dtype.kind == "b":
        raise BadValue("The array is boolean, a mask: convert it to uint8 first, or enlarge it by nearest neighbour.")
    if dtype.kind == "c":
        raise BadValue(f"The array is {dtype}: enlarge its magnitude or its real part, as real numbers.")
    if dtype.kind not in "iuf":
        raise BadValue(f"The array holds {dtype}, which are no intensities: convert it to float32 or uint16.")


def levels_of(source: Any, axes: Axes, channel: int | None = None) -> Levels:
    """The normalisation of a volume, or of one channel of it, from at most nine windows of at most eight of its planes.

    8-bit integers, and colour of any integer type, are display-coded: 0 and the largest value, as in picture files.
    Colour in floats likewise is 0 and 1 where it lies inside. All else (16-bit and float stacks) takes its 0.1 and 99.9
    percentiles, widened until the 0.01 and 99.99 ones lie at most a quarter of the range outside. Samples farther out
    are not clipped: they are enlarged bilinearly.

    Raises
    ------
    BadValue
        When the samples are no intensities, or all of those looked at are NaN or infinite.
    """
    dtype = np.dtype(source.dtype)
    check_samples(dtype)
    if dtype.kind in "iu" and (dtype == np.uint8 or axes.colour is not None):
        return full_range(dtype)
    values = np.concatenate([w[np.isfinite(w)].astype(np.float64) for w in _windows(source, axes, channel)])
    if values.size == 0:
        raise BadValue("The array holds nothing but NaN and infinite values where it was sampled: fill them first.")
    least, most = float(values.min()), float(values.max())
    if axes.colour is not None and least >= 0 and most <= 1:
        return Levels()
    low, high, outer_low, outer_high = (float(v) for v in np.percentile(values, (*INNER, *OUTER)))
    if low == high and least < most:
        return Levels(least, most)
    if low == high:
        return _around(low, dtype)
    least = high - (high - outer_low) / (1 + REACH)
    return Levels(min(low, least), max(high, low + (outer_high - low) / (1 + REACH)))


def full_range(dtype: np.dtype[Any]) -> Levels:
    """0 and the largest integer; 0 and 1 for floats."""
    return Levels() if dtype.kind == "f" else Levels(0.0, float(np.iinfo(dtype).max))


def halved(samples: Array, dtype: np.dtype[Any]) -> Array:
    """Means of 2 x 2 samples of the last two axes, rounded; a last odd row or column is left out."""
    *others, height, width = samples.shape
    ky, kx = min(2, height), min(2, width)
    whole = samples[..., : height // ky * ky, : width // kx * kx].astype(np.float64)
    means = whole.reshape(*others, height // ky, ky, width // kx, kx).mean((-3, -1))
    return rounded(means, dtype)


def fingerprint(source: Any, axes: Axes) -> str:
    """A short name of a volume's contents, from the same few windows: tells one source from another on a resume.

    Where windows are damaged, it says so with the word `damaged`.
    """
    digest = hashlib.sha256(f"{tuple(source.shape)} {source.dtype}".encode())
    damaged = 0
    for window in _windows(source, axes):
        damaged += window.size == 0
        digest.update(np.ascontiguousarray(window).data)
    return digest.hexdigest()[:16] + (f", {damaged} damaged" if damaged else "")


def fetched(part: Any) -> Array:
    """An indexed piece of any array, in memory. A dask array is computed in this thread, for we may be in a task."""
    if hasattr(part, "__dask_graph__"):
        part = part.compute(scheduler="synchronous")
    return np.asarray(part)


def _around(value: float, dtype: np.dtype[Any]) -> Levels:
    """Levels of a volume that looks constant; of samples that float32 would round, its value is an exact 0."""
    exact = dtype.kind in "iu" and dtype.itemsize < 4
    return full_range(dtype) if exact else Levels(value, value + max(1.0, abs(value)))


def _windows(source: Any, axes: Axes, channel: int | None = None) -> Iterator[Array]:
    """Samples of a volume: bounded, whatever its size. A damaged window is empty; raises `DamagedPart` if all are."""
    height, width = axes.lr_size(source.shape)
    damage, whole = None, 0
    for index, r, c in product(_some_planes(source, axes, channel), _spread(height), _spread(width)):
        try:
            window = fetched(source[axes.where(index, r, c)])
        except DamagedPart as error:
            damage, window = error, np.empty(0, source.dtype)
        whole += window.size > 0
        yield window
    if damage is not None and not whole:
        raise damage


def _some_planes(source: Any, axes: Axes, channel: int | None) -> list[Index]:
    """Planes spread evenly over the volume, or over one channel."""
    counts = [1 if channel is not None and a == axes.channel else source.shape[a] for a in axes.looped]
    total = math.prod(counts)
    chosen = sorted({round(i * (total - 1) / max(1, PLANES - 1)) for i in range(PLANES)})
    planes = [[int(i) for i in np.unravel_index(n, counts)] if counts else [] for n in chosen]
    if channel is not None and axes.channel is not None:
        for plane in planes:
            plane[axes.looped.index(axes.channel)] = channel
    return [tuple(plane) for plane in planes]


def _spread(n: int) -> list[slice]:
    """A run of indices whole, or three windows at its ends and middle."""
    if n <= 3 * SIDE:
        return [slice(0, n)]
    return [slice(at, at + SIDE) for at in (0, (n - SIDE) // 2, n - SIDE)]
