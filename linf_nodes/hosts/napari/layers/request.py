"""One layer to be enlarged, with all that the work needs to know of it: the layer itself may go meanwhile."""

import math
from dataclasses import dataclass, replace
from typing import Any

from ....errors import BadValue
from ..budget import check_memory
from .appearance import channel_of
from .options import Options, Scope, Size, Target
from .placement import Place, looks, transform
from .source import Source
from .view import Index, Rectangle, current_plane, visible

MEAN, SAMPLE, DEVIATION = "mean", "sample", "deviation"


@dataclass(frozen=True)
class Part:
    """One picture of a request: an output, and for samples which draw."""

    output: str
    draw: int = 0

    @property
    def itemsize(self) -> int | None:
        """Bytes per value, where they differ from the source's."""
        return 4 if self.output == DEVIATION else None


@dataclass(frozen=True, eq=False)
class Request:
    """What to compute of a source: `index` is one plane, or None for all; `view` a rectangle of the result, or None."""

    source: Source
    options: Options
    size: Size
    index: Index | None
    view: Rectangle | None
    placed: dict[str, Any]
    looks: dict[str, Any]
    channel: Any = None  # what a file is to say of the layer

    @property
    def ratio(self) -> tuple[float, float]:
        """Source pixels per result pixel."""
        return self.source.size[0] / self.size[0], self.source.size[1] / self.size[1]

    @property
    def parts(self) -> list[Part]:
        o = self.options
        samples = [Part(SAMPLE, k) for k in range(o.samples)]
        return [Part(MEAN)] * o.mean + samples + [Part(DEVIATION)] * o.uncertainty

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one result; planes that are left out leave an axis of length 1."""
        s = self.source
        sides = dict(zip((s.y, s.x), self.size if self.view is None else self.view.size, strict=True))
        one = {} if self.index is None else dict.fromkeys(s.looped, 1)
        return tuple({**one, **sides}.get(a, int(n)) for a, n in enumerate(s.data.shape))

    @property
    def nbytes(self) -> int:
        """Of all results together."""
        itemsize = self.source.data.dtype.itemsize
        return math.prod(self.shape) * sum(p.itemsize or itemsize for p in self.parts)

    @property
    def pixels(self) -> int:
        """Pixels to be computed, of all results together."""
        planes = self.source.planes if self.index is None else 1
        return math.prod(self.size if self.view is None else self.view.size) * planes * len(self.parts)

    def name(self, part: Part) -> str:
        """Name of a result's layer."""
        y, x = (f"{1 / r:.3g}" for r in self.ratio)
        scale = y if y == x else f"{y} x {x}"
        seed = f", seed {self.options.seed + part.draw}" if self.options.samples > 1 else ""
        return f"{self.source.name} (LINF {scale}x{seed if part.output == SAMPLE else f', {part.output}'})"

    def of_all(self) -> "Request":
        """The same for the whole stack."""
        return replace(self, index=None, view=None)


def request_of(source: Source, options: Options, viewer: Any) -> Request:
    """What the options ask for of one layer, as the viewer stands now.

    Raises
    ------
    BadValue
        When the size cannot be, or nothing is asked for.
    """
    options = options.of_kind(source.photo)
    if options.outputs() == 0:
        raise BadValue("No result is asked for: choose a sample, the mean or the uncertainty.")
    if options.target is Target.LAZY and options.uncertainty:
        raise BadValue("The uncertainty cannot be a lazy layer: untick it, or write it to OME-Zarr.")
    size = options.hr_size(source.size, source.pixel)
    ratio = source.size[0] / size[0], source.size[1] / size[1]
    index = None if options.scope is Scope.STACK else current_plane(viewer, source)
    view = None
    if options.scope is Scope.VIEW:
        view = visible(viewer, source).scaled((1 / ratio[0], 1 / ratio[1]), size)
    place = Place.of(source.ndim, (source.y, source.x), ratio, start_of(source, index, view))
    layer = source.layer
    return Request(source, options, size, index, view, transform(layer, place), looks(layer), channel_of(layer))


def start_of(source: Source, index: Index | None, view: Rectangle | None) -> tuple[int, ...]:
    """Index of a result's first pixel within the whole enlarged stack."""
    start = [0] * source.ndim
    for axis, i in zip(source.looped, index or (), strict=index is not None):
        start[axis] = i
    if view is not None:
        start[source.y], start[source.x] = view.top, view.left
    return tuple(start)


def check_requests(requests: list[Request]) -> None:
    """Refuse results that are to be held in memory and do not fit."""
    if requests and requests[0].options.target is Target.LAYER:
        check_memory(sum(r.nbytes for r in requests))
