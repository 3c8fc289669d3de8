"""Whether a picture fits into memory, from what its header states: said before a sample of it is decoded."""

import math
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadPicture
from ..memory import fits, memory_text, shortage

# Pixels that a byte of the file can stand for at most; formats that are not named can hold any number.
_MOST_PER_BYTE = {
    "PNG": 1032 * 8,  # deflate's limit, of 1-bit samples
    "JPEG": 1024,  # half of what runs of empty 8x8 blocks can say
    "PPM": 8,
    "BMP": 255 * 255 / 4,  # a step over empty pixels, in four bytes
    "TGA": 64,  # runs of 128 grey pixels in two bytes
}


@dataclass(frozen=True)
class Header:
    """What a file states of its first picture, upright: sides in pixels, channels with alpha, bytes of a sample."""

    height: int
    width: int
    channels: int
    itemsize: int

    @property
    def decoding_bytes(self) -> int:
        """At the peak: the decoder's samples, a copy of them, and float32 planes with one copy."""
        return self.height * self.width * self.channels * (8 + 3 * self.itemsize)

    @property
    def planes_bytes(self) -> int:
        """Once it is read: float32 planes."""
        return self.height * self.width * self.channels * 4

    @property
    def writing_bytes(self) -> int:
        """At the peak, as a result: float32 planes, a clipped copy, samples and the file before it is written."""
        return self.height * self.width * self.channels * (8 + 2 * self.itemsize)


def check_claim(path: Path, kind: str, width: int, height: int, most: float) -> None:
    """Refuse a file that claims more than `most` pixels, which is all that its bytes can hold.

    Raises
    ------
    BadPicture
    """
    if width * height > most:
        raise BadPicture(
            f"'{path}' is damaged: it claims {width} x {height} pixels, which {memory_text(path.stat().st_size)} of "
            f"{kind} cannot hold; fetch or export it again"
        )


def check_size(path: Path, kind: str, header: Header) -> None:
    """Refuse a picture that the file's bytes cannot hold, or that this machine's memory cannot.

    Raises
    ------
    BadPicture
    """
    height, width = header.height, header.width
    check_claim(path, kind, width, height, _MOST_PER_BYTE.get(kind, math.inf) * path.stat().st_size)
    if not fits(header.decoding_bytes):
        raise BadPicture(
            f"'{path}' claims {width} x {height} pixels, and reading them {shortage(header.decoding_bytes)}: close "
            "other programs, cut the picture into parts, or convert it to OME-Zarr and use linf stack; if it is "
            "smaller, it is damaged"
        )
