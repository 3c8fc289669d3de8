"""*Save Selected Layers* as OME-Zarr or OME-TIFF: napari's own TIFF loses the pixel size."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ....errors import BadValue, LinfError
from .appearance import channel_of
from .computation import axes_of
from .coordinates import coordinates_of
from .options import Target
from .planes import LayerData
from .result_files import SUFFIX, free_path, named
from .source import Source, default_axes, naming, source_of


def write_ome_zarr(path: str, layers: list[LayerData]) -> list[str]:
    """Write every image layer to an OME-Zarr of its own; returns their paths."""
    from ....stacks.ome_zarr import write_ome_zarr as write

    return _written(partial(write, resume=False), path, layers, SUFFIX[Target.ZARR])


def write_ome_tiff(path: str, layers: list[LayerData]) -> list[str]:
    """Write every image layer to an OME-TIFF of its own; returns their paths."""
    from ....stacks.ome_tiff import write_ome_tiff as write

    return _written(write, path, layers, SUFFIX[Target.TIFF])


def _written(write: Callable[..., Path], path: str, layers: list[LayerData], suffix: str) -> list[str]:
    """All layers are looked at, and all names, before the first is written.

    Raises
    ------
    OSError
        When there is something of that name, which is never replaced, or a layer has no place in the file.
    """
    try:
        sources = [_source(*layer) for layer in layers]
        taken: set[str] = set()
        marks = [[named(source.name)] if len(layers) > 1 else [] for source in sources]
        files = [_free(free_path(Path(path), mark, suffix, taken)) for mark in marks]
        for source, file in zip(sources, files, strict=True):
            _write(write, source, file)
    except LinfError as error:  # of a ValueError napari says that the plugin is no valid writer
        raise OSError(str(error)) from error
    return [str(file) for file in files]


def _free(file: Path) -> Path:
    if file.exists():
        raise BadValue(f"'{file}' is there already: choose another name, or delete it first.")
    return file


def _source(data: Any, options: dict[str, Any], kind: str) -> Source:
    from napari.layers import Layer

    layer = Layer.create(data, options, kind)
    return source_of(layer, *default_axes(tuple(str(label) for label in layer.axis_labels)))


def _write(write: Callable[..., Path], source: Source, file: Path) -> None:
    from ....stacks.plain import PlainVolume

    about = source.layer.metadata.get("linf")
    volume = PlainVolume(source.data, axes_of(source), source.size, about=about if isinstance(about, dict) else {})
    try:
        with naming(source.name):
            write(volume, file, coordinates_of(source), channels=(channel_of(source.layer),))
    except BaseException:
        shutil.rmtree(file, ignore_errors=True)
        raise
