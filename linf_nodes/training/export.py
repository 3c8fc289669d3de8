"""The running average of a training run, as weights that every host can load."""

from pathlib import Path
from typing import Any

import torch

from ..models.checkpoint import Weights, write_weights
from ..models.spec import Spec
from .checkpoint import load_state


def export(state: Path, out: Path, card: dict[str, Any]) -> Weights:
    """Write the averaged weights of a run's checkpoint; `card` gains the number of steps."""
    run = load_state(state, torch.device("cpu"))
    spec = Spec.of(run["spec"])
    weights = Weights(spec, dict(run["average"]), None, {}, {**card, "steps": run["step"]})
    write_weights(out, weights)
    return weights
