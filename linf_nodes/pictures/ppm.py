"""PGM and PPM of more than 8 bits, of which Pillow reads and writes grey only (netpbm's own description)."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import BadPicture

_HEAD = re.compile(rb"P([56])" + rb"(?:\s+|#[^\n\r]*[\n\r])+(\d+)" * 3 + rb"\s")
_LONGEST_HEAD = 4096


def read_ppm16(path: Path) -> NDArray[np.uint16] | None:
    """Samples `[h, w, 1 or 3]` of a binary file with a largest value of 256 to 65535, which becomes 65535; else None.

    Raises
    ------
    BadPicture
        When samples are missing.
    """
    with path.open("rb") as stream:
        found = _HEAD.match(stream.read(_LONGEST_HEAD))
        if found is None:
            return None
        channels = 1 if found[1] == b"5" else 3
        width, height, most = (int(n) for n in found.groups()[1:])
        if not 255 < most < 65536:
            return None
        stream.seek(found.end())
        samples = np.fromfile(stream, ">u2", height * width * channels)
    if samples.size != height * width * channels:
        raise BadPicture(f"'{path}' is truncated: some of its samples are missing; fetch or export it again")
    samples = samples.astype(np.uint16)
    if most < 65535:
        samples = np.rint(samples.clip(0, most) * np.float64(65535 / most)).astype(np.uint16)
    return samples.reshape(height, width, channels)


def encode_ppm16(samples: NDArray[np.uint16]) -> bytes:
    """A PGM of `[h, w, 1]`, a PPM of `[h, w, 3]`."""
    height, width, channels = samples.shape
    return b"P%d\n%d %d\n65535\n" % (5 if channels == 1 else 6, width, height) + samples.astype(">u2").tobytes()
