"""Half precision that overflows: the node is run again in float32."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ...pipeline.composition import Texture
from ...pipeline.features import Features
from ...pipeline.latent import ArrayLatent
from ...pipeline.model import LoadedModel
from ...pipeline.store import STORE

_ORIGINS: "WeakKeyDictionary[LoadedModel, tuple[str, str]]" = WeakKeyDictionary()


def remember(model: LoadedModel, file: str, prior: str) -> None:
    """Note which files a model came from, to find it again in another precision."""
    _ORIGINS[model] = file, prior


def overflowed(results: Iterable[Any]) -> bool:
    """Whether any number in the results of a node is not finite: their sum shows it without a copy."""
    return any(not bool(t.sum(dtype=torch.float32).isfinite()) for value in results for t in _tensors(value))


def is_half(model: LoadedModel | None) -> bool:
    """Whether a model computes in half precision, and can be had in float32 too."""
    return model is not None and model.dtype != torch.float32 and model in _ORIGINS


def in_float32(values: Mapping[str, Any]) -> dict[str, Any]:
    """A node's values with its half-precision models in float32."""
    models = {m for m in map(_model, values.values()) if m is not None and is_half(m)}
    twins = {m: STORE.get(*_ORIGINS[m], m.device, torch.float32) for m in models}
    return {name: _exchanged(value, twins) for name, value in values.items()}


def _model(value: Any) -> LoadedModel | None:
    found = value.model if isinstance(value, Features) else value
    return found if isinstance(found, LoadedModel) else None


def _exchanged(value: Any, twins: Mapping[LoadedModel, LoadedModel]) -> Any:
    model = _model(value)
    twin = None if model is None else twins.get(model)
    if twin is None:
        return value
    if not isinstance(value, Features):
        return twin
    return replace(value, model=twin, maps=None if overflowed([value]) else value.maps)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Features):
        return [] if value.maps is None else [value.maps]
    if isinstance(value, Texture):
        return [value.mean, value.detail]
    if isinstance(value, ArrayLatent):
        return [value.z]
    return [value] if isinstance(value, Tensor) else []
