"""Find what a PNG or an AVIF states of its colours."""

import struct
from collections.abc import Iterator
from pathlib import Path

from .codes import CHUNKS, Colours

_LONGEST = 1 << 20  # bytes of a header that is looked at


def read_colours(path: Path, kind: str) -> Colours:
    """The colours that a file states beside an ICC profile; nothing for formats that have no place for them."""
    if kind == "PNG":
        return Colours(tuple((name, body) for name, body in _chunks(path) if name in CHUNKS))
    if kind == "AVIF":
        return _nclx(path)
    return Colours()


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Chunks before the samples: name and body."""
    with path.open("rb") as stream:
        stream.seek(8)
        while len(head := stream.read(8)) == 8:
            size, name = struct.unpack(">I4s", head)
            if name in (b"IDAT", b"IEND"):
                return
            if size <= _LONGEST:
                yield name, stream.read(size)
                stream.seek(4, 1)
            else:
                stream.seek(size + 4, 1)


def _nclx(path: Path) -> Colours:
    """The first colour box with codes (ISO/IEC 14496-12, 12.1.5) among the properties of the items."""
    with path.open("rb") as stream:
        data = stream.read(_LONGEST)
    for box in _inside(data, b"meta"):
        for properties in _inside(box[4:], b"iprp"):
            for container in _inside(properties, b"ipco"):
                for colour in _inside(container, b"colr"):
                    if colour[:4] == b"nclx" and len(colour) >= 11:
                        return Colours.of_code(*struct.unpack(">HH", colour[4:8]))
    return Colours()


def _inside(data: bytes, wanted: bytes) -> Iterator[bytes]:
    """Bodies of the boxes of one name at the top of `data`."""
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        head = 8
        if size == 1 and at + 16 <= len(data):
            size, head = int(struct.unpack(">Q", data[at + 8 : at + 16])[0]), 16
        end = len(data) if size == 0 else at + size
        if end < at + head:
            return
        if name == wanted:
            yield data[at + head : end]
        at = end
