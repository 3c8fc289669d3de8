"""Arrays into OME-Zarr and OME-TIFF as they are, with their place in the world."""

import json
import math
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import atomic_write
from ..errors import BadValue
from .axes import Array, Axes
from .channels import Channels, to_json, to_ome_xml, to_omero
from .coordinates import Coordinates
from .disk import check_space
from .levels import fetched, halved
from .ngff import KEY, add_array, packages, say_levels
from .ome_tiff import CHANNELS, check_type, is_big, letters_of, placed
from .pyramid import SMALLEST, Level, order_of

_BOX = 1024  # pixels: the side of what is read and written at once


@dataclass(frozen=True, eq=False)
class Plain:
    """An array to be saved: anything with `shape`, `dtype` and basic indexing, and what is known of it."""

    source: Any
    axes: Axes
    coordinates: Coordinates
    channels: Channels = ()
    recipe: Mapping[str, Any] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """In this machine's byte order."""
        dtype: np.dtype[Any] = np.dtype(self.source.dtype).newbyteorder("=")
        return dtype

    @property
    def known_recipe(self) -> dict[str, Any]:
        """How it was made, as far as is known, and which axis holds colours: OME-Zarr has no word for them."""
        axes = {"y": self.axes.y, "x": self.axes.x, "colour": self.axes.colour}
        return {"program": "linf-nodes", **(self.recipe or {}), "axes": axes}

    def known_channels(self, count: int) -> Channels:
        return self.channels if len(self.channels) == count and self.axes.colour is None else ()


def save_ome_zarr(plain: Plain, path: str | os.PathLike[str]) -> Path:
    """Write an array and coarser levels of it as OME-Zarr 0.5; returns the folder, which appears when it is whole.

    Raises
    ------
    BadValue
        When there is something of that name, the axes do not suit, or the system refuses to write.
    """
    target = new_path(path)
    order, levels = _levels(plain)
    check_space(target, math.prod(plain.source.shape) * plain.dtype.itemsize)
    folder = target.with_name(f".linf-{uuid.uuid4().hex}")
    try:
        group = packages()[0].open_group(str(folder), mode="w", zarr_format=3)
        for number, level in enumerate(levels):
            add_array(group, level, plain.dtype)
            above = plain if number == 0 else group[levels[number - 1].path]
            for place in level.places():
                _copy(group[level.path], level, place, above, order)
        names = levels[0].coordinates.names
        count = levels[0].shape[names.index("c")] if "c" in names else 1
        say_levels(group, target.name, levels, to_omero(plain.known_channels(count)))
        group.attrs[KEY] = {**plain.known_recipe, "finished": True}
        os.replace(folder, target)
    except OSError as error:
        raise BadValue(f"cannot write '{path}': {error.strerror or error}; choose another folder") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return target


def save_ome_tiff(plain: Plain, path: str | os.PathLike[str]) -> Path:
    """Write an array as an OME-TIFF, deflated, plane by plane; returns the file, which appears when it is whole.

    Raises
    ------
    BadValue
        When there is something of that name, or the axes or the samples have no place in an OME-TIFF.
    """
    import tifffile

    target = new_path(path)
    check_type(plain.dtype)
    shape, axes = plain.source.shape, plain.axes
    order, letters = letters_of(axes, plain.coordinates, order_of(axes, plain.coordinates))
    size = math.prod(shape) * plain.dtype.itemsize
    check_space(target, size)
    with atomic_write(target) as temporary, tifffile.TiffWriter(temporary, bigtiff=is_big(size), ome=True) as tiff:
        tiff.write(
            _planes(plain, order),
            shape=tuple(shape[a] for a in order),
            dtype=plain.dtype,
            photometric="minisblack" if axes.colour is None else "rgb",
            extrasamples=["unassalpha"] if letters.endswith("S") and shape[order[-1]] == 4 else None,
            compression="zlib",
            predictor=plain.dtype.kind in "iu",
            metadata=_metadata(plain, order, letters),
        )
    return target


def new_path(path: str | os.PathLike[str]) -> Path:
    """A path at which nothing is yet; raises `BadValue` where something is."""
    target = Path(path).absolute()
    if target.exists():
        raise BadValue(f"'{target}' is there already: choose another name, or delete it first.")
    if not target.parent.is_dir():
        raise BadValue(f"cannot write '{path}': there is no folder '{target.parent}'; make it first")
    return target


def _levels(plain: Plain) -> tuple[tuple[int, ...], list[Level]]:
    """The source's axes in the file's order, and the levels."""
    axes, order = plain.axes, order_of(plain.axes, plain.coordinates)
    shape = tuple(int(plain.source.shape[a]) for a in order)
    box = tuple(
        n if a == axes.colour else min(n, _BOX) if a in (axes.y, axes.x) else 1
        for a, n in zip(order, shape, strict=True)
    )
    where = plain.coordinates.permuted(order)
    levels = [Level("0", shape, box, where)]
    while max(levels[-1].shape[-2:]) > SMALLEST:
        levels.append(levels[-1].coarser())
    return order, levels


def _copy(array: Any, level: Level, place: tuple[int, ...], above: Any, order: Sequence[int]) -> None:
    """One box: out of the source, or made of the finer level."""
    box = level.box_at(place)
    if isinstance(above, Plain):
        at = dict(zip(order, box, strict=True))
        samples = fetched(above.source[tuple(at[a] for a in range(len(order)))]).transpose(order)
    else:
        samples = halved(np.asarray(above[level.finer(box, above.shape)]), array.dtype)
    array[box] = samples


def _planes(plain: Plain, order: Sequence[int]) -> Iterator[Array]:
    axes, shape = plain.axes, plain.source.shape
    kept = [a for a in range(axes.ndim) if a not in axes.looped]
    turned = [kept.index(a) for a in order if a in kept]
    for index in np.ndindex(*(shape[a] for a in order if a in axes.looped)):
        at = dict(zip((a for a in order if a in axes.looped), index, strict=True))
        window = fetched(plain.source[tuple(at.get(a, slice(None)) for a in range(axes.ndim))])
        yield np.ascontiguousarray(window.transpose(turned), plain.dtype)


def _metadata(plain: Plain, order: Sequence[int], letters: str) -> dict[str, Any]:
    shape = plain.source.shape
    known = plain.known_channels(shape[order[letters.index("C")]] if "C" in letters else 1)
    found = placed(plain.coordinates.permuted(order), letters, [shape[a] for a in order if a in plain.axes.looped])
    said = to_ome_xml(known) if known else {}
    values = {KEY: json.dumps(plain.known_recipe)}
    values |= {CHANNELS: json.dumps(to_json(known))} if known else {}
    note = {"Namespace": "linf-nodes", "Description": "how this was made", "Value": values}
    return {"axes": letters, **found, "MapAnnotation": note} | ({"Channel": said} if said else {})
