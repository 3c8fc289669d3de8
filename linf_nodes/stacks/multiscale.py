"""The metadata of one OME-Zarr image, of the versions 0.1 to 0.5."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BadPicture, BadValue, quoted
from .axes import Axes
from .coordinates import Coordinates
from .hierarchy import found_in, ome_attributes
from .units import unit_of

_BEFORE_AXES = "tczyx"  # the axes of 0.1 and 0.2, which do not name them


@dataclass(frozen=True)
class Multiscale:
    """The first multiscale image of a group: its finest array, and where that lies."""

    array: Any
    axes: Axes
    coordinates: Coordinates
    paths: tuple[str, ...]
    """Of its levels, the finest first."""
    omero: Any
    """How viewers are told to show it, as it stands in the file."""
    label: Mapping[str, Any] | None
    """What is said of single labels, where the image is one of labels."""
    beside: tuple[str, ...]
    """Paths of the label images that belong to this image."""

    @classmethod
    def of(cls, group: Any, text: str, renamed: bool = False) -> "Multiscale":
        """Read it; `text` names the group in messages, and with `renamed` its axes will be named by the caller.

        A pixel size that is no positive number counts as unknown, as does a unit that is none; the case of letters
        does not matter.

        Raises
        ------
        BadPicture
            When its finest array is missing, or its axes are not those of pictures.
        """
        try:
            multiscale = ome_attributes(group)["multiscales"][0]
            paths = tuple(str(dataset["path"]).strip("/") for dataset in multiscale["datasets"])
            array = _finest(group, paths, text)
            names, units = _named(multiscale.get("axes"), array.ndim)
            scale, translation = _transformed(multiscale, array.ndim)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, BadPicture):
                raise
            raise BadPicture(f"'{text}' has damaged OME metadata ({quoted(error)}): export it again.") from error
        if renamed and not _fit(names, array.ndim):
            names, units = [*"abcdefgh"[: array.ndim - 2], "y", "x"], [None] * array.ndim
        if not _fit(names, array.ndim):
            raise BadPicture(
                f"'{text}' names the axes {', '.join(names)}, but its array has the shape {tuple(array.shape)}: each "
                "axis needs a name of its own, y and x among them; give them with --axes."
            )
        axes = Axes(array.ndim, names.index("y"), names.index("x"))
        ome, where = ome_attributes(group), _placed(axes, names, units, scale, translation)
        return cls(array, axes, where, paths, ome.get("omero"), _label(ome), _beside(group))


def _label(ome: Mapping[str, Any]) -> Mapping[str, Any] | None:
    about = ome.get("image-label")
    return None if about is None else dict(about) if isinstance(about, Mapping) else {}


def _beside(group: Any) -> tuple[str, ...]:
    try:
        labels = found_in(group, "labels")
    except BadPicture:
        return ("labels",)  # where they are carried along it is said that they cannot be
    names = None if labels is None or not hasattr(labels, "attrs") else ome_attributes(labels).get("labels")
    return tuple(f"labels/{str(name).strip('/')}" for name in names) if isinstance(names, list | tuple) else ()


def _fit(names: Sequence[str], ndim: int) -> bool:
    return {"y", "x"} <= set(names) and len(set(names)) == len(names) == ndim


def _finest(group: Any, paths: Sequence[str], text: str) -> Any:
    array = group.get(paths[0])
    if array is None or not hasattr(array, "shape"):
        others = [path for path in paths[1:] if hasattr(group.get(path), "shape")]
        rest = f" (it has the coarser {', '.join(others)})" if others else ""
        raise BadPicture(f"The array '{paths[0]}' of '{text}' is missing, its finest level{rest}: copy it again.")
    return array


def _named(entries: Any, ndim: int) -> tuple[list[str], list[str | None]]:
    """Names and units of the axes: dictionaries since 0.4, letters in 0.3, nothing before."""
    if not entries:
        entries = list(_BEFORE_AXES[-ndim:])
    every = [entry if isinstance(entry, Mapping) else {"name": entry} for entry in entries]
    return [str(entry["name"]).lower() for entry in every], [_unit(entry.get("unit")) for entry in every]


def _transformed(multiscale: Mapping[str, Any], ndim: int) -> tuple[list[float], list[float]]:
    scale, translation = [1.0] * ndim, [0.0] * ndim
    steps = [
        *(multiscale["datasets"][0].get("coordinateTransformations") or ()),
        *(multiscale.get("coordinateTransformations") or ()),
    ]
    for step in steps:
        if step.get("type") == "scale" and len(step.get("scale", ())) == ndim:
            scale = [a * float(b) for a, b in zip(scale, step["scale"], strict=True)]
            translation = [a * float(b) for a, b in zip(translation, step["scale"], strict=True)]
        elif step.get("type") == "translation" and len(step.get("translation", ())) == ndim:
            translation = [a + float(b) for a, b in zip(translation, step["translation"], strict=True)]
    return scale, translation


def _placed(
    axes: Axes, names: Sequence[str], units: list[str | None], scale: list[float], translation: list[float]
) -> Coordinates:
    for a, (size, at) in enumerate(zip(scale, translation, strict=True)):
        if not (math.isfinite(size) and size > 0 and math.isfinite(at)):
            units[a], scale[a], translation[a] = None, 1.0, 0.0
    return Coordinates.of(axes, names, units, scale, translation)


def _unit(name: Any) -> str | None:
    try:
        return str(name) if name and unit_of(str(name)) else None
    except BadValue:  # OME-Zarr knows more units than this package
        return None
