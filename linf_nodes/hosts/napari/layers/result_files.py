"""Results written plane by plane or chunk by chunk, and shown from where they lie."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..budget import check_disk
from .computation import Result, axes_of, volume_of
from .coordinates import coordinates_of, left_out
from .failures import Failures
from .options import Target
from .request import Part, Request

SUFFIX = {Target.ZARR: ".ome.zarr", Target.TIFF: ".ome.tif"}
_LONGEST = 80  # characters of a layer's name in a file's

Report = Callable[..., None]


class File(NamedTuple):
    """One picture of a request, and where it goes."""

    request: Request
    part: Part
    path: Path


def files_of(requests: list[Request], path: Path) -> list[File]:
    """A file for every picture: the path itself where there is one, else with what tells them apart in the name.

    No two are the same, on disks that do not tell upper from lower case either.
    """
    found: list[File] = []
    taken: set[str] = set()
    for request in requests:
        suffix = SUFFIX[request.options.target]
        for part in request.parts:
            marks = [named(request.source.name)] if len(requests) > 1 else []
            marks += [f"{part.output}{part.draw or ''}"] if len(request.parts) > 1 else []
            found.append(File(request, part, free_path(path, marks, suffix, taken)))
    return found


def free_path(path: Path, marks: list[str], suffix: str, taken: set[str]) -> Path:
    """`STEM-MARK-MARK.SUFFIX` beside a path, with a number where that is in `taken`, which it is added to."""
    stem = "-".join([re.sub(r"(\.ome)?\.(zarr|tiff?)$", "", path.name, flags=re.IGNORECASE), *marks])
    name, number = f"{stem}{suffix}", 2
    while name.casefold() in taken:
        name, number = f"{stem}-{number}{suffix}", number + 1
    taken.add(name.casefold())
    return path.with_name(name)


def named(text: str) -> str:
    """A layer's name as a part of a file's."""
    return re.sub(r"[^\w.-]+", "_", text)[:_LONGEST] or "_"


def check_files(requests: list[Request], path: Path | None, free: int | None = None) -> None:
    """Refuse files that do not fit on their disk, before anything is computed."""
    if path is not None:
        check_disk(sum(r.nbytes for r in requests), path, free)


def in_the_way(requests: list[Request], path: Path | None) -> list[Path]:
    """Files that would be replaced. An OME-Zarr never is: the same result is gone on with, another is refused."""
    if path is None or requests[0].options.target is not Target.TIFF:
        return []
    return [file.path for file in files_of(requests, path) if file.path.exists()]


def written(requests: list[Request], path: Path, report: Report, failures: Failures) -> list[File]:
    """Write every picture of every request; returns those that are there."""
    every = files_of(requests, path)
    done: list[File] = []
    for i, file in enumerate(every):
        with failures.of(file.request):
            _write(file, lambda done, total, _, i=i: report(i * total + done, len(every) * total))
            done.append(file)
    return done


def opened(files: list[File]) -> Iterator[Result]:
    """The pyramids that were written, read as they are needed. A TIFF is not shown: it would be read whole."""
    for file in files:
        if file.request.options.target is Target.ZARR:
            pyramid, found = _read(file)
            yield Result(file.request, file.part, pyramid, found)


def said_of(written: list[File]) -> str:
    """`Wrote FILE`, or their names and their folder."""
    files = [file.path for file in written]
    if len(files) == 1:
        return f"Wrote {files[0]}"
    return f"Wrote {listed(files)} to {files[0].parent}"


def listed(files: list[Path]) -> str:
    """The names of three files, and how many more there are."""
    return ", ".join(f.name for f in files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")


def lost_in(requests: list[Request], path: Path | None) -> str:
    """What the files have no place for, in a sentence for each layer."""
    if path is None:
        return ""
    tiff = requests[0].options.target is Target.TIFF
    return " ".join(text for text in (left_out(r.source, tiff) for r in requests) if text)


def _write(file: File, progress: Report) -> None:
    from ....stacks.ome_tiff import write_ome_tiff
    from ....stacks.ome_zarr import write_ome_zarr

    request, part = file.request, file.part
    volume, where = volume_of(request, part.draw, still=True), coordinates_of(request.source)
    channels = (request.channel,)
    if request.options.target is Target.ZARR:
        write_ome_zarr(volume, file.path, where, output=part.output, channels=channels, progress=progress)
    else:
        write_ome_tiff(volume, file.path, where, output=part.output, channels=channels, progress=progress)


def _read(file: File) -> tuple[list[Any], dict[str, Any]]:
    """The levels with the axes in the order of the source, as the layer will have its scale and labels."""
    import dask.array as da
    import zarr

    from ....stacks.pyramid import file_order

    attributes: Any = zarr.open_group(file.path, mode="r").attrs.asdict()
    datasets = attributes["ome"]["multiscales"][0]["datasets"]
    source = file.request.source
    back = np.argsort(file_order(axes_of(source), coordinates_of(source)))
    levels = [da.from_zarr(str(file.path), component=d["path"]) for d in datasets]
    return [level.transpose(*(int(a) for a in back)) for level in levels], dict(attributes["linf"])
