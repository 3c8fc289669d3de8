"""The folder of an OME-Zarr: its arrays, its metadata, and the recipe that made it."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import refusal
from ..catalogue.tensors import Levels
from ..errors import BadValue
from .channels import Channel, Channels
from .coordinates import Coordinates
from .labels import LabelVolume
from .pyramid import Level
from .units import unit_of
from .volume import Output, Volume

KEY = "linf"
"""The attribute of the folder that holds the recipe."""

_KINDS = {"t": "time", "z": "space", "y": "space", "x": "space"}
_RGB = ("FF0000", "00FF00", "0000FF", "FFFFFF")
_CHANNELS = ("00FF00", "FF00FF", "00FFFF", "FF0000", "0000FF", "FFFF00", "FFFFFF")
_DEVIATION = 0.1  # of the range between the levels: what deviations are shown up to


def create(
    folder: Path,
    levels: Sequence[Level],
    volume: Volume,
    output: Output,
    recipe: Mapping[str, Any],
    channels: Channels = (),
) -> None:
    """Make the folder, its arrays as far as they are not there, and its metadata.

    Raises
    ------
    BadValue
        When ome-zarr is not installed, or the system refuses to write.
    """
    zarr, writer, formats = _packages()
    try:
        # the recipe first: whatever stops this, the folder is known for what it is
        group = zarr.open_group(str(folder), mode="a", zarr_format=3, attributes={KEY: {**recipe, "finished": False}})
        for level in levels:
            if level.path not in group:
                _array(group, level, volume.dtype_of(output))
        writer.write_multiscales_metadata(
            group,
            [_dataset(level) for level in levels],
            fmt=formats.FormatV05(),
            axes=_axes(levels[0].coordinates),
            name=folder.name.removesuffix(".zarr").removesuffix(".ome"),
            metadata={} if isinstance(volume, LabelVolume) else {"omero": _omero(levels[0], volume, output, channels)},
        )
        if isinstance(volume, LabelVolume):
            group.attrs["ome"] = {**group.attrs["ome"], "image-label": {**volume.about, "version": "0.5"}}
        group.attrs[KEY] = {**recipe, "finished": False}
    except OSError as error:
        raise refusal(folder, error) from error


def mark_finished(folder: Path) -> None:
    """Say in the recipe that nothing is missing; raises `BadValue` when the system refuses to write."""
    try:
        group = _packages()[0].open_group(str(folder), mode="r+")
        group.attrs[KEY] = {**group.attrs[KEY], "finished": True}
    except OSError as error:
        raise refusal(folder, error) from error


def open_level(folder: Path, level: Level) -> Any:
    """One array, for reading and writing. A block of zeros is written too, for a missing one is one to do."""
    zarr = _packages()[0]
    return zarr.open_array(str(folder / level.path), mode="r+").with_config({"write_empty_chunks": True})


def recipe_in(folder: Path) -> dict[str, Any] | None:
    """The recipe of a result of ours; None for a folder that is empty but for what writers that were killed have left.

    Raises
    ------
    BadValue
        When there is something else.
    """
    if folder.is_dir() and all(path.name.endswith(".partial") for path in folder.iterdir()):
        return None
    try:
        recipe = json.loads((folder / "zarr.json").read_text("utf-8"))["attributes"][KEY]
    except (OSError, ValueError, KeyError, TypeError):
        recipe = None
    if not isinstance(recipe, dict):
        raise BadValue(f"'{folder}' is there already, and no result of ours: choose another name.")
    return recipe


def _packages() -> tuple[Any, Any, Any]:
    try:
        with warnings.catch_warnings():
            # ome-zarr itself makes an object of a class that it deprecates, while it is imported
            warnings.filterwarnings("ignore", "Call to deprecated class Scaler", DeprecationWarning)
            import zarr
            from ome_zarr import format as formats
            from ome_zarr import writer
    except ImportError as error:
        raise BadValue('ome-zarr is not installed: pip install "linf-nodes[zarr]".') from error
    return zarr, writer, formats


def _array(group: Any, level: Level, dtype: np.dtype[Any]) -> None:
    from zarr.codecs import BloscCodec

    group.create_array(
        level.path,
        shape=level.shape,
        dtype=dtype,
        chunks=level.chunk,
        shards=None if level.chunk == level.box else level.box,
        compressors=BloscCodec(cname="zstd", clevel=3, shuffle="shuffle", typesize=dtype.itemsize),
        fill_value=0,
        dimension_names=level.coordinates.names,
    )


def _dataset(level: Level) -> dict[str, Any]:
    where = level.coordinates
    scale = {"type": "scale", "scale": list(where.scale)}
    translation = {"type": "translation", "translation": list(where.translation)}
    return {"path": level.path, "coordinateTransformations": [scale, translation]}


def _axes(coordinates: Coordinates) -> list[dict[str, str]]:
    entries = []
    for name, text in zip(coordinates.names, coordinates.units, strict=True):
        entry = {"name": name, "type": _KINDS.get(name, "channel")}
        unit = unit_of(text)
        entries.append(entry if unit is None else {**entry, "unit": unit.name})
    return entries


def _omero(level: Level, volume: Volume, output: Output, channels: Channels) -> dict[str, Any]:
    """How viewers show the channels: as the source's, and else from the volume's low level to its high one."""
    kinds = [_KINDS.get(name, "channel") for name in level.coordinates.names]
    count = level.shape[kinds.index("channel")] if "channel" in kinds else 1
    dtype, every, colour = volume.dtype_of(output), volume.every_levels, volume.axes.colour is not None
    colours = _RGB if colour else _CHANNELS if count > 1 else ("FFFFFF",)
    known = channels if len(channels) == count and not colour else (Channel(),) * count
    entries = []
    for i, channel in enumerate(known):
        name = f"{channel.name} {output}" if channel.name and output == Output.DEVIATION else channel.name
        window = _window(every[i % len(every)], dtype, output)
        if channel.start is not None and output != Output.DEVIATION:
            window |= {"start": channel.start, "end": channel.end}
            window |= {"min": min(window["min"], channel.start), "max": max(window["max"], channel.end)}
        entries.append(
            {
                "label": name or f"{output} {i}",
                "color": channel.colour or colours[i % len(colours)],
                "active": channel.active is not False,
                "window": window,
            }
        )
    return {"channels": entries}


def _window(levels: Levels, dtype: np.dtype[Any], output: Output) -> dict[str, Any]:
    start, end = levels.low, levels.high
    if output == Output.DEVIATION:
        start, end = 0.0, _DEVIATION * (levels.high - levels.low)
    if dtype.kind == "f":
        return {"start": start, "end": end, "min": start, "max": end}
    limits = np.iinfo(dtype)
    return {"start": start, "end": end, "min": int(limits.min), "max": int(limits.max)}
