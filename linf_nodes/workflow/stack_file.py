"""Open a stack on the disk without reading it."""

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import BadPicture, BadShape, BadValue
from .axes import Array, Axes
from .coordinates import Coordinates
from .units import unit_of


@dataclass(frozen=True)
class ArrayFile:
    """A .npy file as an array, sent to other processes by its path: numpy would send the numbers."""

    path: str
    stamp: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, path: Path) -> "ArrayFile":
        """Raises `BadPicture` when it cannot be read."""
        try:
            stamp = path.stat().st_mtime_ns
            array = _mapped(str(path), stamp)
        except (OSError, ValueError, EOFError) as error:
            raise BadPicture(f"'{path}' cannot be read as a .npy file ({error}): write it again.") from error
        return cls(str(path), stamp, array.shape, array.dtype)

    def __getitem__(self, index: tuple[int | slice, ...]) -> Array:
        return np.array(_mapped(self.path, self.stamp)[index])


class Stack(NamedTuple):
    """An array that is read as it is indexed, with its axes and their place in the world."""

    source: Any
    axes: Axes
    coordinates: Coordinates


def open_stack(path: str | os.PathLike[str], names: str = "") -> Stack:
    """Open a TIFF, an OME-Zarr (its finest level), a Zarr array or a .npy file.

    Parameters
    ----------
    names
        A letter for every axis, instead of the file's own: y, x, s for colour samples, any other is looped over.

    Raises
    ------
    BadPicture, BadShape, BadValue
        When there is no such file, it is none of these, or the letters do not fit.
    """
    path = Path(path).absolute()  # other processes have other working folders
    if not path.exists():
        raise BadPicture(f"there is no file '{path}'; check the path")
    stack = _opened(path)
    stack = _renamed(stack, names.lower()) if names else stack
    channel = [a for a in stack.axes.looped if stack.coordinates.names[a] == "c"]
    return stack._replace(axes=replace(stack.axes, channel=channel[0])) if channel else stack


def _opened(path: Path) -> Stack:
    if path.is_dir():
        return _zarr_stack(path)
    if path.suffix.lower() in (".tif", ".tiff", ".lsm"):
        from .tiff_stack import TiffStack

        stack = TiffStack.of(path)
        return Stack(stack, stack.axes(), stack.coordinates())
    if path.suffix.lower() == ".npy":
        array = ArrayFile.of(path)
        axes = Axes.of(array.shape)
        return Stack(array, axes, Coordinates.of(axes))
    raise BadPicture(f"'{path}' is no stack: give a TIFF, an OME-Zarr or a .npy file; for pictures see linf upscale")


@lru_cache(4)
def _mapped(path: str, stamp: int) -> Array:
    """A .npy file as it was at the time `stamp`."""
    mapped: Array = np.load(path, mmap_mode="r")
    return mapped


def _zarr_stack(path: Path) -> Stack:
    try:
        import zarr
    except ImportError as error:
        raise BadValue('zarr is not installed: pip install "linf-nodes[zarr]".') from error
    try:
        opened: Any = zarr.open(str(path), mode="r")
        if not hasattr(opened, "shape"):
            return _multiscale(opened)
        named = getattr(opened.metadata, "dimension_names", None)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise BadPicture(f"'{path}' is no OME-Zarr ({error}): give the folder that holds the multiscales.") from error
    axes = Axes.of(opened.shape)
    names = None if not named or None in named or len(set(named)) < len(named) else list(named)
    return Stack(opened, axes, Coordinates.of(axes, names))


def _multiscale(group: Any) -> Stack:
    """The finest level of an OME-Zarr 0.4 or 0.5."""
    attributes = group.attrs.asdict()
    multiscale = attributes.get("ome", attributes)["multiscales"][0]
    dataset = multiscale["datasets"][0]
    array = group[dataset["path"]]
    entries = [a if isinstance(a, dict) else {"name": a} for a in multiscale["axes"]]
    names = [str(entry["name"]) for entry in entries]
    axes = Axes(len(names), names.index("y"), names.index("x"))
    scale, translation = np.ones(len(names)), np.zeros(len(names))
    for step in [*dataset.get("coordinateTransformations", ()), *multiscale.get("coordinateTransformations", ())]:
        if step["type"] == "scale":
            scale, translation = scale * step["scale"], translation * step["scale"]
        elif step["type"] == "translation":
            translation = translation + step["translation"]
    units = [_unit(entry.get("unit")) for entry in entries]
    return Stack(array, axes, Coordinates.of(axes, names, units, list(scale), list(translation)))


def _unit(name: str | None) -> str | None:
    try:
        return name if unit_of(name) else None
    except BadValue:  # OME-Zarr knows more units than this package
        return None


def _renamed(stack: Stack, names: str) -> Stack:
    """The same array with other axes; sizes and units stay with their places."""
    ndim = len(stack.source.shape)
    if len(names) != ndim or len(set(names)) < ndim or not {"y", "x"} <= set(names):
        raise BadShape(
            f"The axes {names!r} do not fit the shape {tuple(stack.source.shape)}: give {ndim} different letters, y "
            "and x among them."
        )
    axes = Axes(ndim, names.index("y"), names.index("x"), names.index("s") if "s" in names else None)
    old = stack.coordinates
    plain = names if "c" in names else names.replace("s", "c")
    return Stack(stack.source, axes, Coordinates(tuple(plain), old.units, old.scale, old.translation))
