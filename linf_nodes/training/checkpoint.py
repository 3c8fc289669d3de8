"""The state of a run on disk: written whole or not at all, so that the last good one always survives."""

import os
from pathlib import Path
from typing import Any

import torch

from ..errors import UnsupportedWeights


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write beside `path`, then rename over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_state(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a state; only tensors and plain values are accepted."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise UnsupportedWeights(f"The checkpoint {path} cannot be read ({error}); delete it to start anew.") from error
    return dict(state)
