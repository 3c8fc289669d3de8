"""Encode 16-bit PNG, which Pillow writes for grey only."""

import struct
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_ROWS = 64  # at a time: the filters need some ten times a block's bytes
_MAGIC = b"\x89PNG\r\n\x1a\n"

Bytes = NDArray[np.uint8]


def encode_png16(
    samples: NDArray[np.uint16],
    *,
    icc: bytes | None = None,
    exif: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    more: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """Encode uint16 `[h, w, c]`, c from 1 to 4, the last of 2 or 4 being alpha, with metadata and further chunks."""
    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = [_MAGIC, _chunk(b"IHDR", header)]
    if icc:
        chunks.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    if dpi:
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in dpi), 1)))
    chunks += [_chunk(name, body) for name, body in more]
    if exif:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    packer = zlib.compressobj(6)
    for block in _filtered_blocks(samples):
        if packed := packer.compress(block):
            chunks.append(_chunk(b"IDAT", packed))
    chunks += [_chunk(b"IDAT", packer.flush()), _chunk(b"IEND", b"")]
    return b"".join(chunks)


def with_chunks(data: bytes, more: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A PNG file with further chunks right behind its header."""
    end = len(_MAGIC) + 25
    return b"".join([data[:end], *(_chunk(name, body) for name, body in more), data[end:]])


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _filtered_blocks(samples: NDArray[np.uint16]) -> Iterator[bytes]:
    height, width, channels = samples.shape
    above = np.zeros((1, width * channels * 2), np.uint8)
    for start in range(0, height, _ROWS):
        block = np.ascontiguousarray(samples[start : start + _ROWS]).astype(">u2")
        rows = block.view(np.uint8).reshape(block.shape[0], -1)
        yield filter_rows(rows, np.concatenate([above, rows[:-1]]), channels * 2)
        above = rows[-1:]


def filter_rows(rows: Bytes, above: Bytes, step: int) -> bytes:
    """Filter each row in the way that leaves the smallest sum of absolute differences (PNG specification, 12.7).

    `above` holds the row over each row, `step` is the bytes per pixel.
    """
    left, corner = np.zeros_like(rows), np.zeros_like(rows)
    left[:, step:], corner[:, step:] = rows[:, :-step], above[:, :-step]
    average = ((left.astype(np.uint16) + above) >> 1).astype(np.uint8)
    guesses = (np.zeros_like(rows), left, above, average, _paeth(left, above, corner))
    filtered = np.stack([rows - guess for guess in guesses])  # [5, rows, bytes], modulo 256
    cost = np.abs(filtered.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
    best = cost.argmin(axis=0)
    chosen = np.take_along_axis(filtered, best[None, :, None], axis=0)[0]
    return np.concatenate([best[:, None].astype(np.uint8), chosen], axis=1).tobytes()


def _paeth(left: Bytes, above: Bytes, corner: Bytes) -> Bytes:
    """Whichever neighbour is nearest to left + above - corner; ties go to left, then above."""
    a, b, c = left.astype(np.int16), above.astype(np.int16), corner.astype(np.int16)
    to_left, to_above, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    nearest = np.where(to_above <= to_corner, above, corner)
    return np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest)
