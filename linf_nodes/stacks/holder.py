"""A plate, a well or a bioformats2raw folder, enlarged as a whole: its images, and its metadata in the result."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import BadPicture, BadValue
from . import location
from .hierarchy import Holder, found_in, holder_of, ome_attributes

_KEPT = ("plate", "well", "bioformats2raw.layout", "series", "labels")


def images_of(text: str) -> tuple[Any, Holder]:
    """The group at a path or URL, and the images that it holds.

    Raises
    ------
    BadPicture
        When it is no such group.
    """
    where = text if location.is_url(text) else str(location.local_path(text))
    group = location.opened(where)
    holder = None if hasattr(group, "shape") else holder_of(group)
    if holder is None or not (holder.images or holder.missing):
        raise BadPicture(f"'{text}' holds no images of which each is to be enlarged: leave --every out.")
    return group, holder


def create_holder(group: Any, holder: Holder, target: Path) -> None:
    """Make the same folder for results: its groups, with the metadata that say which image is what.

    Raises
    ------
    BadValue
        When the system refuses to write.
    """
    zarr = location.zarr_package()
    try:
        root = zarr.open_group(str(target), mode="a", zarr_format=3)
        _keep(group, root)
        for path in sorted(set(_groups(holder))):
            inner = root.require_group(path)
            with suppress(BadPicture):  # its images say what they say
                found = found_in(group, path)
                if found is not None:
                    _keep(found, inner)
    except OSError as error:
        raise BadValue(f"cannot write '{target}': {error.strerror or error}; choose another folder") from error


def _groups(holder: Holder) -> Iterator[str]:
    """Paths of the groups above the images: rows and wells; and what a bioformats2raw folder lists its series in."""
    for image in holder.images:
        parts = image.split("/")[:-1]
        yield from ("/".join(parts[: n + 1]) for n in range(len(parts)))
    if holder.kind == "bioformats2raw folder":
        yield "OME"


def _keep(source: Any, target: Any) -> None:
    said: Mapping[str, Any] = ome_attributes(source)
    kept = {name: said[name] for name in _KEPT if name in said}
    for name in ("plate", "well"):
        if isinstance(kept.get(name), Mapping):
            kept[name] = {**kept[name], "version": "0.5"}
    if kept:
        target.attrs["ome"] = {"version": "0.5", **kept}
