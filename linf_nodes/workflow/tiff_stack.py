"""A TIFF file of many pages as an array: read page by page, and sent to other processes by its path."""

import json
import math
import re
import struct
import threading
import weakref
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile

from ..errors import BadPicture
from .axes import Array, Axes
from .channels import Channels, from_imagej, from_json, from_ome_xml
from .coordinates import Coordinates
from .levels import fetched
from .units import unit_of

# What tifffile raises on damaged files; an OSError may pass, on a file server say.
_DAMAGE = (
    tifffile.TiffFileError, ValueError, IndexError, KeyError, TypeError, RuntimeError, struct.error, zlib.error
)  # fmt: skip


class Pixel(NamedTuple):
    """Size of a pixel along one axis, its unit, and where the first one lies."""

    size: float = 1.0
    unit: str | None = None
    at: float = 0.0


@dataclass(frozen=True)
class TiffStack:
    """The first series of a TIFF. `letters` are tifffile's names of its axes: T, C, Z, Y, X, S for colour samples."""

    path: str
    stamp: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    letters: str

    @classmethod
    def of(cls, path: Path) -> "TiffStack":
        """Raises `BadPicture` when the file is missing, damaged or empty."""
        try:
            stamp = path.stat().st_mtime_ns
            series = _open(str(path), stamp).series
            return cls(str(path), stamp, tuple(series.shape), np.dtype(series.dtype), str(series.axes))
        except (OSError, *_DAMAGE) as error:
            raise _damaged(path, error) from error

    def __getitem__(self, index: tuple[int | slice, ...]) -> Array:
        """A window: one integer or slice for every axis; raises `BadPicture` when its page is damaged."""
        try:
            return _open(self.path, self.stamp).read(index)
        except _DAMAGE as error:
            raise _damaged(self.path, error) from error

    def axes(self) -> Axes:
        """Y and X, and S where it holds 3 or 4 samples; without names the last two axes."""
        if "Y" not in self.letters or "X" not in self.letters:
            return Axes.of(self.shape)
        s = self.letters.find("S")
        colour = s if s >= 0 and self.shape[s] in (3, 4) else None
        return Axes(len(self.shape), self.letters.index("Y"), self.letters.index("X"), colour)

    def coordinates(self) -> Coordinates:
        """From the OME-XML or from ImageJ's tags; pixels without units where there are none."""
        axes = self.axes()
        known = not set(self.letters) & set("QI") and not {"C", "S"} <= set(self.letters)
        names = [letter.lower().replace("s", "c") for letter in self.letters] if known else None
        coordinates = Coordinates.of(axes, names)
        found = _open(self.path, self.stamp).pixels()
        pixels = [found.get(letter, Pixel()) for letter in self.letters]
        usable = [p if math.isfinite(p.size) and p.size > 0 and math.isfinite(p.at) else Pixel() for p in pixels]
        units = tuple(p.unit for p in usable)
        return replace(
            coordinates, units=units, scale=tuple(p.size for p in usable), translation=tuple(p.at for p in usable)
        )

    def channels(self) -> Channels:
        """Names, colours and display ranges, as far as the OME-XML or ImageJ's tags say them."""
        count = self.shape[self.letters.index("C")] if "C" in self.letters else 1
        return _open(self.path, self.stamp).channels(count)


