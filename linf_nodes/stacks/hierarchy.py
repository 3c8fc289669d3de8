"""What a Zarr group holds, by its OME metadata: an image, or the images of a plate, a well, a bioformats2raw folder."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import BadPicture

_LISTED = 4  # images that a message names
_CHOSEN = ("plate", "well")  # of these even an only image is named: another day there are more


class Holder(NamedTuple):
    """A group that is no image but holds some: what it is called, and the paths of its images inside."""

    kind: str
    images: tuple[str, ...]


def ome_attributes(group: Any) -> dict[str, Any]:
    """The OME metadata of a group: under `ome` since version 0.5, by themselves before."""
    attributes: dict[str, Any] = group.attrs.asdict()
    inner = attributes.get("ome")
    return dict(inner) if isinstance(inner, Mapping) else attributes


def is_image(group: Any) -> bool:
    return bool(_entries(ome_attributes(group).get("multiscales")))


def holder_of(group: Any) -> Holder | None:
    """What holds images; None for an image, and for what holds none."""
    ome = ome_attributes(group)
    if _entries(ome.get("multiscales")):
        return None
    if isinstance(ome.get("plate"), Mapping):
        wells = [str(well["path"]).strip("/") for well in _entries(ome["plate"].get("wells")) if "path" in well]
        return Holder("plate", tuple(f"{well}/{path}" for well in wells for path in _fields(group, well)))
    if isinstance(ome.get("well"), Mapping):
        return Holder("well", tuple(_fields(group, "")))
    if "bioformats2raw.layout" in ome:
        return Holder("bioformats2raw folder", tuple(_series(group)))
    if isinstance(ome.get("labels"), Sequence) and not isinstance(ome["labels"], str):
        return Holder("folder of labels", tuple(str(name) for name in ome["labels"]))
    return None


def only_image(group: Any, text: str) -> str:
    """The path of the image that a group holds as its only one, "" for the group itself.

    Raises
    ------
    BadPicture
        When it holds none or several, or is a plate or a well; the message says how to name one.
    """
    if is_image(group):
        return ""
    holder = holder_of(group)
    if holder is None:
        raise BadPicture(f"'{text}' is no OME-Zarr{_inside(group)}: give the folder that holds the multiscales.")
    if not holder.images:
        raise BadPicture(f"'{text}' is a {holder.kind} without images: give another, or copy it again.")
    if len(holder.images) > 1 or holder.kind in _CHOSEN:
        count = "an image" if len(holder.images) == 1 else f"{len(holder.images)} images"
        names = ", ".join(holder.images[:_LISTED]) + (" ..." if len(holder.images) > _LISTED else "")
        raise BadPicture(
            f"'{text}' is a {holder.kind} of {count} ({names}): name one, "
            f"'{text.rstrip('/')}/{holder.images[0]}' say, or enlarge every one with linf stack --every."
        )
    return holder.images[0]


def _fields(group: Any, well: str) -> Iterator[str]:
    """Paths of the fields of a well, inside it; a well that is missing has none."""
    found = group.get(well) if well else group
    attributes = {} if found is None else ome_attributes(found).get("well") or {}
    for image in _entries(attributes.get("images")):
        if "path" in image:
            yield str(image["path"]).strip("/")


def _series(group: Any) -> Iterator[str]:
    """Paths of the series: those that `OME` lists, or 0, 1, 2 and so on."""
    listed = group.get("OME")
    series = None if listed is None else ome_attributes(listed).get("series")
    if series:
        yield from (str(path).strip("/") for path in series)
        return
    number = 0
    while group.get(str(number)) is not None:
        yield str(number)
        number += 1


def _inside(group: Any) -> str:
    """The arrays that lie in a group, in brackets."""
    try:
        names = sorted(str(name) for name, _ in group.arrays())
    except Exception:  # what is there may be anything
        return ""
    return f" but a group with the arrays {', '.join(names[:_LISTED])}" if names else ""


def _entries(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list | tuple) else []
