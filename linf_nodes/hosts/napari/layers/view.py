"""What the canvas shows of a layer, as a plane and a rectangle of its pixels."""

import math
from itertools import product
from typing import Any, NamedTuple

from ....errors import BadValue
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

    Of a pyramid napari keeps a larger one as long as the view lies inside, so there the camera is asked.

    Raises
    ------
    BadValue
        When the canvas shows other axes than the picture's, or nothing of the layer.
    """
    shown = {a - (viewer.dims.ndim - source.ndim) for a in viewer.dims.displayed}
    if shown != {source.y, source.x}:
        raise BadValue("The canvas does not show the chosen y and x axes: show them in 2-D, or enlarge the plane.")
    if source.layer.multiscale and hasattr(viewer, "canvas"):
        return _checked(_seen(viewer, source), source)
    corners = source.layer.corner_pixels
    level = source.layer.level_shapes[source.layer.data_level] if source.layer.multiscale else source.data.shape
    runs = []
    for axis in (source.y, source.x):
        factor = source.data.shape[axis] / level[axis]
        start, stop = corners[0, axis] * factor, (corners[1, axis] + 1) * factor
        runs += [max(0, math.floor(start)), min(source.data.shape[axis], math.ceil(stop))]
    return _checked(Rectangle(*runs), source)


def _seen(viewer: Any, source: Source) -> Rectangle:
    """What lies between the corners of the canvas; they are of world coordinates, along the axes that are shown."""
    camera = camera_of(viewer)
    middle, half = camera.center[-2:], [side / (2 * camera.zoom) for side in viewer.canvas.viewbox_size(viewer.layers)]
    ends = []
    for signs in product((-1, 1), repeat=2):
        point = list(viewer.dims.point)
        for axis, at, reach, sign in zip(viewer.dims.displayed, middle, half, signs, strict=True):
            point[axis] = at + sign * reach
        ends.append(source.layer.world_to_data(point[-len(source.layer.scale) :]))
    runs: list[int] = []
    for axis in (source.y, source.x):
        low, high = (f(float(end[axis]) for end in ends) for f in (min, max))
        limit = int(source.data.shape[axis])
        runs += [min(limit, max(0, math.floor(low + 0.5))), min(limit, max(0, math.ceil(high + 0.5)))]
    return Rectangle(*runs)


def camera_of(viewer: Any) -> Any:
    """napari 0.9 moved the camera and deprecated its old place."""
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera


def _checked(found: Rectangle, source: Source) -> Rectangle:
    if min(found.size) < 1:
        raise BadValue(f"The canvas shows nothing of '{source.name}': move it into view, or enlarge the plane.")
    return found
