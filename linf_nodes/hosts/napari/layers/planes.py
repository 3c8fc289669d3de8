"""A layer's planes as the pictures that nodes take, and results as layers that lie where they belong."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....catalogue.tensors import Levels
from ....errors import BadShape
from ....stacks.axes import Array, Axes, Index
from ....stacks.checked_source import checked
from ....stacks.levels import fetched, full_range, levels_of
from .computation import axes_of
from .placement import Place, looks, transform
from .source import Source, default_axes, source_of

LayerData = tuple[Any, dict[str, Any], str]


@dataclass(frozen=True, eq=False)
class Stack:
    """An image layer seen as pictures; `levels` are the intensities that 0 and 1 stand for, a pair for each channel."""

    source: Source
    levels: tuple[Levels, ...]

    @classmethod
    def of(cls, layer: Any, levels: tuple[Levels, ...] | None = None) -> "Stack":
        """A layer with its own levels, or with those of the layer that it goes together with.

        Raises
        ------
        BadValue, BadShape
            When the layer is no image, or its pixels are no intensities.
        """
        source = source_of(layer, *default_axes(tuple(str(label) for label in layer.axis_labels)))
        found = cls(source, levels or ())
        channels = found.axes.channels(source.data.shape)
        if levels:
            return found if len(levels) == channels else replace(found, levels=levels[:1] * channels)
        return replace(found, levels=tuple(levels_of(found.pixels, found.axes, c) for c in range(channels)))

    @cached_property
    def pixels(self) -> Any:
        """The layer's array, which raises where it would read zeros of a Zarr that is gone."""
        return checked(self.source.data)

    @cached_property
    def axes(self) -> Axes:
        return axes_of(self.source)

    @cached_property
    def planes(self) -> tuple[Index, ...]:
        """Indices of the planes, in the order of their numbers."""
        return tuple(self.axes.planes(self.source.data.shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """In this machine's byte order."""
        dtype: np.dtype[Any] = np.dtype(self.source.data.dtype).newbyteorder("=")
        return dtype

    def levels_at(self, plane: int) -> Levels:
        """Those of the channel that a plane, or the only one, is of."""
        return self.levels[self.axes.channel_of(self.planes[plane if len(self.planes) > 1 else 0])]

    def image(self, plane: int, levels: Levels | None = None) -> Tensor:
        """Plane number `plane`, or the only one, as `[1, c, h, w]` float32; an alpha is the last channel.

        `levels` are those of the picture that it goes together with; None: its own.

        Raises
        ------
        BadShape
            When there is no such plane.
        """
        if plane >= len(self.planes) > 1:
            name = self.source.name
            raise BadShape(f"'{name}' has {len(self.planes)} planes and the other layer more: use layers of one shape.")
        index = self.planes[plane if len(self.planes) > 1 else 0]
        window = fetched(self.pixels[self.axes.where(index, slice(None), slice(None))])
        samples = self.axes.to_planes(window)
        colours = _colours(samples)
        levels = levels or self.levels_at(plane)
        parts = [levels.normal(samples[:colours]), full_range(self.dtype).normal(samples[colours:])]
        return torch.from_numpy(np.concatenate(parts).astype(np.float32, copy=False))[None]

    def restored(self, picture: Tensor, plane: int, deviation: bool = False) -> Array:
        """A result `[c, h, w]` of plane number `plane` in the layer's intensities and type.

        A deviation is float32 and has no offset.
        """
        values = picture.cpu().numpy()
        colours = _colours(values)
        if deviation:
            return self._deviation(values, plane)
        levels = (self.levels_at(plane), full_range(self.dtype))
        parts = (values[:colours], values[colours:])
        return np.concatenate([own.samples(part, self.dtype) for own, part in zip(levels, parts, strict=True)])

    def _deviation(self, values: Array, plane: int) -> Array:
        """Grey, `[1, h, w]` float32: of colours the root of the mean square, as napari shows no colours beyond 1."""
        spread = np.sqrt(np.square(values[:3], dtype=np.float64).mean(0, keepdims=True))
        levels = self.levels_at(plane)
        values = spread * (levels.high - levels.low)
        return np.asarray(values, np.float32)

    def empty(self, picture: Array) -> Array:
        """Room for a result of every plane, the first of which is `picture [c, h, w]`, grey or as the layer is."""
        source = self.source
        if len(picture) not in (1, source.data.shape[source.ndim] if source.rgb else 1):
            raise BadShape(f"The result has {len(picture)} channels, unlike '{source.name}': give it a like picture.")
        axes = self._axes(picture)
        shape = axes.enlarged(source.data.shape[: axes.ndim], (picture.shape[1], picture.shape[2]))
        return np.empty(shape, picture.dtype)

    def _axes(self, picture: Array) -> Axes:
        return self.axes if len(picture) > 1 else Axes(self.source.ndim, self.source.y, self.source.x)

    def put(self, room: Array, plane: int, picture: Array) -> None:
        """Write plane number `plane`."""
        axes = self._axes(picture)
        room[axes.where(self.planes[plane], slice(None), slice(None))] = axes.from_planes(picture)

    def layer_data(self, room: Array, title: str, recipe: dict[str, Any], covers: bool = True) -> LayerData:
        """A result as a layer.

        Parameters
        ----------
        room
            Every plane, as `empty` made it.
        title
            What was done, for the name.
        recipe
            How it was made, for `metadata["linf"]`.
        covers
            Whether the result shows what the source shows, so that both lie on each other, or has the source's pixels
            and another extent.
        """
        source = self.source
        axes = (source.y, source.x)
        ratio = (source.data.shape[axes[0]] / room.shape[axes[0]], source.data.shape[axes[1]] / room.shape[axes[1]])
        place = Place.of(source.ndim, axes, ratio if covers else (1.0, 1.0))
        options = {**looks(source.layer), **transform(source.layer, place)}
        options |= {"name": f"{source.name} [{title}]", "metadata": {"linf": {**recipe, "source": source.name}}}
        return room, options, "image"


def mask_of(layer: Any) -> Tensor:
    """A Labels layer, painted or not, or an image of 0 to white, as masks `[planes, h, w]` in [0, 1]."""
    from napari.layers import Labels

    data = layer.data[0] if layer.multiscale else layer.data
    if len(data.shape) < 2:
        raise BadShape(f"The mask '{layer.name}' has the shape {tuple(data.shape)}: give two axes, y and x, at least.")
    planes = fetched(checked(data)[...]).reshape(-1, *data.shape[-2:])
    if isinstance(layer, Labels) or planes.dtype.kind == "b":
        return torch.from_numpy((planes != 0).astype(np.float32))
    return torch.from_numpy(full_range(planes.dtype).normal(planes).astype(np.float32))


def deviation_looks(room: Array) -> dict[str, Any]:
    """Options of a layer of deviations: limits and colours of its own, from 0 to nearly its largest value."""
    high = float(np.percentile(room[..., :: 1 + room.shape[-1] // 512], 99.8))
    return {
        "rgb": False,
        "colormap": "magma",
        "contrast_limits": [0.0, high or 1.0],
        "blending": "translucent",
        "gamma": 1.0,
    }


def _colours(samples: Array) -> int:
    return 3 if len(samples) > 2 else 1
