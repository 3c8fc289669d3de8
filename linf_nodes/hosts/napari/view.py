"""What the canvas shows of a layer, as a plane and a rectangle of its pixels."""

import math
from typing import Any, NamedTuple

from ...errors import BadValue
from .source import Source

Index = tuple[int, ...]


class Rectangle(NamedTuple):
    """Half-open rows and columns."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    def scaled(self, ratio: tuple[float, float], limit: tuple[int, int]) -> "Rectangle":
        """The smallest rectangle of whole pixels, `ratio` (y, x) of them to one of these, that covers this one."""
        top, left = math.floor(self.top * ratio[0]), math.floor(self.left * ratio[1])
        bottom, right = math.ceil(self.bottom * ratio[0]), math.ceil(self.right * ratio[1])
        return Rectangle(max(0, top), min(limit[0], bottom), max(0, left), min(limit[1], right))

    def middle(self, most: int) -> "Rectangle":
        """The middle part of this rectangle, at most `most` pixels a side."""
        runs = []
        for start, stop in (self[:2], self[2:]):
            cut = max(0, stop - start - most)
            runs += [start + cut // 2, stop - (cut - cut // 2)]
        return Rectangle(*runs)


def current_plane(viewer: Any, source: Source) -> Index:
    """Index along the looped axes of the plane that the viewer's sliders point at."""
    point = source.layer.world_to_data(viewer.dims.point[-len(source.layer.scale) :])
    return tuple(min(max(0, round(float(point[a]))), source.data.shape[a] - 1) for a in source.looped)


def visible(viewer: Any, source: Source) -> Rectangle:
    """The rectangle of source pixels that the canvas shows.

    Raises
    ------
    BadValue
        When the canvas shows other axes than the picture's, or nothing of the layer.
    """
    shown = {a - (viewer.dims.ndim - source.ndim) for a in viewer.dims.displayed}
    if shown != {source.y, source.x}:
        raise BadValue("The canvas does not show the chosen y and x axes: show them in 2-D, or enlarge the plane.")
    corners = source.layer.corner_pixels
    level = source.layer.level_shapes[source.layer.data_level] if source.layer.multiscale else source.data.shape
    runs = []
    for axis in (source.y, source.x):
        factor = source.data.shape[axis] / level[axis]
        start, stop = corners[0, axis] * factor, (corners[1, axis] + 1) * factor
        runs += [max(0, math.floor(start)), min(source.data.shape[axis], math.ceil(stop))]
    found = Rectangle(*runs)
    if min(found.size) < 1:
        raise BadValue(f"The canvas shows nothing of '{source.name}': move it into view, or enlarge the plane.")
    return found
