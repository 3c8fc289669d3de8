"""Weights in memory: descriptions, tensors and card of a model and its latent module, and the name of their values."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..errors import UnsupportedWeights, quoted
from .registry import ENCODERS, NETWORKS, PRIORS
from .spec import Spec

_LONGEST_NAME = 200


@dataclass(frozen=True)
class Weights:
    """What a weights file holds. Either network may be absent: a latent module often comes in a file of its own.

    Tensors that were read from a file are on the CPU, real numbers in float32, and share no memory with the file.
    """

    model: Spec | None
    model_state: dict[str, Tensor]
    prior: Spec | None
    prior_state: dict[str, Tensor]
    card: dict[str, Any] = field(default_factory=dict)


def own_copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU, real numbers in float32.

    Raises
    ------
    UnsupportedWeights
        When a name is no short printable text, or a tensor no dense array of real numbers or integers.
    """
    for name, tensor in tensors.items():
        if not (isinstance(name, str) and name.isprintable() and len(name) <= _LONGEST_NAME and _is_plain(tensor)):
            raise UnsupportedWeights(f"The entry {quoted(name)} is no named array of real numbers or integers.")
    return {name: _plain(t).to(copy=True, memory_format=torch.contiguous_format) for name, t in tensors.items()}


def weights_hash(weights: Weights) -> str:
    """Sixteen hex digits that name the values, whatever file they came from.

    They cover names, types, shapes and values of the tensors, in float32, and the arguments that change the result and
    that no tensor shows: the scale of the residual blocks, and the model's `Entry.unseen`.
    """
    digest = hashlib.sha256()
    for part, spec, state in (
        ("linf", weights.model, weights.model_state),  # its name in files
        ("prior", weights.prior, weights.prior_state),
    ):
        digest.update(f"{part} {_res_scale(spec)}\n".encode())
        if spec is not None and spec.name in NETWORKS:
            for words in NETWORKS[spec.name].unseen_words(spec.args):
                digest.update(f"{words}\n".encode())
        for name in sorted(state):
            plain = _plain(state[name]).contiguous()
            digest.update(f"{name} {plain.dtype} {list(plain.shape)}\n".encode())
            digest.update(plain.view(-1).numpy().data)
    return digest.hexdigest()[:16]


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float32 if tensor.is_floating_point() else tensor.dtype)


def _is_plain(tensor: Tensor) -> bool:
    strange = tensor.is_nested or tensor.is_quantized or tensor.is_complex() or tensor.is_meta
    return tensor.layout == torch.strided and not strange


def _res_scale(spec: Spec | None) -> float:
    if spec is None:
        return 1.0
    inner = spec.args.get("encoder_spec")
    net = Spec.of(inner) if isinstance(inner, Mapping) else spec
    entry = {**ENCODERS, **PRIORS}.get(net.name)
    value = net.args.get("res_scale", entry.defaults.get("res_scale", 1.0) if entry else 1.0)
    if not isinstance(value, int | float):
        raise UnsupportedWeights(f"Model {net.name!r} has the res_scale {quoted(value)}; it must be a number.")
    return float(value)
