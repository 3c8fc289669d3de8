"""A random model of a few thousand weights, and small pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from linf_nodes.models.checkpoint import Weights, write_weights
from linf_nodes.models.registry import build_network, build_prior
from linf_nodes.models.spec import Spec

LINF = Spec(
    "linf-patch",
    {
        "encoder_spec": {"name": "edsr-baseline", "args": {"n_resblocks": 1, "n_feats": 8}},
        "flow_layers": 2,
        "num_layer": 2,
        "hidden_dim": 16,
        "patch_size": 3,
    },
)
PRIOR = Spec("unet", {"in_chans": 27, "depth": 1, "dim": 8})
CARD = {"name": "tiny", "licence": "CC0-1.0", "temperature": {"2": 0.25, "4": 0.75}}


def weights(prior: bool = False) -> Weights:
    torch.manual_seed(0)
    linf = dict(build_network(LINF).state_dict())
    return Weights(LINF, linf, PRIOR if prior else None, dict(build_prior(PRIOR).state_dict()) if prior else {}, CARD)


def write_models(folder: Path) -> None:
    """`tiny`, and `learned` with a prior."""
    write_weights(folder / "tiny.safetensors", weights())
    write_weights(folder / "learned.safetensors", weights(prior=True))


def samples(h: int = 9, w: int = 7, c: int = 3, dtype: Any = np.uint8) -> NDArray[Any]:
    array = (np.random.default_rng(0).random((h, w, c)) * np.iinfo(dtype).max).astype(dtype)
    return array[..., 0] if c == 1 else array


def write_png(path: Path, h: int = 9, w: int = 7, c: int = 3, **options: Any) -> Path:
    Image.fromarray(samples(h, w, c)).save(path, **options)
    return path
