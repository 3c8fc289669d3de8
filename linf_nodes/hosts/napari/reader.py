"""OME-Zarr and our own OME-TIFF results as layers that lie where they belong.

Other readers of OME-Zarr lose the translation that an enlarged picture has: half a pixel, or where a crop lies.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ...stacks.stack_file import Stack, open_stack
from .layers.appearance import options_of
from .layers.planes import LayerData

Read = Callable[..., list[LayerData]]

_KEY = "linf"  # under which results carry their recipe
_METADATA = ("zarr.json", ".zattrs")  # what an OME-Zarr says of itself, since 0.5 and before


def get_reader(path: str | list[str]) -> Read | None:
    """What reads a file, or None where others read it better: TIFF files that are not ours, plates, lists of files.

    Of an OME-Zarr the folder is given, or the file of its metadata, which is what napari asks for: it would ask which
    reader to take for every folder of pictures, if this one took folders.
    """
    file = _folder(path if isinstance(path, str) else path[0])
    if not isinstance(path, str) and len(path) > 1:
        return None
    found: Any = _multiscales(file) if file.is_dir() else _tiff_recipe(file)
    return read_layers if found else None


def read_layers(path: str | list[str], stack: bool = False) -> list[LayerData]:
    """A file as layers, read as they are shown: one image or one of labels, or an image for every channel.

    Raises
    ------
    BadPicture, BadShape, BadValue
        When it is damaged, or zarr is not installed.
    """
    file = _folder(path if isinstance(path, str) else path[0])
    opened = open_stack(file)
    attributes = _attributes(file) if file.is_dir() else {_KEY: _tiff_recipe(file)}
    levels = _levels(file) if file.is_dir() else [_lazy(opened)]
    channel = _channel(opened) if opened.label is None else None
    options = _options(file, opened, attributes, channel) | {"multiscale": len(levels) > 1}
    deviation = {"colormap": "magma"} if (attributes.get(_KEY) or {}).get("output") == "deviation" else {}
    if opened.label is not None:
        return [_layer(levels, {name: value for name, value in options.items() if name != "rgb"}, "labels")]
    if channel is None:
        return [_layer(levels, {**options, **_looks(opened, 0), **deviation})]
    if options["rgb"]:
        return [_layer([_last(level, channel) for level in levels], options)]
    return list(_channels(levels, channel, options, opened, deviation))


def _folder(path: str) -> Path:
    """The folder of a file of metadata; any other path as it is."""
    file = Path(path)
    return file.parent if file.name in _METADATA else file


def _options(file: Path, opened: Stack, attributes: dict[str, Any], channel: int | None) -> dict[str, Any]:
    """What lays a layer where the file says, without the axis of channels."""
    where, recipe = opened.coordinates, attributes.get(_KEY) or {}
    kept = [a for a in range(opened.axes.ndim) if a != channel]
    colour = opened.axes.colour is not None or (recipe.get("axes") or {}).get("colour") is not None
    return {
        "name": file.name.split(".")[0],
        "scale": [where.scale[a] for a in kept],
        "translate": [where.translation[a] for a in kept],
        "units": [where.units[a] or "pixel" for a in kept],
        "axis_labels": [where.names[a] for a in kept],
        "metadata": {_KEY: recipe} if recipe else {},
        "rgb": colour and channel is not None,
    }


def _looks(opened: Stack, channel: int) -> dict[str, Any]:
    return options_of(opened.channels[channel] if channel < len(opened.channels) else None)


def _channel(opened: Stack) -> int | None:
    """The axis of channels or colours."""
    names = opened.coordinates.names
    return names.index("c") if "c" in names else opened.axes.colour


def _channels(
    levels: list[Any], axis: int, options: dict[str, Any], opened: Stack, deviation: dict[str, Any]
) -> Iterator[LayerData]:
    """A layer for every channel, as napari shows them: additive, each with its own name, colour and limits."""
    for c in range(levels[0].shape[axis]):
        cut = tuple(slice(None) if a != axis else c for a in range(levels[0].ndim))
        own = {"name": f"{options['name']} {c}", "blending": "additive", **_looks(opened, c), **deviation}
        yield _layer([level[cut] for level in levels], {**options, **own})


def _layer(levels: list[Any], options: dict[str, Any], kind: str = "image") -> LayerData:
    return levels if len(levels) > 1 else levels[0], options, kind


def _levels(folder: Path) -> list[Any]:
    """The levels that are there; a coarser one that is missing is only slower to look at."""
    import dask.array as da

    paths = [str(d["path"]) for d in _multiscales(folder)[0]["datasets"]]
    there = [p for p in paths if any((folder / p / name).is_file() for name in ("zarr.json", ".zarray"))]
    return [da.from_zarr(str(folder), component=path) for path in there]


def _lazy(opened: Stack) -> Any:
    """A TIFF as a dask array, a plane to a chunk."""
    import dask.array as da

    source = opened.source
    chunks = tuple(1 if a in opened.axes.looped else n for a, n in enumerate(source.shape))
    meta = np.empty((0,) * len(chunks), source.dtype)
    return da.from_array(source, chunks=chunks, meta=meta)


def _last(level: Any, axis: int) -> Any:
    import dask.array as da

    return da.moveaxis(level, axis, -1)


def _attributes(folder: Path) -> dict[str, Any]:
    """Attributes of a Zarr group of format 3 or 2, read as the JSON that they are."""
    for name, inside in (("zarr.json", "attributes"), (".zattrs", None)):
        try:
            found = json.loads((folder / name).read_text("utf-8"))
            return dict(found[inside] if inside else found)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return {}


def _multiscales(folder: Path) -> list[dict[str, Any]]:
    attributes = _attributes(folder)
    inner = attributes.get("ome", attributes)
    found = inner.get("multiscales") if isinstance(inner, dict) else None
    if not isinstance(found, list) or not all(isinstance(m, dict) and m.get("datasets") for m in found):
        return []
    return found


def _tiff_recipe(file: Path) -> dict[str, Any] | None:
    """The recipe in a result's OME-XML; None for files that are no result of ours."""
    import tifffile

    try:
        with tifffile.TiffFile(file) as tiff:
            entries = ElementTree.fromstring(tiff.ome_metadata or "<none/>").iter()
        text = next((e.text for e in entries if e.tag.endswith("}M") and e.get("K") == _KEY), None)
        recipe = json.loads(text or "null")
    except (OSError, ValueError, ElementTree.ParseError, tifffile.TiffFileError):
        return None
    return recipe if isinstance(recipe, dict) else None
