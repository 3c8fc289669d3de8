"""A layer as something to enlarge: its array, its axes, its pixel size; and the layers that cannot be."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....errors import BadShape, BadValue, Cancelled, LinfError
from ....pictures.kind import is_photo
from .options import Pair, Size

_REFUSED = {
    "b": "holds true and false: convert it to uint8 for a picture, or to a Labels layer for a mask",
    "c": "holds complex numbers: add its magnitude or phase as a layer of its own",
}

_USUAL = {"channel": "c", "channels": "c", "time": "t", "frame": "t", "frames": "t", "depth": "z", "slice": "z"}


def meaning(label: object) -> str:
    """The name that files have for an axis of this label; the label itself where they have none."""
    text = str(label).strip().lower()
    return _USUAL.get(text, text)


@dataclass(frozen=True, eq=False)
class Source:
    """An image layer's full-resolution array. `y` and `x` are axes of the layer; colours, if any, are the array's last.

    `pixel` is the pixel size (y, x) in `unit`, the layer's own.
    """

    layer: Any
    name: str
    data: Any
    y: int
    x: int
    rgb: bool
    pixel: Pair
    unit: str

    @property
    def ndim(self) -> int:
        """Axes of the layer, the colour axis left out."""
        return len(self.data.shape) - int(self.rgb)

    @property
    def colour(self) -> int | None:
        """The array's colour axis."""
        return self.ndim if self.rgb else None

    @property
    def size(self) -> Size:
        return int(self.data.shape[self.y]), int(self.data.shape[self.x])

    @property
    def looped(self) -> tuple[int, ...]:
        """The axes that every plane has one index of."""
        return tuple(a for a in range(self.ndim) if a not in (self.y, self.x))

    @property
    def channel(self) -> int | None:
        """The looped axis along which intensities mean different things, where a label says so."""
        return next((a for a in self.looped if meaning(self.layer.axis_labels[a]) == "c"), None)

    @property
    def photo(self) -> bool:
        """Whether it is 8-bit colour."""
        return is_photo(self.data.dtype, self.rgb)

    @property
    def planes(self) -> int:
        return int(np.prod([self.data.shape[a] for a in self.looped], dtype=np.int64))

    @property
    def large(self) -> bool:
        """Whether the layer reads its pixels as they are needed."""
        return not isinstance(self.data, np.ndarray)


def source_of(layer: Any, y: int = -2, x: int = -1) -> Source:
    """A layer to be enlarged along its axes `y` and `x`, counted from the end where they are negative.

    Raises
    ------
    BadValue, BadShape
        When the layer is no image, or its pixels are no numbers that can be enlarged.
    """
    from napari.layers import Image

    if not isinstance(layer, Image):
        kind = type(layer).__name__ if not hasattr(layer, "__wrapped__") else layer.__class__.__name__
        raise BadValue(f"'{layer.name}' is a {kind} layer: choose an image layer; only pictures can be enlarged.")
    data = layer.data[0] if layer.multiscale else layer.data
    rgb = bool(layer.rgb)
    ndim = len(data.shape) - int(rgb)
    _check_pixels(layer.name, data)
    axes = _axis(y, ndim, layer.name), _axis(x, ndim, layer.name)
    if axes[0] == axes[1]:
        raise BadValue(f"The y and the x axis of '{layer.name}' are both axis {axes[0]}: choose two different ones.")
    scale = tuple(float(s) for s in layer.scale)
    units = [str(u) for u in layer.units]
    unit = units[axes[0]] if units[axes[0]] == units[axes[1]] else f"{units[axes[0]]}, {units[axes[1]]}"
    return Source(layer, str(layer.name), data, *axes, rgb, (abs(scale[axes[0]]), abs(scale[axes[1]])), unit)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Errors inside name the layer that they are of."""
    try:
        yield
    except Cancelled:
        raise
    except LinfError as error:
        if f"'{name}'" in str(error):
            raise
        raise type(error)(f"'{name}': {error}") from error


def default_axes(labels: tuple[str, ...]) -> tuple[int, int]:
    """The axes (y, x) that a layer's labels name, or else the last two; counted from the end."""
    lower = [label.lower() for label in labels]
    if "y" in lower and "x" in lower:
        return lower.index("y") - len(lower), lower.index("x") - len(lower)
    return -2, -1


def _check_pixels(name: str, data: Any) -> None:
    shape, kind = tuple(data.shape), np.dtype(data.dtype).kind
    if len(shape) < 2:
        raise BadShape(f"'{name}' has the shape {shape}: a picture needs two axes, y and x.")
    if 0 in shape:
        raise BadShape(f"'{name}' has the shape {shape}: it holds no pixel.")
    if kind not in "uif":
        raise BadValue(f"'{name}' {_REFUSED.get(kind, f'has the type {data.dtype}: convert it to a number type')}.")


def _axis(axis: int, ndim: int, name: str) -> int:
    if not -ndim <= axis < ndim:
        raise BadShape(f"'{name}' has {ndim} axes, so there is no axis {axis}: choose its y and x axes again.")
    return axis % ndim
