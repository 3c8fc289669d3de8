"""Results written plane by plane or chunk by chunk, and shown from where they lie."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .budget import check_disk
from .options import Target
from .request import Part, Request
from .source import Source
from .work import Result, axes_of, volume_of

if TYPE_CHECKING:
    from ...workflow.coordinates import Coordinates

_SUFFIX = {Target.ZARR: ".ome.zarr", Target.TIFF: ".ome.tif"}

Report = Callable[..., None]


def check_files(requests: list[Request], path: Path | None, free: int | None = None) -> None:
    """Refuse files that do not fit on their disk, before anything is computed."""
    if path is not None:
        check_disk(sum(r.nbytes for r in requests), path, free)


def written(requests: list[Request], path: Path, report: Report) -> int:
    """Write every picture of every request; returns how many."""
    every = [(r, part, file) for r in requests for part, file in _files(requests, r, path)]
    for i, (request, part, file) in enumerate(every):
        _write(request, part, file, lambda done, total, _, i=i: report(i * total + done, len(every) * total))
    return len(every)


def opened(requests: list[Request], path: Path) -> Iterator[Result]:
    """The pyramids that were written, read as they are needed. A TIFF is not shown: it would be read whole."""
    if requests[0].options.target is not Target.ZARR:
        return
    for request in requests:
        for part, file in _files(requests, request, path):
            pyramid, found = _read(file)
            yield Result(request, part, pyramid, found)


def coordinates_of(source: Source) -> "Coordinates":
    """Names, units, pixel sizes and place of the axes of a layer's array, as files have them.

    Rotation, shear and affine have no place in these files; the layer that is shown keeps them.
    """
    from ...workflow.coordinates import Coordinates

    layer, more = source.layer, [1.0] if source.rgb else []
    labels = [str(label) for label in layer.axis_labels]
    named = len(set(labels)) == len(labels) and not any(re.fullmatch(r"-?\d+|c", label) for label in labels)
    return Coordinates.of(
        axes_of(source),
        [*labels, "c"][: len(source.data.shape)] if named else None,
        [*(str(u) for u in layer.units), *([None] if source.rgb else [])],
        [*(abs(float(s)) for s in layer.scale), *more],
        [*(float(t) for t in layer.translate), *(0.0 for _ in more)],
    )


def _files(requests: list[Request], request: Request, path: Path) -> list[tuple[Part, Path]]:
    """A file for every picture: the path itself where there is one, else with what tells them apart in the name."""
    suffix = _SUFFIX[request.options.target]
    stem = re.sub(r"(\.ome)?\.(zarr|tiff?)$", "", path.name, flags=re.IGNORECASE)
    found = []
    for part in request.parts:
        marks = [re.sub(r"[^\w.-]+", "_", request.source.name)] if len(requests) > 1 else []
        if len(request.parts) > 1:
            marks.append(f"{part.output}{part.draw or ''}")
        found.append((part, path.with_name("-".join([stem, *marks]) + suffix)))
    return found


def _write(request: Request, part: Part, file: Path, progress: Report) -> None:
    from ...workflow.ome_tiff import write_ome_tiff
    from ...workflow.ome_zarr import write_ome_zarr

    volume, where = volume_of(request, part.draw), coordinates_of(request.source)
    if request.options.target is Target.ZARR:
        write_ome_zarr(volume, file, where, output=part.output, progress=progress)
    else:
        write_ome_tiff(volume, file, where, output=part.output, progress=progress)


def _read(folder: Path) -> tuple[list[Any], dict[str, Any]]:
    import dask.array as da
    import zarr

    attributes: Any = zarr.open_group(folder, mode="r").attrs.asdict()
    datasets = attributes["ome"]["multiscales"][0]["datasets"]
    pyramid = [da.from_zarr(str(folder), component=d["path"]) for d in datasets]  # type: ignore[no-untyped-call]
    return pyramid, dict(attributes["linf"])
