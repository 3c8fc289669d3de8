"""Torch checkpoints (.pth, .pt, .ckpt): read as tensors and plain values only, so that a file can run no code."""

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import UnsupportedWeights
from .latent_front import is_prior
from .registry import describe_network, describe_prior, foreign_family, recognises, unknown
from .spec import Spec
from .weights import Weights, own_copies

_AMPLIFICATION = 8
"""Tensors may be views of one another; views that add up to more than this many times the file are an attack."""


def read_pickled(path: Path) -> Weights:
    """Read `{"model": {name, args, sd}}`, `{"prior_model": {...}}`, or a bare state dict.

    The bare one may lie under "state_dict", and its names may begin with "module.".

    Raises
    ------
    UnsupportedWeights
        When the file is damaged, holds other objects than tensors and plain values, or another kind of model.
    """
    content = _load(path)
    if not isinstance(content, Mapping):
        raise UnsupportedWeights(f"It holds a {type(content).__name__}, not a checkpoint or a state dict.")
    room = _AMPLIFICATION * path.stat().st_size
    model, prior = _section(content, "model", room), _section(content, "prior_model", room)
    if model or prior:
        return Weights(*(model or (None, {})), *(prior or (None, {})))
    return from_bare(_state(content.get("state_dict", content), room))


def from_bare(state: dict[str, Tensor]) -> Weights:
    """Weights of a state dict without description: of a model, or of a latent module."""
    state = _unwrapped(state)
    if recognises(state):
        return Weights(describe_network(state), state, None, {})
    if is_prior(state):
        return Weights(None, {}, describe_prior(state), state)
    raise unknown(state)


def _section(content: Mapping[Any, Any], key: str, room: int) -> tuple[Spec, dict[str, Tensor]] | None:
    section = content.get(key)
    if not isinstance(section, Mapping) or "sd" not in section:
        return None
    state = _unwrapped(_state(section["sd"], room))
    if foreign_family(state):
        raise unknown(state)
    return Spec.of(section), state


def _state(found: Any, room: int) -> dict[str, Tensor]:
    """A state dict's tensors, checked and copied."""
    if not isinstance(found, Mapping) or not all(isinstance(t, Tensor) for t in found.values()):
        keys = ", ".join(str(k)[:40] for k in list(found)[:6]) if isinstance(found, Mapping) else type(found).__name__
        raise UnsupportedWeights(f"It holds no state dict (found: {keys}); save a plain `model.state_dict()`.")
    if sum(t.numel() * t.element_size() for t in found.values()) > room:
        raise UnsupportedWeights("Its tensors claim far more values than the file holds.")
    return own_copies(found)


def _unwrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the prefix that DataParallel puts before every name."""
    wrapped = all(name.startswith("module.") for name in state)
    return {name.removeprefix("module."): tensor for name, tensor in state.items()} if wrapped else state


def _load(path: Path) -> Any:
    mapped = _is_archive(path)
    try:
        with warnings.catch_warnings():  # torch warns of pickle protocols and script archives; we refuse or read them
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:
        # torch's own advice is to read the file unsafely: it is not passed on.
        raise UnsupportedWeights(_reason(error)) from None


def _is_archive(path: Path) -> bool:
    """Whether this is torch's zip format, which can be mapped into memory; torch never compresses in it."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            packed = any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist())
    except Exception as error:  # zipfile raises half a dozen kinds
        raise UnsupportedWeights(f"It is damaged or cut short ({error}); copy or download it again.") from error
    if packed:
        raise UnsupportedWeights("It is a compressed archive, which torch never writes; unpack the checkpoint first.")
    return True


def _reason(error: Exception) -> str:
    text = str(error)
    way_out = "convert it to safetensors where it was made"
    if found := re.search(r"GLOBAL (\S+)", text):
        return f"It is refused because it names the Python object {found[1]}, which could run code; {way_out}."
    if "TorchScript" in text:
        return f"It is a TorchScript program, not weights; {way_out}."
    if isinstance(error, pickle.UnpicklingError):
        return f"It is refused because it holds more than tensors and plain values; {way_out}."
    return (
        f"It is damaged or cut short ({text.splitlines()[0][:120] if text else type(error).__name__}); copy it again."
    )
