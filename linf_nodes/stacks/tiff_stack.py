"""A TIFF file of many pages as an array: read page by page, and sent to other processes by its path."""

import json
import math
import re
import struct
import threading
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile

from ..errors import BadPicture, DamagedPart
from .axes import Array, Axes
from .channels import Channels, from_imagej, from_json, from_ome_xml
from .coordinates import Coordinates
from .file_stamp import FileStamp, check_stamp, steadily
from .levels import fetched
from .tiff_colours import white_is_zero
from .tiff_complete import check_complete, hushed
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
    """The first series of a TIFF. `letters` are tifffile's names of its axes: T, C, Z, Y, X, S for colour samples.

    `files` are the paths of all its files with their stamps, the path itself first: they are compared before and after
    each window is read.
    """

    path: str
    files: tuple[tuple[str, FileStamp], ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    letters: str
    inverted: bool = False
    """Whether the file says that 0 is white: samples are read the other way round."""

    @classmethod
    def of(cls, path: Path, labels: bool = False) -> "TiffStack":
        """Raises `BadPicture` when the file is missing, damaged, holds less than it states, or no intensities."""
        try:
            stamp = _stamp(path)
            with hushed():
                opened = _open(str(path), stamp)
                opened.check()
                series = opened.series
                files = tuple((name, _stamp(name)) for name in opened.companions())
                shape, dtype = tuple(series.shape), np.dtype(series.dtype)
                inverted = white_is_zero(series.keyframe, path, labels)
            return cls(str(path), ((str(path), stamp), *files), shape, dtype, str(series.axes), inverted)
        except BadPicture:
            raise
        except (OSError, *_DAMAGE) as error:
            raise _damaged(path, error) from error

    def __getitem__(self, index: tuple[int | slice, ...]) -> Array:
        """A window: one integer or slice for every axis.

        Raises
        ------
        DamagedPart
            When its page cannot be decoded.
        SourceLost
            When the file is gone, or is another one than when it was opened.
        """
        return steadily(self.path, lambda: self._read(index))

    def stamped(self, index: tuple[int | slice, ...]) -> tuple[Array, str]:
        """A window and its stamp, both of one moment."""
        return self[index], self.stamp(index)

    def stamp(self, index: tuple[int | slice, ...]) -> str:
        """A short name of the files: it changes when they are written again."""
        return str([list(stamp) for _, stamp in self.files])

    def _read(self, index: tuple[int | slice, ...]) -> Array:
        self._check()
        try:
            samples = _open(self.path, self.files[0][1]).read(index)
        except _DAMAGE as error:
            self._check()
            raise self._part(index, error) from error
        self._check()
        return ~samples if self.inverted else samples

    def _check(self) -> None:
        for path, stamp in self.files:
            check_stamp(path, stamp)

    def _part(self, index: tuple[int | slice, ...], error: Exception) -> DamagedPart:
        plane = ", ".join(
            f"{name} {i}" for name, i in zip(self.letters.lower(), index, strict=True) if isinstance(i, int)
        )
        where = f", at {plane}" if plane else ""
        return DamagedPart(f"'{self.path}' is damaged{where} ({str(error) or 'it is cut off':.120}): export it again.")

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
        found = _open(self.path, self.files[0][1]).pixels()
        pixels = [found.get(letter, Pixel()) for letter in self.letters]
        usable = [p if math.isfinite(p.size) and p.size > 0 and math.isfinite(p.at) else Pixel() for p in pixels]
        units = tuple(p.unit for p in usable)
        return replace(
            coordinates, units=units, scale=tuple(p.size for p in usable), translation=tuple(p.at for p in usable)
        )

    def channels(self) -> Channels:
        """Names, colours and display ranges, as far as the OME-XML or ImageJ's tags say them."""
        count = self.shape[self.letters.index("C")] if "C" in self.letters else 1
        return _open(self.path, self.files[0][1]).channels(count)


class _Opened:
    """An open file, shared by the threads of a process; keeps the page that was read last."""

    def __init__(self, path: str):
        self._lock = threading.Lock()
        self._tiff = tifffile.TiffFile(path)
        weakref.finalize(self, self._tiff.close)
        self.series: Any = self._tiff.series[0]
        self._path = path
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

    def check(self) -> None:
        """Refuse a file that holds less than it states; raises `BadPicture`."""
        check_complete(self._tiff, self._path)

    def companions(self) -> list[str]:
        """Other files that hold some of the planes."""
        paths = {str(page.parent.filehandle.path) for page in self.series.pages if page is not None}
        return sorted(paths - {str(self._tiff.filehandle.path)})

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
            if page is None:
                raise ValueError(f"page {number} is not there")
            with _at_hand(page.parent.filehandle):
                samples = page.asarray()
            self._last = number, np.asarray(samples).reshape(keyframe.shape)
        return self._last[1]


@contextmanager
def _at_hand(file: Any) -> Iterator[None]:
    """Open one of several files for a page, of which there may be more than a process can hold open."""
    closed = file.closed
    if closed:
        file.open()
    try:
        yield
    finally:
        if closed:
            file.close()


@lru_cache(4)
def _open(path: str, stamp: FileStamp) -> _Opened:
    """A file as it was at the time `stamp`."""
    return _Opened(path)


def _stamp(path: str | Path) -> FileStamp:
    stamp = FileStamp.of(path)
    if stamp is None:
        raise FileNotFoundError(f"there is no file '{path}'")
    return stamp


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
