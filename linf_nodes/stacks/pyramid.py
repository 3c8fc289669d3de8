"""The levels of a multiscale array: how large each is, how it is cut, and in which order its axes lie."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from ..errors import BadValue
from .axes import Axes
from .coordinates import Coordinates
from .volume import Volume

SMALLEST = 256  # pixels: a level is followed by another as long as one of its sides is longer
LARGEST_CHUNK = 1100  # pixels a side, before a block is stored as a shard of several chunks

Box = tuple[slice, ...]
Place = tuple[int, ...]


@dataclass(frozen=True)
class Level:
    """One array: its shape, the boxes that are written at once (a file each), and the chunks that are read at once.

    Height and width are the last two axes.
    """

    path: str
    shape: tuple[int, ...]
    box: tuple[int, ...]
    coordinates: Coordinates

    @property
    def chunk(self) -> tuple[int, ...]:
        """A box, or an even part of it where it is too long to be read at once."""
        *others, height, width = self.box
        return (*others, _part(height), _part(width))

    def places(self) -> Iterator[Place]:
        """Places of the boxes, the last axis fastest."""
        return product(*(range(-(-n // step)) for n, step in zip(self.shape, self.box, strict=True)))

    def box_at(self, place: Place) -> Box:
        steps = zip(place, self.box, self.shape, strict=True)
        return tuple(slice(i * step, min((i + 1) * step, n)) for i, step, n in steps)

    def places_of(self, box: Box) -> Iterator[Place]:
        """Places of the boxes that touch a box."""
        sides = zip(box, self.box, strict=True)
        return product(*(range(s.start // step, -(-s.stop // step)) for s, step in sides))

    def coarser(self) -> "Level":
        """The level of half the height and width. Its pixels are means of two by two, so exactly twice as large."""
        *others, height, width = self.shape
        shape = (*others, max(1, height // 2), max(1, width // 2))
        twice = [min(2, n) if i >= len(others) else 1 for i, n in enumerate(self.shape)]
        box = tuple(min(n, step) for n, step in zip(shape, self.box, strict=True))
        where = self.coordinates.resampled(twice, [1] * len(twice))
        return Level(str(int(self.path) + 1), shape, box, where)

    def finer(self, box: Box, shape: Sequence[int]) -> Box:
        """What a box of this level is the mean of, in the finer level of that shape."""
        rows, cols = (slice(2 * s.start, min(2 * s.stop, n)) for s, n in zip(box[-2:], shape[-2:], strict=True))
        return (*box[:-2], rows, cols)


def levels_of_file(volume: Volume, coordinates: Coordinates) -> tuple[tuple[Level, ...], tuple[int, ...]]:
    """The levels of a result, the finest first, and the source's axes in the file's order: time, channel, space.

    Raises
    ------
    BadValue
        When the axes are not those of an OME-Zarr: y, x, and at most z, one of channels, and time.
    """
    axes, plan, order = volume.axes, volume.plan, file_order(volume.axes, coordinates)
    sides = {axes.y: plan.step[0] * plan.grid.patch, axes.x: plan.step[1] * plan.grid.patch}
    if axes.colour is not None:
        sides[axes.colour] = volume.shape[axes.colour]
    where = coordinates.resampled(volume.source.shape, volume.shape).permuted(order)
    shape = tuple(volume.shape[a] for a in order)
    box = tuple(min(volume.shape[a], sides.get(a, 1)) for a in order)
    levels = [Level("0", shape, box, _named(where, order, volume))]
    while len(levels) < 2 or max(levels[-1].shape[-2:]) > SMALLEST:
        levels.append(levels[-1].coarser())
    return tuple(levels), order


def file_order(axes: Axes, coordinates: Coordinates) -> tuple[int, ...]:
    """The source's axes in the order time, channel, z, y, x; raises `BadValue` where there is no such order."""
    usual = {"t": 0, "z": 2}
    rank = {a: usual.get(coordinates.names[a].lower(), 1) for a in axes.looped} | {axes.y: 3, axes.x: 4}
    if axes.colour is not None:
        rank[axes.colour] = 1
    if len(set(rank.values())) < axes.ndim:
        names = ", ".join(coordinates.names)
        raise BadValue(
            f"The file's axes are t, c, z, y, x at most, but the stack has {names}: rename them (--axes, a layer's "
            "axis_labels), or save its parts apart."
        )
    return tuple(sorted(rank, key=lambda a: rank[a]))


def _named(where: Coordinates, order: Sequence[int], volume: Volume) -> Coordinates:
    """Names as files have them: y, x and c are what they are, whatever the array calls them."""
    ours = {volume.axes.y: "y", volume.axes.x: "x", volume.axes.colour: "c"}
    names = zip(order, where.names, strict=True)
    return replace(where, names=tuple(ours.get(a, name.lower()) for a, name in names))


def _part(side: int) -> int:
    return next((side // k for k in (1, 2, 4, 8) if side % k == 0 and side // k <= LARGEST_CHUNK), side)
