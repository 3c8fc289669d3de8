"""Gradients that are no numbers: found before what follows them is kept."""

import math
from pathlib import Path

import torch
from torch import Tensor

from ..errors import LinfError
from .loss import Terms


class Watch:
    """The norms of steps that nobody has looked at yet: a look waits until the device has done its work."""

    def __init__(self, path: Path):
        self.path = path
        self._unseen: list[tuple[int, Terms, Tensor]] = []

    def note(self, step: int, terms: Terms, norm: Tensor) -> None:
        """Remember a step's loss terms and the norm of its gradient."""
        self._unseen.append((step, {name: term.detach() for name, term in terms.items()}, norm))

    def forget(self) -> None:
        """Start anew."""
        self._unseen.clear()

    def look(self) -> None:
        """Raise LinfError when a gradient since the last look was no number; what followed it is of no use."""
        norms = torch.stack([norm for *_, norm in self._unseen]).tolist() if self._unseen else []
        for (step, terms, _), norm in zip(self._unseen, norms, strict=True):
            if not math.isfinite(norm):
                found = ", ".join(f"{name} {float(term):.4g}" for name, term in terms.items())
                raise LinfError(
                    f"The gradient at step {step} is {norm} ({found}); the last checkpoint is '{self.path}' of before: "
                    "lower 'lr' or 'clip', and go on with --resume."
                )
        self.forget()
