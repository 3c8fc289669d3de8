"""*Save Selected Layers* as OME-Zarr or OME-TIFF: napari's own TIFF loses the pixel size."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import LinfError
from .coordinates import coordinates_of
from .files import free_path, named
from .looks import channel_of
from .source import default_axes, source_of
from .work import axes_of

if TYPE_CHECKING:
    from ...workflow.saving import Plain

LayerData = tuple[Any, dict[str, Any], str]


def write_ome_zarr(path: str, layers: list[LayerData]) -> list[str]:
    """Write every image layer to an OME-Zarr of its own; returns their paths.

    Raises
    ------
    OSError
        When there is something of that name, which is never replaced, or a layer has no place in the file.
    """
    from ...workflow.saving import save_ome_zarr

    return _written(save_ome_zarr, path, layers, ".ome.zarr")


def write_ome_tiff(path: str, layers: list[LayerData]) -> list[str]:
    """Write every image layer to an OME-TIFF of its own; returns their paths.

    Raises
    ------
    OSError
        When there is something of that name, which is never replaced, or a layer has no place in the file.
    """
    from ...workflow.saving import save_ome_tiff

    return _written(save_ome_tiff, path, layers, ".ome.tif")


def _written(save: Callable[["Plain", Path], Path], path: str, layers: list[LayerData], suffix: str) -> list[str]:
    try:
        return [str(save(plain, file)) for plain, file in _files(path, layers, suffix)]
    except LinfError as error:  # of a ValueError napari says that the plugin is no valid writer
        raise OSError(str(error)) from error


def _files(path: str, layers: list[LayerData], suffix: str) -> list[tuple["Plain", Path]]:
    """All layers are looked at, and all names, before the first is written."""
    from ...workflow.saving import new_path

    taken: set[str] = set()
    plains = [_plain(*layer) for layer in layers]
    marks = [[named(str(plain.channels[0].name))] if len(layers) > 1 else [] for plain in plains]
    paths = [new_path(free_path(Path(path), mark, suffix, taken)) for mark in marks]
    return list(zip(plains, paths, strict=True))


def _plain(data: Any, options: dict[str, Any], kind: str) -> "Plain":
    from napari.layers import Layer

    from ...workflow.saving import Plain

    layer = Layer.create(data, {**options, "metadata": {}}, kind)
    source = source_of(layer, *default_axes(tuple(str(label) for label in layer.axis_labels)))
    recipe = (options.get("metadata") or {}).get("linf")
    axes, channel = axes_of(source), channel_of(layer)
    return Plain(source.data, axes, coordinates_of(source), (channel,), recipe if isinstance(recipe, dict) else None)
