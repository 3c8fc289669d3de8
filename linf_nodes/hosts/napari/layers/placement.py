"""Where an enlarged layer lies: exactly on its source in world space, and looking like it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """The pixel grid of a result, in its source's pixels; one entry per axis of the layer, the colour axis left out.

    `ratio` is the source pixels that one result pixel covers, from true sizes; `start` the index that the result's
    first pixel has within the whole enlarged picture. Pixel i's centre is at `(start + i + 1/2) * ratio - 1/2`.
    """

    ratio: tuple[float, ...]
    start: tuple[float, ...]

    @classmethod
    def of(
        cls, ndim: int, axes: tuple[int, int], ratio: tuple[float, float], start: tuple[int, ...] | None = None
    ) -> "Place":
        """A grid that differs from its source's along `axes` (y, x) alone."""
        every = [1.0] * ndim
        for axis, value in zip(axes, ratio, strict=True):
            every[axis] = value
        return cls(tuple(every), tuple(float(s) for s in start or (0,) * ndim))

    @property
    def origin(self) -> Matrix:
        """The first pixel's centre, in source pixels."""
        return (np.array(self.start) + 0.5) * self.ratio - 0.5


def transform(layer: Any, place: Place) -> dict[str, Any]:
    """Options for `add_image` that put a result where it belongs: the half-pixel term is in `translate`."""
    linear = linear_matrix(layer.scale, layer.rotate, layer.shear)
    return {
        "scale": np.asarray(layer.scale) * place.ratio,
        "translate": np.asarray(layer.translate) + linear @ place.origin,
        "rotate": np.array(layer.rotate),
        "shear": np.array(layer.shear),
        "affine": np.array(layer.affine.affine_matrix),
        "units": tuple(layer.units),
        "axis_labels": tuple(layer.axis_labels),
    }


def looks(layer: Any) -> dict[str, Any]:
    """Options for `add_image` that make a result look like its source.

    The limits are copied because napari would choose the new data's own range, and the layers would look different;
    `rgb` because napari guesses it from the size.
    """
    same = {
        "gamma": layer.gamma,
        "blending": str(layer.blending),
        "opacity": layer.opacity,
        "interpolation2d": str(layer.interpolation2d),
        "rgb": bool(layer.rgb),
    }
    if layer.rgb:
        return same
    return same | {"contrast_limits": list(layer.contrast_limits), "colormap": layer.colormap}


def linear_matrix(scale: Any, rotate: Any, shear: Any) -> Matrix:
    """What a layer does to its data's directions, `[n, n]`: rotate after shear after scale."""
    return np.asarray(rotate, np.float64) @ shear_matrix(shear, len(scale)) @ np.diag(np.asarray(scale, np.float64))


def shear_matrix(shear: Any, ndim: int) -> Matrix:
    """A shear `[n, n]`, from itself or from the values above its diagonal."""
    values = np.asarray(shear, np.float64)
    if values.ndim == 2:
        return values
    matrix = np.eye(ndim)
    matrix[np.triu_indices(ndim, 1)] = values
    return matrix


def corners(layer: Any, shape: tuple[int, ...]) -> tuple[Matrix, Matrix]:
    """World coordinates of the outer corners of the first and the last pixel."""
    low = np.full(len(shape), -0.5)
    high = np.asarray(shape, np.float64) - 0.5
    return np.asarray(layer.data_to_world(low)), np.asarray(layer.data_to_world(high))
