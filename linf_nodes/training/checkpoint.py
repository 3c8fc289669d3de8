"""The state of a run on disk: written whole or not at all, so that the last good one always survives."""

from pathlib import Path
from typing import Any

import torch

from ..atomic import atomic_write
from ..errors import BadValue, UnsupportedWeights

_NEEDED = ("spec", "model", "average", "optimizer", "step")


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write beside `path`, then rename over it.

    Raises
    ------
    BadValue
        When the folder cannot be made or the disk is full; an older file at `path` stays as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            torch.save(state, file)
    except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError
        raise BadValue(
            f"The checkpoint '{path}' cannot be written ({error}); the last one is still there: free some space, and "
            "go on with --resume."
        ) from error


def on_cpu(state: Any) -> Any:
    """The same state in the CPU's memory, so that a device that is lost meanwhile is not taken for a full disk."""
    if isinstance(state, dict):
        return {key: on_cpu(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(map(on_cpu, state))
    return state.to("cpu") if isinstance(state, torch.Tensor) else state


def load_state(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a state; only tensors and plain values are accepted.

    Raises
    ------
    UnsupportedWeights
        When the file is damaged, or no state of a run.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise UnsupportedWeights(
            f"The checkpoint '{path}' cannot be read ({error}): delete it, and start anew."
        ) from error
    if not isinstance(state, dict) or any(key not in state for key in _NEEDED):
        raise UnsupportedWeights(f"'{path}' is no checkpoint of a training run: delete it, and start anew.")
    return dict(state)
