"""What a WebP states of its size, read before the decoder makes room for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import BadPicture

Size = tuple[int, int]

LONGEST_SIDE = 16383


def check_canvas(path: Path) -> None:
    """Refuse a WebP whose canvas no picture can have: of other sides than its own if it is still, or beyond all bounds.

    Raises
    ------
    BadPicture
    """
    canvas: Size | None = None
    with path.open("rb") as stream:
        for name, head in _chunks(stream):
            if name == b"VP8X":
                canvas = _plus_one(head[4:7]), _plus_one(head[7:10])
                if max(canvas) > LONGEST_SIDE:
                    raise _damaged(path, canvas, f"a WebP has at most {LONGEST_SIDE} a side")
            elif name == b"ANMF":
                return
            elif name in (b"VP8 ", b"VP8L"):
                stated = _lossy(head) if name == b"VP8 " else _lossless(head)
                if canvas is not None and canvas != stated:
                    raise _damaged(path, canvas, f"it holds {stated[0]} x {stated[1]}")
                return


def _damaged(path: Path, canvas: Size, fact: str) -> BadPicture:
    return BadPicture(
        f"'{path}' is damaged: it claims {canvas[0]} x {canvas[1]} pixels, but {fact}; fetch or export it again"
    )


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Names of the chunks and their first bytes."""
    stream.seek(12)
    while len(head := stream.read(18)) == 18:
        yield head[:4], head[8:]
        size = int.from_bytes(head[4:8], "little")
        stream.seek(stream.tell() + size + size % 2 - 10)


def _plus_one(number: bytes) -> int:
    return int.from_bytes(number, "little") + 1


def _lossy(head: bytes) -> Size:
    """RFC 6386, 9.1: a frame tag and a start code of three bytes each, then 14 bits to each side."""
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def _lossless(head: bytes) -> Size:
    """A signature, then 14 bits to each side."""
    bits = int.from_bytes(head[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
