"""The device copy of every model in the hands of ComfyUI's memory manager."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import comfy.model_management as mm
import torch
from comfy.model_patcher import ModelPatcher
from torch import nn

from ...memory import memory_text
from ...pipeline.model import LoadedModel
from .progress import watched

_PATCHERS: "WeakKeyDictionary[LoadedModel, Any]" = WeakKeyDictionary()


class LinfNetworks(nn.Module):
    """The networks of a model as one module: ComfyUI's log calls it by this name."""

    def __init__(self, model: LoadedModel):
        super().__init__()
        self.network = model.network
        self.prior = model.prior


def patcher_of(model: LoadedModel) -> Any:
    """ComfyUI's handle on a model; it lives as long as the model does."""
    if model not in _PATCHERS:
        rest = mm.unet_offload_device() if model.device != torch.device("cpu") else model.device
        _PATCHERS[model] = ModelPatcher(LinfNetworks(model).to(rest), load_device=model.device, offload_device=rest)
    return _PATCHERS[model]


@contextmanager
def loaded(models: Iterable[LoadedModel], memory_required: int) -> Iterator[None]:
    """Have the models on their devices, with room for the work, and every layer an interrupt point."""
    patchers = [patcher_of(m) for m in models]
    if patchers:
        mm.load_models_gpu(patchers, memory_required=memory_required, force_full_load=True)
    with ExitStack() as stack:
        for patcher in patchers:
            patcher.model.to(patcher.load_device)  # newer cores leave layers behind that are not their own
            stack.enter_context(watched(patcher.model, mm.throw_exception_if_processing_interrupted))
        yield


def held() -> list[str]:
    """A line for every model that is alive: bytes and where they lie now."""
    lines = []
    for model, patcher in list(_PATCHERS.items()):
        place, size = next(patcher.model.parameters()).device, memory_text(model.nbytes)
        lines.append(f"ComfyUI holds {model.name} {model.hash}: {size}, computes on {model.device}, now on {place}")
    return lines


def rest() -> None:
    """Send every model off its device, as ComfyUI's Unload Models does."""
    for patcher in list(_PATCHERS.values()):
        patcher.detach()
