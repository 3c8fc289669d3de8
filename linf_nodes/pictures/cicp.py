"""The colours that a PNG states in its cICP chunk (ITU-T H.273): kept in a PNG, else converted to sRGB or refused."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .picture import FloatArray

_BT709, _DISPLAY_P3 = 1, 12
_SRGB_CURVES = (1, 13)  # of BT.709 and sRGB: near enough to be shown alike
_HDR = {16: "PQ", 18: "HLG"}
# Linear Display P3 to linear sRGB, both for D65 (SMPTE EG 432-1; IEC 61966-2-1)
_P3_TO_SRGB = np.array(
    [[1.2249401, -0.2249404, 0.0], [-0.0420569, 1.0420571, 0.0], [-0.0196376, -0.0786361, 1.0982735]], np.float32
)


def read_cicp(path: Path) -> bytes | None:
    """The four bytes of a PNG's cICP chunk; None where it has none."""
    for name, body in _chunks(path):
        if name == b"cICP" and len(body) == 4:
            return body
    return None


def is_srgb(cicp: bytes) -> bool:
    """Whether the chunk says nothing that a reader would not assume."""
    return cicp[0] == _BT709 and cicp[1] in _SRGB_CURVES


def can_convert(cicp: bytes) -> bool:
    """Whether `to_srgb` knows the colours."""
    return is_srgb(cicp) or (cicp[0] == _DISPLAY_P3 and cicp[1] in _SRGB_CURVES)


def colours_named(cicp: bytes) -> str:
    """The colours in words."""
    curve = _HDR.get(cicp[1])
    primaries = {_BT709: "sRGB", _DISPLAY_P3: "Display P3", 9: "Rec. 2020"}.get(cicp[0], f"primaries {cicp[0]}")
    return f"{primaries} {curve}" if curve else primaries


def to_srgb(pixels: FloatArray, cicp: bytes) -> FloatArray:
    """Display-coded `[h, w, 3]` of the chunk's colours as sRGB; what lies outside of sRGB is clipped."""
    if is_srgb(cicp) or pixels.shape[2] == 1:
        return pixels
    code = np.clip(pixels, 0, 1)
    linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ _P3_TO_SRGB.T, 0, 1)
    coded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(coded, np.float32)


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Chunks before the samples: name and body."""
    with path.open("rb") as stream:
        stream.seek(8)
        while len(head := stream.read(8)) == 8:
            size, name = struct.unpack(">I4s", head)
            if name in (b"IDAT", b"IEND"):
                return
            if size > 1 << 20:
                stream.seek(size + 4, 1)
                continue
            yield name, stream.read(size)
            stream.seek(4, 1)
