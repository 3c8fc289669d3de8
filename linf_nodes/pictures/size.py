"""Whether a picture fits into memory, from what its header states: said before a sample of it is decoded."""

from pathlib import Path

from ..errors import BadPicture
from ..memory import fits, free_memory, memory_text

# Pixels that a byte of the file can stand for at most; formats that are not named can hold any number.
_MOST_PER_BYTE = {"PNG": 1032 * 8, "JPEG": 1024}  # deflate's limit, of 1-bit samples; less than a bit of each 8x8 block


def check_size(path: Path, kind: str, width: int, height: int, channels: int, itemsize: int) -> None:
    """Refuse a picture that the file's bytes cannot hold, or that this machine's memory cannot.

    Raises
    ------
    BadPicture
    """
    if width * height > _MOST_PER_BYTE.get(kind, 1 << 62) * path.stat().st_size:
        raise BadPicture(
            f"'{path}' is damaged: it claims {width} x {height} pixels, which {memory_text(path.stat().st_size)} of "
            f"{kind} cannot hold; fetch or export it again"
        )
    needed = decoding_bytes(width, height, channels, itemsize)
    if not fits(needed):
        raise BadPicture(
            f"'{path}' claims {width} x {height} pixels, and reading them takes {memory_text(needed)} of memory, but "
            f"{memory_text(free_memory() or 0)} are free: close other programs, cut the picture into parts, or convert "
            "it to OME-Zarr and use linf stack; if it is smaller than that, it is damaged"
        )


def decoding_bytes(width: int, height: int, channels: int, itemsize: int) -> int:
    """Bytes at the peak: the decoder's samples, a copy of them, and float32 planes with one copy."""
    return width * height * channels * (8 + 3 * itemsize)
