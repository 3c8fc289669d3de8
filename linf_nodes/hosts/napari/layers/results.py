"""Results into layers: in the window's thread only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .computation import Result
from .request import DEVIATION


def show(viewer: Any, result: Result) -> Any:
    """Add a result as a layer exactly over its source; returns the layer."""
    data = result.levels if len(result.levels) > 1 else result.levels[0]
    options = {**result.request.looks, **result.request.placed}
    if result.part.output == DEVIATION:
        options |= deviation_looks(result)
    with selection_kept(viewer):
        return viewer.add_image(
            data,
            name=result.request.name(result.part),
            multiscale=len(result.levels) > 1,
            metadata={"linf": result.recipe},
            **options,
        )


@contextmanager
def selection_kept(viewer: Any) -> Iterator[None]:
    """napari selects what is added; the next run is of the source again."""
    chosen = list(viewer.layers.selection)
    yield
    left = [layer for layer in chosen if layer in viewer.layers]
    if left:
        viewer.layers.selection.active = left[0]  # alone, so that napari forgets the new one
        viewer.layers.selection.update(left)


def deviation_looks(result: Result) -> dict[str, Any]:
    """A deviation has a colour map and limits of its own: from 0 to nearly its largest value."""
    values = np.asarray(result.levels[-1])
    high = float(np.percentile(values[..., :: 1 + values.shape[-1] // 512], 99.8)) if values.size else 1.0
    if result.request.source.rgb:
        return {}
    return {"colormap": "magma", "contrast_limits": [0.0, high or 1.0], "blending": "translucent", "gamma": 1.0}
