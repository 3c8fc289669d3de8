"""Which detail each model gives of itself: told to the browser, which greys what a run does not use."""

from functools import lru_cache
from pathlib import Path

from ...pipeline.detail import Kind, stated_kind
from ...pipeline.store import available_models
from . import names

KEY = "linf_details"  # in the description of the Load node's model, where web/linf.js looks


def details() -> dict[str, Kind]:
    """Kinds by the models' names, of those whose file says it in its header; each is read once."""
    found = {name: _kind(names.version(file)) for name, file in available_models().items() if file.is_file()}
    return {name: kind for name, kind in found.items() if kind is not None}


@lru_cache(1024)
def _kind(version: tuple[str, int, int]) -> Kind | None:
    return stated_kind(Path(version[0]))
