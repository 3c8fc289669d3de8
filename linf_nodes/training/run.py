"""The training loop: Adam, cosine schedule, running average of the weights, exact resume."""

import copy
import csv
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BadValue, Cancelled, LinfError
from ..models.linf import LINF
from ..models.spec import Spec, build_linf
from .batch import Sampler
from .checkpoint import load_state, save_state
from .loss import losses
from .pack import load_pack
from .recipe import Recipe

Progress = Callable[[int, int, str], None]


class Run:
    """One training run of a recipe on one device. `train()` goes on from the last checkpoint, if there is one."""

    def __init__(self, recipe: Recipe, device: torch.device, init: dict[str, Tensor] | None = None):
        self.recipe, self.device = recipe, device
        torch.manual_seed(recipe.seed)
        self.model = build_linf(Spec.of(recipe.model)).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if init is not None:
            self.model.load_state_dict(init)
        self.average: LINF = copy.deepcopy(self.model).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.model.parameters(), recipe.lr, betas=(0.9, 0.99), fused=True)
        self.step = 0
        self.path = recipe.folder() / "state.pt"

    def resume(self) -> bool:
        """Load the last checkpoint; False when there is none."""
        if not self.path.exists():
            return False
        state = load_state(self.path, self.device)
        if state["spec"] != Spec.of(self.recipe.model).entry():
            raise BadValue(
                f"{self.path} holds another architecture than the recipe: choose another 'out' or delete it."
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        state: dict[str, Any] = {
            "spec": Spec.of(self.recipe.model).entry(),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        save_state(self.path, state)

    def rate(self, step: int) -> float:
        """Learning rate at `step`: linear warm-up, then a cosine to zero."""
        if step < self.recipe.warmup:
            return self.recipe.lr * (step + 1) / self.recipe.warmup
        done = (step - self.recipe.warmup) / max(1, self.recipe.steps - self.recipe.warmup)
        return self.recipe.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def train(self, progress: Progress | None = None) -> None:
        """Run to the recipe's last step. Ctrl-C or `Cancelled` from `progress` writes a checkpoint first."""
        recipe = self.recipe
        pack = load_pack(recipe.folders(), int(recipe.crop * recipe.scales[1]), self.device)
        sampler = Sampler(
            pack, recipe.seed, recipe.batch, recipe.crop, recipe.queries, self.model.patch_size, recipe.scales
        )
        self.model.train()
        try:
            while self.step < recipe.steps:
                self._advance(sampler, progress)
        except (KeyboardInterrupt, Cancelled):
            self.save()
            raise
        self.save()

    def _advance(self, sampler: Sampler, progress: Progress | None) -> None:
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.step)
        terms = losses(self.model, sampler(self.step), torch.bfloat16 if recipe.bfloat16 else None)
        loss = recipe.l1 * terms.l1 + recipe.nll * terms.nll
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
        if not math.isfinite(float(norm)):
            raise LinfError(
                f"The gradient at step {self.step} is {float(norm)} (l1 {float(terms.l1):.4g}, "
                f"nll {float(terms.nll):.4g}): lower 'lr', and resume from {self.path}."
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._follow()
        if self.step % 50 == 0:
            self._log(float(terms.l1.detach()), float(terms.nll.detach()), float(norm))
        if self.step % recipe.save_every == 0:
            self.save()
        if progress is not None:
            progress(self.step, recipe.steps, f"l1 {float(terms.l1.detach()):.4f}  nll {float(terms.nll.detach()):.2f}")

    @torch.no_grad()
    def _follow(self) -> None:
        keep = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)

    def _log(self, l1: float, nll: float, norm: float) -> None:
        path = self.recipe.folder() / "log.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["time", "step", "lr", "l1", "nll", "grad_norm"])
            writer.writerow([int(time.time()), self.step, f"{self.rate(self.step):.3e}", l1, nll, norm])
