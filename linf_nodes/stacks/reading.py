"""What a block was made of: which window of its source, and what that held."""

import hashlib
from typing import Any, NamedTuple

import numpy as np

from ..errors import DamagedPart
from .axes import Array
from .levels import fetched

JsonIndex = list[int | list[int | None]]


class Reading(NamedTuple):
    """A window that was read, a short name of its samples, and one of the files that it lies in, if there are any."""

    window: JsonIndex
    samples: str
    files: str | None

    def still(self, source: Any) -> bool:
        """Whether the source holds the same: told by its files, and where these were written again, by the samples."""
        index = tuple(i if isinstance(i, int) else slice(*i) for i in self.window)
        if self.files is not None and self.files == files_of(source, index):
            return True
        try:
            return self.samples == digest(fetched(source[index]))
        except DamagedPart:  # a block that was made before stays right
            return True


class Recorded:
    """A source that notes what is read of it."""

    def __init__(self, source: Any):
        self.source = source
        self.shape, self.dtype = source.shape, source.dtype
        self.readings: list[Reading] = []

    def __getitem__(self, index: tuple[int | slice, ...]) -> Array:
        stamped = getattr(self.source, "stamped", None)
        samples, files = (fetched(self.source[index]), None) if stamped is None else stamped(index)
        window: JsonIndex = [[i.start, i.stop] if isinstance(i, slice) else int(i) for i in index]
        self.readings.append(Reading(window, digest(samples), files))
        return samples


def digest(samples: Array | bytes) -> str:
    """A short name of samples or bytes."""
    data = samples if isinstance(samples, bytes) else np.ascontiguousarray(samples).view(np.uint8).data
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def files_of(source: Any, index: tuple[int | slice, ...]) -> str | None:
    """A short name of the files that a window of a source lies in; None for a source of no files."""
    stamp = getattr(source, "stamp", None)
    return stamp(index) if callable(stamp) else None
