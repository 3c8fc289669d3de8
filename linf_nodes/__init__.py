"""Arbitrary-scale super-resolution with local implicit normalizing flows (LINF, LINF-LP).

Every node of the catalogue is a plain function here; names are imported when they are first used, so that importing
the package costs nothing.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "LinfError": "errors",
    "Picture": "pictures",
    "compose": "catalogue.chain",
    "encode_lr": "catalogue.chain",
    "encode_reference": "catalogue.chain",
    "flow_inverse": "catalogue.chain",
    "learned_prior": "catalogue.chain",
    "load_model": "catalogue.loading",
    "model_cache": "catalogue.loading",
    "read_picture": "pictures",
    "sample_latent": "catalogue.chain",
    "uncertainty": "catalogue.chain",
    "upscale": "catalogue.oneclick",
    "write_picture": "pictures",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
