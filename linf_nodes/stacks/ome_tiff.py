"""Write a volume to an OME-TIFF, plane by plane."""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import atomic_write
from ..errors import BadValue
from .axes import Array
from .channels import Channels, to_json, to_ome_xml
from .coordinates import Coordinates
from .disk import check_space
from .ngff import KEY
from .ownership import owned
from .pyramid import file_order
from .units import unit_of
from .volume import Output, Progress, Volume

_BIG = 2**32 - 2**26  # beyond this many bytes the 32-bit offsets of a TIFF may not do
CHANNELS = "linf-channels"
_ROOM = 2**20  # bytes of metadata and page headers, for the check of the disk
_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")


def write_ome_tiff(
    volume: Volume,
    path: str | os.PathLike[str],
    coordinates: Coordinates | None = None,
    *,
    output: str = Output.SAMPLE,
    channels: Channels = (),
    progress: Progress | None = None,
    ignore_space: bool = False,
) -> Path:
    """Write the result, deflated, holding one plane of it; a BigTIFF where it may pass 4 GB.

    The file appears when it is whole: whatever stops the work leaves nothing, and an older file as it was.

    Parameters
    ----------
    coordinates
        Of the source's axes.
    channels
        How they are called and shown.
    progress
        `progress(done, total, preview)` after every block; it may raise `Cancelled`.
    ignore_space
        Begin even where the uncompressed result is larger than the free space of the disk.

    Raises
    ------
    BadValue
        When the axes or the samples have no place in an OME-TIFF, the disk is too small, or another run is writing it.
    """
    import tifffile

    volume, output = volume.settled(), Output(output)
    where = coordinates or Coordinates.of(volume.axes)
    order = file_order(volume.axes, where)
    dtype = volume.dtype_of(output)
    if str(dtype) not in _TYPES:
        raise BadValue(f"An OME-TIFF holds no {dtype}: save an OME-Zarr, or convert the stack to float32.")
    order, axes = _tiff_order(volume, where, order)
    size = math.prod(volume.shape) * dtype.itemsize
    if not ignore_space:
        check_space(path, size + _ROOM)
    with (
        owned(path),
        atomic_write(path) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=size > _BIG, ome=True) as tiff,
    ):
        tiff.write(
            _planes(volume, order, output, progress),
            shape=tuple(volume.shape[a] for a in order),
            dtype=dtype,
            photometric="minisblack" if volume.axes.colour is None else "rgb",
            extrasamples=["unassalpha"] if axes.endswith("S") and volume.shape[order[-1]] == 4 else None,
            compression="zlib",
            predictor=dtype.kind in "iu",
            metadata=_metadata(volume, where, order, axes, output, channels),
        )
    return Path(path)


def _tiff_order(volume: Volume, where: Coordinates, order: Sequence[int]) -> tuple[tuple[int, ...], str]:
    """The source's axes in the file's order with their letters: looped, Y, X, samples of a colour last."""
    axes = volume.axes
    looped = [a for a in order if a in axes.looped]
    letters = {a: where.names[a].upper() for a in looped}
    letters |= {a: "C" for a, name in letters.items() if name not in ("T", "Z")}
    letters |= {axes.y: "Y", axes.x: "X"}
    last = [axes.y, axes.x]
    if axes.colour is not None:
        letters[axes.colour] = "S"
        last.append(axes.colour)
    wanted = (*looped, *last)
    return wanted, "".join(letters[a] for a in wanted)


def _planes(volume: Volume, order: Sequence[int], output: Output, progress: Progress | None) -> Iterator[Array]:
    """Planes in the file's order; the frame of each plane's noise is its number in the source all the same."""
    axes = volume.axes
    kept = [a for a in range(axes.ndim) if a not in axes.looped]
    turned = [kept.index(a) for a in order if a in kept]
    counts = [volume.shape[a] for a in order if a in axes.looped]
    places = [axes.looped.index(a) for a in order if a in axes.looped]
    total = math.prod(counts)
    for number in range(total):
        at = np.unravel_index(number, counts) if counts else ()
        index = [0] * len(at)
        for place, i in zip(places, at, strict=True):
            index[place] = int(i)
        plane = volume.plane(tuple(index), output, _part(progress, number, total))
        yield np.ascontiguousarray(plane.transpose(turned))


def _part(progress: Progress | None, number: int, total: int) -> Progress | None:
    """The progress of one plane among many."""
    if progress is None:
        return None
    return lambda done, blocks, preview: progress(number * blocks + done, total * blocks, preview)


def _metadata(
    volume: Volume, coordinates: Coordinates, order: Sequence[int], letters: str, output: Output, channels: Channels
) -> dict[str, Any]:
    where = coordinates.resampled(volume.source.shape, volume.shape).permuted(order)
    count = volume.shape[order[letters.index("C")]] if "C" in letters else 1
    kept = channels if len(channels) == count and "S" not in letters else ()
    found: dict[str, Any] = {"axes": letters, "MapAnnotation": _annotation(volume.recipe(output), kept)}
    counts = [volume.shape[a] for a in order if a in volume.axes.looped]
    found |= _placed(where, letters, counts)
    said = to_ome_xml(kept) if kept else {}
    return found | ({"Channel": said} if said else {})


def _placed(where: Coordinates, letters: str, counts: Sequence[int]) -> dict[str, Any]:
    """Sizes and places of pixels as OME-XML has them.

    Parameters
    ----------
    letters
        Of the file's axes, which are those of `where`.
    counts
        Lengths of the axes that are looped over: the first ones.
    """
    found: dict[str, Any] = {}
    plane: dict[str, Any] = {}
    planes = math.prod(counts)
    for axis, letter in enumerate(letters):
        unit, scale, at = unit_of(where.units[axis]), where.scale[axis], where.translation[axis]
        if letter == "T" and unit is not None and unit.kind == "time":
            found |= {"TimeIncrement": scale, "TimeIncrementUnit": unit.symbol}
        if letter not in "XYZ" or (unit is None and scale == 1 and at == 0):
            continue
        symbol = unit.symbol if unit is not None and unit.kind == "space" else "pixel"  # the schema's word for no unit
        steps = np.unravel_index(np.arange(planes), counts)[axis] if axis < len(counts) else np.zeros(planes)
        found |= {f"PhysicalSize{letter}": scale, f"PhysicalSize{letter}Unit": symbol}
        plane |= {
            f"Position{letter}": [at + float(i) * scale for i in steps],
            f"Position{letter}Unit": [symbol] * planes,
        }
    return found | ({"Plane": plane} if plane else {})


def _annotation(recipe: Mapping[str, Any], channels: Channels) -> dict[str, Any]:
    """The recipe, as JSON in one value, and what OME-XML cannot say of channels in another."""
    values = {KEY: json.dumps(dict(recipe))} | ({CHANNELS: json.dumps(to_json(channels))} if channels else {})
    return {"Namespace": "linf-nodes", "Description": "how this was made", "Value": values}
