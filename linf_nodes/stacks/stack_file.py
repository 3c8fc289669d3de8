"""Open a stack on the disk without reading it."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ..errors import BadPicture, BadShape
from . import location
from .array_file import ArrayFile
from .axes import Axes
from .channels import Channels, from_omero
from .coordinates import Coordinates
from .hierarchy import only_image
from .multiscale import Multiscale

TIFFS = (".tif", ".tiff", ".lsm")


class Stack(NamedTuple):
    """An array that is read as it is indexed, with its axes, their place in the world, and what is said of channels."""

    source: Any
    axes: Axes
    coordinates: Coordinates
    channels: Channels = ()
    label: Mapping[str, Any] | None = None
    """What is said of single labels, where it is an image of labels."""
    beside: tuple[str, ...] = ()
    """Paths or URLs of the label images that belong to this image."""
    notes: tuple[str, ...] = ()
    """What is to be said of how it is read."""


def open_stack(path: str | os.PathLike[str], names: str = "", labels: bool = False) -> Stack:
    """Open a TIFF, an OME-Zarr (its finest level), a Zarr array or a .npy file.

    A Zarr may be a folder, a zip file (.ozx, .zip), or a URL that fsspec knows (http://, s3://). Of what holds several
    images (a bioformats2raw folder) the only one is opened.

    Parameters
    ----------
    names
        A letter for every axis, instead of the file's own: y, x, s for colour samples, any other is looped over.
    labels
        It is known to hold labels: then a palette or a white 0 in a TIFF do not matter.

    Raises
    ------
    BadPicture, BadShape, BadValue
        When there is no such file, it is none of these or no intensities, or the letters do not fit.
    """
    stack = _opened(path, bool(names), labels)
    stack = _renamed(stack, names.lower()) if names else stack
    channel = [a for a in stack.axes.looped if stack.coordinates.names[a] == "c"]
    return stack._replace(axes=replace(stack.axes, channel=channel[0])) if channel else stack


def _opened(given: str | os.PathLike[str], renamed: bool, labels: bool) -> Stack:
    if location.is_url(given):
        if str(given).lower().endswith(TIFFS):
            raise BadPicture(f"'{given}' is a TIFF on a server, and those are read from a disk: download it first.")
        return _zarr_stack(str(given), renamed)
    path = location.local_path(given)
    if path.is_dir() or location.zip_of(path):
        return _zarr_stack(str(path), renamed)
    if not path.exists():
        raise BadPicture(f"there is no file '{path}'; check the path")
    if path.suffix.lower() in TIFFS:
        from .tiff_stack import TiffStack

        stack = TiffStack.of(path, labels)
        notes = (f"'{path}' says that 0 is white: its samples are inverted, so that it looks the same",)
        return Stack(stack, stack.axes(), stack.coordinates(), stack.channels(), notes=notes * stack.inverted)
    if path.suffix.lower() == ".npy":
        array = ArrayFile.of(path)
        axes = Axes.of(array.shape)
        return Stack(array, axes, Coordinates.of(axes))
    raise BadPicture(f"'{path}' is no stack: give a TIFF, an OME-Zarr or a .npy file; for pictures see linf upscale")


def _zarr_stack(text: str, renamed: bool) -> Stack:
    found = location.opened(text)
    if hasattr(found, "shape"):
        axes = Axes.of(found.shape)
        named = getattr(found.metadata, "dimension_names", None)
        names = None if not named or None in named or len(set(named)) < len(named) else list(named)
        return Stack(_source(text), axes, Coordinates.of(axes, names))
    inside = only_image(found, text)
    text = f"{text.rstrip('/')}/{inside}".rstrip("/")
    image = Multiscale.of(found[inside] if inside else found, text, renamed)
    beside = tuple(f"{text}/{path}" for path in image.beside)
    source = _source(f"{text}/{image.paths[0]}")
    return Stack(source, image.axes, image.coordinates, from_omero(image.omero), image.label, beside)


def _source(text: str) -> Any:
    from .zarr_source import ZarrSource

    return ZarrSource.of(text)


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
    where = Coordinates(tuple(plain), old.units, old.scale, old.translation)
    return stack._replace(axes=axes, coordinates=where)
