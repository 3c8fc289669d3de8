"""Stacks to enlarge, and models to do it with."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linf_nodes.models.checkpoint import Weights, write_weights
from linf_nodes.stacks.axes import Axes
from linf_nodes.stacks.volume import Settings, Volume

from . import tiny

Array = NDArray[Any]


def write_zero(path: Path) -> Path:
    """A model whose mean texture is zero, so that its enlargement is the bilinear one; its detail is not zero."""
    w = tiny.weights()
    last = [name for name in w.model_state if name.startswith("layers.")][-2:]
    state = {name: t.zero_() if name in last else t for name, t in w.model_state.items()}
    write_weights(path, Weights(w.model, state, None, {}, w.card))
    return path


def stack(*shape: int, dtype: Any = np.uint16, low: float = 200, high: float = 3900) -> Array:
    """Smooth noise between two values."""
    noise = np.random.default_rng(7).random(shape)
    smooth = sum((np.roll(noise, (i, j), (-2, -1)) for i in (0, 1) for j in (0, 1)), np.zeros(shape)) / 4
    found: Array = (low + (high - low) * smooth).astype(dtype)
    return found


def volume(source: Any, size: tuple[int, int], rgb: bool = False, **settings: Any) -> Volume:
    return Volume(source, Axes.of(source.shape, rgb), size, Settings(device="cpu", **settings))
