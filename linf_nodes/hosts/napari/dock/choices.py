"""What the catalogue says to the widget: help, models, devices. It loads torch, so a thread fetches it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """Help by the name of an input; names of the models, of those that have a learned prior, of the devices
    and precisions that are here.
    """

    tips: Mapping[str, str]
    models: tuple[str, ...]
    learned: tuple[str, ...]
    devices: tuple[str, ...]
    precisions: tuple[str, ...]


def facts() -> Facts:
    """Read the catalogue; takes seconds the first time in a process, as torch is loaded."""
    from ....catalogue import NODES
    from ....models.checkpoint import stated
    from ....pipeline.store import available_models

    inputs = {i.name: i for i in (*NODES["LINFUpscale"].inputs, *NODES["LINFLoadModel"].inputs)}
    return Facts(
        {name: str(i.options.get("tooltip", "")) for name, i in inputs.items()},
        tuple(inputs["model"].choices()),
        tuple(name for name, path in available_models().items() if stated(path)[1]),
        ("auto", "cpu", *_accelerators()),
        tuple(inputs["precision"].choices()),
    )


def calibration_text(model: str, prior: str, device: str, precision: str) -> str:
    """Whether a model's uncertainty was measured against real pictures, as its card says; loads the model."""
    from ....catalogue.loading import load_model

    card = load_model(model, prior, device, precision).card
    known = card.get("calibration")
    if isinstance(known, Mapping) and known:
        return f"Calibrated: {model}'s card has factors for scales {', '.join(map(str, known))}."
    return f"Uncalibrated: {model}'s card holds no factors, so these are the model's own deviations."


def _accelerators() -> tuple[str, ...]:
    import torch

    found = tuple(f"cuda:{i}" for i in range(torch.cuda.device_count()))
    return (*found, "mps") if torch.backends.mps.is_available() else found
