"""Whether a TIFF holds all that it states: tifffile makes the best of a damaged file, and zeros of what is missing."""

import logging
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import tifffile

from ..errors import BadPicture

_WRAPPED = ("is_lsm", "is_stk", "is_ndpi")  # kinds whose 32-bit offsets may wrap, which tifffile mends

_PAGE = {False: ("H", 12, "I"), True: ("Q", 20, "Q")}  # of TIFF and BigTIFF: count of tags, bytes of a tag, next offset


def check_complete(tiff: Any, path: str | Path) -> None:
    """Compare the first series with what the file states: planes, pages, bytes, and the other files that it names.

    Raises
    ------
    BadPicture
        When something is missing; the message says what.
    """
    series = tiff.series[0]
    if tiff.ome_metadata:
        _check_ome(tiff, series, path)
    elif tiff.is_imagej and (tiff.imagej_metadata or {}).get("images"):
        _check_count(path, int(tiff.imagej_metadata["images"]), _planes(series), series.kind == "imagej")
    elif tiff.shaped_metadata and not series.is_truncated:
        stated = math.prod(tiff.shaped_metadata[0].get("shape", ()))
        if stated > math.prod(series.shape):
            raise _damaged(path, f"states {stated} samples and holds {math.prod(series.shape)}")
    if not any(getattr(tiff, kind) for kind in _WRAPPED):
        _check_chain(tiff, path)
    _check_bytes(series, path)


@contextmanager
def hushed() -> Iterator[None]:
    """Keep what tifffile logs, and let it out only when nothing is raised: else an error says it better."""
    log, kept = tifffile.logger(), _Kept()
    before, log.propagate = log.propagate, False
    handlers, log.handlers = log.handlers, [kept]
    try:
        yield
    finally:
        log.propagate, log.handlers = before, handlers
    for record in kept.records:
        log.handle(record)


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def _check_ome(tiff: Any, series: Any, path: str | Path) -> None:
    root = tifffile.xml2dict(tiff.ome_metadata).get("OME", {})
    if "BinaryOnly" in root:
        name = root["BinaryOnly"].get("MetadataFile", "of its metadata")
        raise BadPicture(f"'{path}' is one part of an OME-TIFF whose metadata are in '{name}': give the first part.")
    image = _first(root.get("Image"))
    pixels = image.get("Pixels", {})
    missing = [name for name in _companions(pixels) if not (Path(path).parent / name).is_file()]
    if missing:
        raise BadPicture(f"'{path}' has planes in '{missing[0]}', which is not there: put it into the same folder.")
    stated = math.prod(int(pixels.get(f"Size{letter}", 1)) for letter in "TCZ")
    absent = sum(page is None for page in series.pages) if series.kind == "ome" else 0
    _check_count(path, stated, _planes(series) - absent, series.kind == "ome")


def _companions(pixels: dict[str, Any]) -> list[str]:
    """Names of the files that hold planes."""
    data = pixels.get("TiffData", [])
    ids = [entry.get("UUID") for entry in (data if isinstance(data, list) else [data]) if isinstance(entry, dict)]
    return sorted({i["FileName"] for i in ids if isinstance(i, dict) and i.get("FileName")})


def _check_count(path: str | Path, stated: int, held: int, readable: bool) -> None:
    if not readable or held < stated:
        raise _damaged(path, f"states {stated} planes and holds {held if readable else 'fewer'}")


def _planes(series: Any) -> int:
    """Planes of one sample each."""
    sides = [n for n, letter in zip(series.shape, series.axes, strict=True) if letter in "YX"]
    return int(math.prod(series.shape) // max(1, math.prod(sides)))


def _check_chain(tiff: Any, path: str | Path) -> None:
    """Follow the list of pages to its end: where it is cut off, tifffile takes what it found."""
    count, tag, offset = _PAGE[bool(tiff.is_bigtiff)]
    order, file = tiff.byteorder, tiff.filehandle
    at, number, seen = tiff.pages.first.offset, 0, set()
    try:
        while at and at not in seen:
            seen.add(at)
            file.seek(at)
            (tags,) = struct.unpack(order + count, file.read(struct.calcsize(count)))
            file.seek(at + struct.calcsize(count) + tags * tag)
            (at,) = struct.unpack(order + offset, file.read(struct.calcsize(offset)))
            number += 1
    except (struct.error, OSError, ValueError) as error:
        raise _damaged(path, f"ends within its list of pages, after page {number}") from error


def _check_bytes(series: Any, path: str | Path) -> None:
    """Refuse data that lie nowhere, or beyond the end of their file; what has neither place nor size is sparse."""
    sizes: dict[Any, int] = {}
    for number, page in enumerate(series.pages):
        if page is None:
            continue
        file = page.parent.filehandle
        size = sizes.setdefault(page.parent, Path(file.path).stat().st_size)
        parts = list(zip_longest(page.dataoffsets, page.databytecounts, fillvalue=0))
        if any((at == 0) != (n == 0) for at, n in parts):
            raise _damaged(path, f"lacks samples of page {number}, which was not written to its end")
        end = max((at + n for at, n in parts), default=0)
        if end > size:
            raise _damaged(path, f"ends at {size} bytes, within page {number}, which reaches to {end}")
    if series.dataoffset is not None:
        first = series.keyframe.parent
        size = sizes.setdefault(first, Path(first.filehandle.path).stat().st_size)
        if series.dataoffset + series.nbytes > size:
            raise _damaged(path, f"ends at {size} bytes, but its planes reach to {series.dataoffset + series.nbytes}")


def _damaged(path: str | Path, what: str) -> BadPicture:
    return BadPicture(f"'{path}' is damaged: it {what}; copy or export it again.")


def _first(entries: Any) -> dict[str, Any]:
    entry = entries[0] if isinstance(entries, list) and entries else entries
    return entry if isinstance(entry, dict) else {}
