"""Where presets lie in ComfyUI's user folder, and what they are called."""

from pathlib import Path

import folder_paths

from ...errors import BadWorkflow
from ...workflow import find_preset, presets


def folder() -> Path:
    """Where presets outlive an update of the pack."""
    return Path(folder_paths.get_user_directory()) / "default" / "linf"


def names() -> list[str]:
    """The bundled presets, then the user's."""
    return list(presets(folder()))


def file_of(name: str) -> Path:
    """The file of a preset; a path is not a name. Raises `BadWorkflow` when there is none."""
    if name not in presets(folder()):
        raise BadWorkflow(f"There is no preset {name!r} (known: {', '.join(names()) or 'none'}): save it first.")
    return find_preset(name, folder())
