"""Colours that a file states by codes or numbers (ITU-T H.273; PNG): kept in a PNG, elsewhere sRGB or refused."""

import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

CHUNKS = (b"cICP", b"mDCV", b"cLLI", b"sRGB", b"gAMA", b"cHRM")
"""What a PNG can say of its colours beside an ICC profile; the first of cICP, sRGB, gAMA with cHRM is valid."""

Pairs = tuple[tuple[float, float], ...]

_D65 = (0.3127, 0.329)
_C = (0.31, 0.316)
_SRGB: Pairs = ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06), _D65)
# Chromaticities of red, green, blue and white by code (H.273, table 2), with a name where people know one
_PRIMARIES: dict[int, tuple[str, Pairs]] = {
    1: ("sRGB", _SRGB),
    2: ("sRGB", _SRGB),  # not specified
    4: ("", ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C)),
    5: ("", ((0.64, 0.33), (0.29, 0.6), (0.15, 0.06), _D65)),
    6: ("", ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65)),
    7: ("", ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65)),
    9: ("Rec. 2020", ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046), _D65)),
    11: ("DCI-P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.314, 0.351))),
    12: ("Display P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), _D65)),
    22: ("", ((0.63, 0.34), (0.295, 0.605), (0.155, 0.077), _D65)),
}
_SRGB_CURVES = (1, 2, 6, 13, 14, 15)  # of television and sRGB: near enough to be shown alike
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_HDR = {16: "PQ", 18: "HLG"}
_NEAR = 0.005  # of a chromaticity, and of an exponent: nobody sees it
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True)
class Colours:
    """What a file states of its colours, as (name, body) of PNG chunks; nothing means sRGB, or an ICC profile."""

    chunks: tuple[tuple[bytes, bytes], ...] = ()

    @classmethod
    def of_code(cls, primaries: int, curve: int) -> "Colours":
        """Of H.273's codes, full range."""
        return cls(((b"cICP", bytes((primaries & 255, curve & 255, 0, 1))),))

    @property
    def cicp(self) -> bytes | None:
        """The four bytes of the codes: primaries, curve, matrix, range."""
        body = dict(self.chunks).get(b"cICP")
        return body if body is not None and len(body) == 4 else None

    @property
    def usual(self) -> bool:
        """Whether a reader would see the same colours without them."""
        return self.convertible and self._gamma is None and self._near(_SRGB)

    @property
    def convertible(self) -> bool:
        """Whether `to_srgb` knows them."""
        if self.cicp is None:
            return True
        known = self.cicp[1] in _SRGB_CURVES or self.cicp[1] in _GAMMAS
        return self.cicp[0] in _PRIMARIES and known and self.cicp[2] == 0 and self.cicp[3] == 1

    @property
    def name(self) -> str:
        """The colours in words."""
        if self.cicp is None:
            return "" if self._gamma is None else f"a gamma of {self._gamma:.3g}"
        curve = _HDR.get(self.cicp[1], "" if self.cicp[1] in _SRGB_CURVES else f"curve {self.cicp[1]}")
        primaries = _PRIMARIES.get(self.cicp[0], ("", _SRGB))[0] or f"primaries {self.cicp[0]}"
        return f"{primaries} {curve}".rstrip()

    def to_srgb(self, pixels: FloatArray) -> FloatArray:
        """Display-coded `[h, w, c]` of these colours as sRGB; what lies outside of sRGB is clipped."""
        if self.usual:
            return pixels
        code = np.clip(pixels, 0, 1)
        if self._gamma is None:
            linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        else:
            linear = code**self._gamma
        if pixels.shape[2] == 3 and not self._near(_SRGB):
            linear = np.clip(linear @ self._matrix.T.astype(np.float32), 0, 1)
        coded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
        return np.asarray(coded, np.float32)

    @cached_property
    def _gamma(self) -> float | None:
        """The exponent that makes code linear; None for sRGB's own curve."""
        if self.cicp is not None:
            return _GAMMAS.get(self.cicp[1])
        stated = dict(self.chunks)
        body = stated.get(b"gAMA", b"")
        if b"sRGB" in stated or len(body) != 4 or not (value := struct.unpack(">I", body)[0]):
            return None
        exponent = 100000 / value
        return None if abs(1 / exponent - 1 / 2.2) < _NEAR or not 0.1 <= exponent <= 10 else exponent

    @cached_property
    def _primaries(self) -> Pairs:
        if self.cicp is not None:
            return _PRIMARIES.get(self.cicp[0], ("", _SRGB))[1]
        stated = dict(self.chunks)
        body = stated.get(b"cHRM", b"")
        if b"sRGB" in stated or len(body) != 32:
            return _SRGB
        white, *colours = np.array(struct.unpack(">8I", body)).reshape(4, 2) / 100000
        found = [(float(x), float(y)) for x, y in (*colours, white)]
        sound = all(0 < x < 1 and 0.001 < y < 1 for x, y in found) and abs(np.linalg.det(_columns(found[:3]))) > 1e-3
        return tuple(found) if sound else _SRGB

    def _near(self, pairs: Pairs) -> bool:
        return bool(np.allclose(self._primaries, pairs, rtol=0, atol=_NEAR))

    @property
    def _matrix(self) -> NDArray[np.float64]:
        """Linear RGB of these primaries to linear sRGB, white to white (Bradford)."""
        ours, theirs = (_BRADFORD @ _columns(p[3:])[:, 0] for p in (self._primaries, _SRGB))
        adapted = np.linalg.inv(_BRADFORD) @ np.diag(theirs / ours) @ _BRADFORD
        return np.asarray(np.linalg.inv(_to_xyz(_SRGB)) @ adapted @ _to_xyz(self._primaries))


def _columns(pairs: "Pairs | list[tuple[float, float]]") -> NDArray[np.float64]:
    """XYZ of chromaticities (x, y) at Y = 1, one a column."""
    return np.array([[x / y, 1, (1 - x - y) / y] for x, y in pairs]).T


def _to_xyz(pairs: Pairs) -> NDArray[np.float64]:
    """Linear RGB to XYZ (SMPTE RP 177): the primaries so scaled that they make white together."""
    colours, white = _columns(pairs[:3]), _columns(pairs[3:])[:, 0]
    return np.asarray(colours * np.linalg.solve(colours, white))
