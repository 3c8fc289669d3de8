"""What the user chose on the plugin's page in napari's preferences."""

from dataclasses import dataclass, fields
from typing import Any

PLUGIN = "linf-nodes"  # the distribution's name, under which napari files everything
PAGE = "inference"
GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Preferences:
    """Values that fields begin with; the names are those on the preferences page.

    `cache` is the size in GiB above which the model that was not used for longest is forgotten.
    """

    device: str = "auto"
    precision: str = "auto"
    cache: float = 4.0
    tile: int = 0


def preferences() -> Preferences:
    """What the page says now; the defaults where napari has no such page."""
    return Preferences(**_stored())


def in_force() -> Preferences:
    """What the page says now, applied to the model store: call it before a model is loaded."""
    from ...pipeline.store import STORE  # late, as torch is slow to import and opening a widget should not wait

    found = preferences()
    STORE.configure(budget=int(found.cache * GIGABYTE))
    return found


def page() -> dict[str, Any]:
    """The page, as the manifest's `configurations` describe it."""
    return {PAGE: {"title": "Inference", "properties": {f.name: _property(f.name) for f in fields(Preferences)}}}


def _stored() -> dict[str, Any]:
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # before napari 0.9
        return {}
    try:
        group = getattr(get_plugin_settings(PLUGIN), PAGE)
    except (KeyError, AttributeError):  # the plugin is switched off, or was registered by hand
        return {}
    return {f.name: getattr(group, f.name) for f in fields(Preferences)}


def _property(name: str) -> dict[str, Any]:
    return {**_PROPERTIES[name], "default": getattr(Preferences(), name)}


_PROPERTIES: dict[str, dict[str, Any]] = {
    "device": {
        "title": "Device",
        "type": "string",
        "description": "auto, cpu, cuda, cuda:1 or mps; auto takes a GPU where there is one.",
    },
    "precision": {
        "title": "Precision",
        "type": "string",
        "enum": ["auto", "float32", "bfloat16", "float16"],
        "description": "Of the encoder and the MLP; auto: half precision on a GPU only.",
    },
    "cache": {
        "title": "Cache size (GiB)",
        "type": "number",
        "minimum": 0.0,
        "maximum": 1024.0,
        "description": "Of loaded models; beyond it the one that was not used for longest is forgotten.",
    },
    "tile": {
        "title": "Tile",
        "type": "integer",
        "minimum": 0,
        "maximum": 8192,
        "description": "Side of the tiles in source pixels; 0 chooses. Pictures do not depend on it.",
    },
}
