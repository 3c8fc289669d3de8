"""What a Zarr group holds, by its OME metadata: an image, or the images of a plate, a well, a bioformats2raw folder."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import BadPicture

_LISTED = 4  # images that a message names
_CHOSEN = ("plate", "well")  # of these even an only image is named: another day there are more


class Holder(NamedTuple):
    """A group that is no image but holds some: what it is called, and the paths of its images inside.

    `missing` are paths of what it should hold and does not, each with what is wrong there.
    """

    kind: str
    images: tuple[str, ...]
    missing: tuple[tuple[str, str], ...] = ()


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
        return _plate(group, ome["plate"])
    if isinstance(ome.get("well"), Mapping):
        return Holder("well", *_fields(ome["well"], "this well"))
    if "bioformats2raw.layout" in ome:
        return Holder("bioformats2raw folder", *_series(group))
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
    gone = ", ".join(f"{path} {why}" for path, why in holder.missing[:_LISTED])
    gone += " ..." * (len(holder.missing) > _LISTED)
    if not holder.images:
        why = f" ({gone})" * bool(gone)
        raise BadPicture(f"'{text}' is a {holder.kind} without images{why}: give another, or copy it again.")
    if len(holder.images) > 1 or holder.missing or holder.kind in _CHOSEN:
        count = "an image" if len(holder.images) == 1 else f"{len(holder.images)} images"
        names = ", ".join(holder.images[:_LISTED]) + (" ..." if len(holder.images) > _LISTED else "")
        names += f"; {gone}" * bool(gone)
        raise BadPicture(
            f"'{text}' is a {holder.kind} of {count} ({names}): name one, "
            f"'{text.rstrip('/')}/{holder.images[0]}' say, or enlarge every one with linf stack --every."
        )
    return holder.images[0]


def found_in(group: Any, path: str) -> Any:
    """What lies at a path in a group: None where nothing does.

    Raises
    ------
    BadPicture
        When its metadata are no metadata.
    """
    try:
        return group.get(path)
    except Exception as error:  # half of a file may be anything
        reason = str(error).split("\n")[0] or type(error).__name__
        raise BadPicture(f"has damaged metadata ({reason:.80}): copy it again") from error


def _plate(group: Any, plate: Mapping[str, Any]) -> Holder:
    images: list[str] = []
    missing: list[tuple[str, str]] = []
    wells = plate.get("wells")
    for number, well in enumerate(wells if isinstance(wells, list | tuple) else ()):
        path = _path(well)
        if path is None:
            missing.append((f"well number {number}", "has no path"))
            continue
        try:
            found = found_in(group, path)
        except BadPicture as error:
            missing.append((path, str(error)))
            continue
        if found is None:
            missing.append((path, "is missing: copy it again"))
            continue
        fields, without = _fields(ome_attributes(found).get("well"), path)
        images += [f"{path}/{field}" for field in fields]
        missing += without
    return Holder("plate", tuple(images), tuple(missing))


def _fields(well: Any, name: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Paths of the fields of a well, inside it; and the well itself where it lists none, or some without a path."""
    entries = well.get("images") if isinstance(well, Mapping) else None
    paths = [_path(entry) for entry in entries] if isinstance(entries, list | tuple) else []
    if not paths:
        return (), ((name, "lists no field: copy it again"),)
    nameless = ((name, "lists a field without a path"),) if None in paths else ()
    return tuple(path for path in paths if path is not None), nameless


def _path(entry: Any) -> str | None:
    return str(entry["path"]).strip("/") if isinstance(entry, Mapping) and "path" in entry else None


def _series(group: Any) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Paths of the series, and of those that are missing.

    They are those that `OME` lists, or else numbers from 0: as many as there are images in its XML, or folders.
    """
    try:
        listed = found_in(group, "OME")
    except BadPicture:
        listed = None
    series = None if listed is None else ome_attributes(listed).get("series")
    if series:
        return tuple(str(path).strip("/") for path in series), ()
    numbers = set(range(_stated(group))) | _numbers(group)
    missing: list[str] = []
    images: list[str] = []
    for number in range(max(numbers, default=-1) + 1):
        try:
            found = number in numbers and found_in(group, str(number)) is not None
        except BadPicture:
            found = True  # it says so itself when it is opened
        (images if found else missing).append(str(number))
    return tuple(images), tuple((path, "is missing: copy it again") for path in missing)


def _stated(group: Any) -> int:
    """The number of images in the OME-XML of a bioformats2raw folder; 0 without one."""
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.sync import sync

    key = "/".join(part for part in (group.path, "OME/METADATA.ome.xml") if part)
    try:
        found = sync(group.store.get(key, default_buffer_prototype()))
    except Exception:  # a server may refuse in ways of its own
        return 0
    return 0 if found is None else len(re.findall(rb"<(?:\w+:)?Image[\s>]", found.to_bytes()))


def _numbers(group: Any) -> set[int]:
    """Folders that are called by numbers; of a server that lists nothing, those from 0 without a gap."""
    from zarr.core.sync import sync

    async def names() -> list[str]:
        return [name async for name in group.store.list_dir(group.path)]

    try:
        found = {int(name.strip("/")) for name in sync(names()) if name.strip("/").isdecimal()}
    except Exception:  # as above
        found = set()
    number = 0
    while number in found or group.get(str(number)) is not None:
        found.add(number)
        number += 1
    return found


def _inside(group: Any) -> str:
    """The arrays that lie in a group, in brackets."""
    try:
        names = sorted(str(name) for name, _ in group.arrays())
    except Exception:  # what is there may be anything
        return ""
    return f" but a group with the arrays {', '.join(names[:_LISTED])}" if names else ""


def _entries(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list | tuple) else []