class _Opened:
    """An open file, shared by the threads of a process; keeps the page that was read last."""

    def __init__(self, path: str):
        self._lock = threading.Lock()
        self._tiff = tifffile.TiffFile(path)
        weakref.finalize(self, self._tiff.close)
        self.series: Any = self._tiff.series[0]
        self._mapped: Array | None = None
        self._last: tuple[int, Array] | None = None
        if self.series.dataoffset is not None:
            order = self._tiff.byteorder
            self._mapped = np.memmap(
                path, np.dtype(self.series.dtype).newbyteorder(order), "r", self.series.dataoffset, self.series.shape
            )

    def read(self, index: tuple[int | slice, ...]) -> Array:
        if self._mapped is not None:
            return fetched(self._mapped[index]).astype(self.series.dtype)
        inside = len(self.series.shape) - len(self.series.keyframe.shape)
        for axis, i in enumerate(index[:inside]):
            if isinstance(i, slice):  # height or width across pages
                every = range(*i.indices(self.series.shape[axis]))
                kept = sum(isinstance(k, slice) for k in index[:axis])
                return np.stack([self.read((*index[:axis], k, *index[axis + 1 :])) for k in every], kept)
        leading = [int(i) for i in index[:inside] if not isinstance(i, slice)]
        number = int(np.ravel_multi_index(leading, self.series.shape[:inside])) if inside else 0
        with self._lock:
            return self._page(number)[index[inside:]].copy()

    def pixels(self) -> dict[str, Pixel]:
        """By the axis's letter."""
        if self._tiff.ome_metadata:
            return _ome_pixels(self._tiff.ome_metadata)
        return _imagej_pixels(self._tiff) if self._tiff.is_imagej else {}

    def channels(self, count: int) -> Channels:
        """Of a stack of so many."""
        if self._tiff.ome_metadata:
            return _ome_channels(self._tiff.ome_metadata)
        return from_imagej(self._tiff.imagej_metadata or {}, count) if self._tiff.is_imagej else ()

    def _page(self, number: int) -> Array:
        if self._last is None or self._last[0] != number:
            page = self.series.pages[number]
            keyframe = self.series.keyframe
            samples = np.zeros(keyframe.shape, self.series.dtype) if page is None else page.asarray()
            self._last = number, np.asarray(samples).reshape(keyframe.shape)
        return self._last[1]


@lru_cache(4)
def _open(path: str, stamp: int) -> _Opened:
    """A file as it was at the time `stamp`."""
    return _Opened(path)


def _damaged(path: str | Path, error: Exception) -> BadPicture:
    return BadPicture(f"'{path}' is damaged or no TIFF ({error}): export it again.")


def _ome_pixels(text: str) -> dict[str, Pixel]:
    image = _first(tifffile.xml2dict(text).get("OME", {}).get("Image", {}))
    pixels = image.get("Pixels", {})
    plane = _first(pixels.get("Plane", {}))
    found = {}
    for letter in "XYZ":
        if f"PhysicalSize{letter}" in pixels:
            unit = _known(pixels.get(f"PhysicalSize{letter}Unit", "µm"))  # the standard's default
            same = _known(plane.get(f"Position{letter}Unit", "")) == unit
            at = float(plane.get(f"Position{letter}", 0.0)) if same else 0.0
            found[letter] = Pixel(float(pixels[f"PhysicalSize{letter}"]), unit, at)
    if "TimeIncrement" in pixels:
        found["T"] = Pixel(float(pixels["TimeIncrement"]), _known(pixels.get("TimeIncrementUnit", "s")))
    return found


def _ome_channels(text: str) -> Channels:
    """Those of the elements `Channel`; in results of ours the annotation says more."""
    for match in re.finditer(r'<M K="linf-channels">(.*?)</M>', text, re.DOTALL):
        with suppress(ValueError):
            return from_json(json.loads(unescape(match[1])))
    pixels = _first(tifffile.xml2dict(text).get("OME", {}).get("Image", {})).get("Pixels", {})
    entries = pixels.get("Channel", [])
    return from_ome_xml(
        [e for e in (entries if isinstance(entries, list | tuple) else [entries]) if isinstance(e, dict)]
    )


def _imagej_pixels(tiff: Any) -> dict[str, Pixel]:
    facts, tags = tiff.imagej_metadata or {}, tiff.pages[0].tags
    unit = _known(str(facts.get("unit", "")))
    found = {}
    for letter, tag in (("X", "XResolution"), ("Y", "YResolution")):
        per, of = tags[tag].value if tag in tags else (1, 1)
        found[letter] = Pixel(of / per if per else 1.0, unit)
    if "spacing" in facts:
        found["Z"] = Pixel(float(facts["spacing"]), unit)
    if facts.get("finterval"):
        found["T"] = Pixel(float(facts["finterval"]), "second")
    return found


def _first(entries: Any) -> dict[str, Any]:
    entry = entries[0] if isinstance(entries, list) and entries else entries
    return entry if isinstance(entry, dict) else {}


def _known(unit: Any) -> str | None:
    """A unit's name, or none for what is not one: foreign files say anything."""
    try:
        found = unit_of(str(unit))
    except ValueError:
        return None
    return found and found.name
