"""How the channels of a stack are called and shown: kept from file to file."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Channel:
    """One channel; what is None the file does not say.

    `colour` is RRGGBB in hexadecimal digits, `start` and `end` are the samples shown as black and as the full colour.
    """

    name: str | None = None
    colour: str | None = None
    active: bool | None = None
    start: float | None = None
    end: float | None = None


Channels = tuple[Channel, ...]


def from_omero(omero: Any) -> Channels:
    """Those of an OME-Zarr's `omero`; what makes no sense there is left out, and so is all where nothing is said."""
    entries = omero.get("channels") if isinstance(omero, Mapping) else None
    if not isinstance(entries, list | tuple):
        return ()
    return _said(_of_omero(entry if isinstance(entry, Mapping) else {}) for entry in entries)


def from_ome_xml(entries: Sequence[Mapping[str, Any]]) -> Channels:
    """Those of the `Channel` elements of an OME-XML, as `tifffile.xml2dict` yields them."""
    found = []
    for entry in entries:
        name, colour = entry.get("Name"), entry.get("Color")
        packed = colour if isinstance(colour, int) and not isinstance(colour, bool) else None
        found.append(Channel(_text(name), None if packed is None else f"{packed % 2**32 >> 8:06X}"))
    return _said(found)


def from_imagej(facts: Mapping[str, Any], count: int) -> Channels:
    """Those of ImageJ's metadata: colours of the LUTs, display ranges, and labels where they are one for each."""
    luts, ranges, labels = facts.get("LUTs") or [], facts.get("Ranges") or (), facts.get("Labels") or []
    found = [Channel() for _ in range(count)]
    for c in range(count):
        if c < len(luts) and np.shape(luts[c]) == (3, 256):
            found[c] = replace(found[c], colour="".join(f"{int(v[-1]):02X}" for v in luts[c]))
        if 2 * c + 1 < len(ranges):
            start, end = _window(ranges[2 * c], ranges[2 * c + 1])
            found[c] = replace(found[c], start=start, end=end)
        if len(labels) == count:
            found[c] = replace(found[c], name=_text(labels[c]))
    return _said(found)


def to_ome_xml(channels: Channels) -> dict[str, Any]:
    """Names and colours as tifffile writes them; nothing where one of the channels has none."""
    found: dict[str, Any] = {}
    if all(c.name for c in channels):
        found["Name"] = [c.name for c in channels]
    if all(c.colour for c in channels):
        packed = [int(str(c.colour) + "FF", 16) for c in channels]  # red, green, blue, alpha: a signed integer
        found["Color"] = [value - 2**32 if value >= 2**31 else value for value in packed]
    return found


def to_json(channels: Channels) -> list[dict[str, Any]]:
    """All of it, for what OME-XML has no place for."""
    return [{name: value for name, value in asdict(c).items() if value is not None} for c in channels]


def from_json(entries: Any) -> Channels:
    """The inverse of `to_json`."""
    every = [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    return _said(
        Channel(
            _text(e.get("name")),
            _colour(e.get("colour")),
            _flag(e.get("active")),
            *_window(e.get("start"), e.get("end")),
        )
        for e in every
    )


def _of_omero(entry: Mapping[str, Any]) -> Channel:
    window = entry.get("window")
    start, end = _window(window.get("start"), window.get("end")) if isinstance(window, Mapping) else (None, None)
    return Channel(_text(entry.get("label")), _colour(entry.get("color")), _flag(entry.get("active")), start, end)


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _said(channels: Any) -> Channels:
    found = tuple(channels)
    return found if any(c != Channel() for c in found) else ()


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int | float) and str(value).strip() else None


def _colour(value: Any) -> str | None:
    text = str(value or "").removeprefix("#").upper()
    return text[:6] if len(text) in (6, 8) and all(c in "0123456789ABCDEF" for c in text) else None


def _window(start: Any, end: Any) -> tuple[float | None, float | None]:
    try:
        low, high = float(start), float(end)
    except (TypeError, ValueError):
        return None, None
    return (low, high) if math.isfinite(low) and math.isfinite(high) and low < high else (None, None)
