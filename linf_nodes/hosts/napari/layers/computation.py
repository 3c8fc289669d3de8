"""What a job does, plane by plane and block by block, without Qt and without napari."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ....errors import BadValue
from .failures import Failures
from .request import Part, Request
from .snapshot import steady
from .source import Source
from .view import Index, Rectangle

if TYPE_CHECKING:
    from ....stacks.axes import Axes
    from ....stacks.volume import Volume

Array = NDArray[Any]
Report = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Result:
    """One finished picture: what to show, and the recipe that made it. `levels` is a pyramid, the largest first."""

    request: Request
    part: Part
    levels: list[Any]
    recipe: dict[str, Any]


def volume_of(request: Request, draw: int = 0, still: bool = False) -> "Volume":
    """The request's source as the stack engine sees it; with `still`, as it stands when its planes are first read."""
    from ....stacks.volume import Settings, Volume

    o, s = request.options, request.source
    settings = Settings(**{f.name: getattr(o, f.name) for f in fields(Settings)})
    axes = axes_of(s)
    return Volume(steady(s.data, axes) if still else s.data, axes, request.size, settings).draw(draw)


def axes_of(source: Source) -> "Axes":
    """The axes of a layer's array; each channel along an axis that is labelled so is normalised by itself."""
    from ....stacks.axes import Axes

    return Axes(len(source.data.shape), source.y, source.x, source.colour, source.channel)


def enlarge(requests: list[Request], report: Report, failures: Failures) -> Iterator[Result]:
    """The pictures of all requests, one after the other; `report(done, total)` counts result pixels."""
    total, done = sum(r.pixels for r in requests), 0
    for request in requests:
        each = request.pixels // len(request.parts)
        with failures.of(request):
            for i, part in enumerate(request.parts):
                yield _computed(request, part, lambda pixels: report(pixels, total), done + i * each)
        done += request.pixels


def lazy(requests: list[Request], say: Callable[[str], None], failures: Failures) -> Iterator[Result]:
    """Pyramids of the lazy result and its source; nothing but the normalisation is computed.

    What is wrong with pixels that are drawn later is told to `say`, from the thread that draws them.
    """
    for request in requests:
        with failures.of(request):
            _check_finite(request.source)
            yield from _lazy(request, say)


def _lazy(request: Request, say: Callable[[str], None]) -> Iterator[Result]:
    from .drawn import Drawn

    for part in request.parts:
        plain = volume_of(request, part.draw)
        given = {f.name: getattr(plain, f.name) for f in fields(plain)}
        volume = Drawn(**given, say=partial(_say_of, request.source.name, say))
        pyramid = [volume.lazy(part.output), request.source.data]
        smaller = request.size != request.source.size  # napari wants every level smaller than the one before
        yield Result(request, part, pyramid[: 1 + smaller], recipe(request, part, volume))


def _say_of(name: str, say: Callable[[str], None], text: str) -> None:
    say(f"'{name}': {text}")


def _check_finite(source: Source) -> None:
    """Refuse NaN in what is held in memory; what is read later is checked when it is."""
    if not source.large and source.data.dtype.kind == "f" and (bad := int((~np.isfinite(source.data)).sum())):
        raise BadValue(
            f"'{source.name}' holds {bad} samples that are NaN or infinite: fill them first, with numpy.nan_to_num say."
        )


def seconds_per_pixel(request: Request) -> float:
    """How long a result pixel takes here: one block is timed."""
    from ....stacks.volume import estimate

    volume = volume_of(request)
    return estimate(volume).seconds / (request.source.planes * request.size[0] * request.size[1])


def recipe(request: Request, part: Part, volume: "Volume") -> dict[str, Any]:
    """How a result was made, as JSON values, beginning with where it came from."""
    o = request.options
    asked: Any = {"scale": list(o.scale), "pixel size": list(o.pixel), "exact size": list(o.size)}[o.sizing.value]
    model = volume.settings.load()
    found = {
        "source": request.source.name,
        "requested": {o.sizing.value: asked},
        **volume.recipe(part.output),
        "tile": o.tile,
        "halo": model.halo,
        "device": str(model.device),
        "versions": _versions(),
    }
    if request.index is not None:
        found["plane"] = list(request.index)
    if request.view is not None:
        found["window"] = list(request.view)
    return found


def _computed(request: Request, part: Part, report: Callable[[int], None], done: int) -> Result:
    volume = volume_of(request, part.draw, still=True)
    out: Array = np.empty(request.shape, volume.dtype_of(part.output))
    everything, pixels = (slice(None), slice(None)), math.prod(request.view.size if request.view else request.size)
    for index in volume.planes if request.index is None else [request.index]:
        where = volume.axes.where(index if request.index is None else (0,) * len(index), *everything)
        if request.view is not None:
            _fill_view(out[where], volume, request.view, index, part.output, partial(_later, report, done))
        else:
            out[where] = volume.plane(index, part.output, partial(_share, report, done, pixels))
        done += pixels
    return Result(request, part, [out], recipe(request, part, volume))


def _fill_view(
    out: Array, volume: "Volume", view: Rectangle, index: Index, output: str, report: Callable[[int], None]
) -> None:
    """The part of a plane that is in view, cut out of the same blocks that the whole plane is made of."""
    from ....pipeline.blocks import Block, Span

    wanted = Block(Span(view.top, view.bottom), Span(view.left, view.right))
    plan, done = volume.plan, 0
    for block in plan.over(wanted):
        part = block.pixels(plan.grid).shared(wanted)
        inside: list[Any] = [slice(None)] * out.ndim
        y, x = _sides(volume)
        inside[y], inside[x] = part.within(wanted)
        out[tuple(inside)] = volume.window(index, part, output)
        done += part.rows.size * part.cols.size
        report(done)


def _later(report: Callable[[int], None], before: int, done: int) -> None:
    report(before + done)


def _share(report: Callable[[int], None], before: int, pixels: int, done: int, total: int, _: Any) -> None:
    report(before + pixels * done // total)


def _sides(volume: "Volume") -> tuple[int, int]:
    """Where y and x are among the axes of a window."""
    axes = [a for a in range(volume.axes.ndim) if a not in volume.axes.looped]
    return axes.index(volume.axes.y), axes.index(volume.axes.x)


def _versions() -> dict[str, str]:
    import napari
    import torch

    return {"napari": napari.__version__, "numpy": np.__version__, "torch": torch.__version__}
