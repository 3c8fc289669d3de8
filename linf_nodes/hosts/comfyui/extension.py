"""What ComfyUI loads: `comfy_entrypoint`, and the folder of help pages. Importing it registers the models folder."""

from pathlib import Path
from typing import Any

import comfy.model_management as mm
from comfy_api.latest import ComfyExtension

from ... import errors
from ...pipeline.store import STORE
from . import accounting, folders, samples
from .adapter import make_node
from .host_nodes import every_node

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]

_PACKAGE = Path(__file__).resolve().parents[2]
WEB_DIRECTORY = str(next((f for f in (_PACKAGE / "web", _PACKAGE.parent / "web") if f.is_dir()), _PACKAGE / "web"))

# ComfyUI imports a clone under its path, and shows an error with the name of its module: without this, the path.
for _error in (errors.LinfError, *errors.LinfError.__subclasses__()):
    _error.__module__ = "linf_nodes.errors"

folders.register()
accounting.register()
samples.offer()
STORE.configure(rest=mm.unet_offload_device())


class LinfExtension(ComfyExtension):  # type: ignore[misc]  # ComfyUI has no types to check against
    """The catalogue's nodes and those that only ComfyUI has."""

    async def get_node_list(self) -> list[type[Any]]:
        return [make_node(node) for node in every_node()]


async def comfy_entrypoint() -> LinfExtension:
    """Called once by ComfyUI."""
    return LinfExtension()
