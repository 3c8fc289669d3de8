"""The training loop: Adam, running average of the weights, checkpoints, exact resume."""

import math
from collections.abc import Callable
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import torch

from ..errors import BadValue, Cancelled, LinfError
from ..models.checkpoint import Weights, write_weights
from ..models.spec import Spec
from ..pipeline.device import is_lost
from .average import Average, settle
from .checkpoint import load_state, on_cpu, save_state
from .clock import Clock
from .compiling import compile_chains, wanted
from .flat import clipped
from .interrupt import Interrupt
from .log import Log
from .optimizer import groups, joined
from .picture_set import PictureSet, load_picture_set
from .precision import choose_precision, precision_name
from .prefetch import Prefetch
from .preview import fixed_crops, write_preview
from .recipe import Recipe
from .schedule import learning_rate
from .task import begun_with, make_task, term_weights
from .watch import Watch

Progress = Callable[[int, int, str], None]

LOG_EVERY = 50
SAVE_SECONDS = 300.0  # of training between two checkpoints at most


class Run:
    """One training run of a recipe on one device.

    Parameters
    ----------
    recipe, device
        What to train, and where.
    init
        Weights that go before the recipe's own `init`.
    """

    def __init__(self, recipe: Recipe, device: torch.device, init: Weights | None = None):
        self.recipe, self.device = recipe, device
        self.begun_with = begun_with(recipe, init)
        self.task = make_task(recipe, device, self.begun_with)
        self.model = self.task.net
        names, shares = groups(recipe, self.model)
        self.mean = Average(self.model, names)
        self.average, self.flats = self.mean.net, self.mean.flats
        if wanted(recipe.compile, device):
            compile_chains(self.model)
        moved = [{"params": [flat.value], "share": share} for flat, share in zip(self.flats, shares, strict=True)]
        self.optimizer = torch.optim.Adam(moved, recipe.lr, betas=(0.9, 0.99), fused=True)
        self.step = 0
        self.clock = Clock(recipe.steps, recipe.minutes)
        self.remark = ""
        """What was found out about this machine, in a sentence."""
        self.path = recipe.folder() / "state.pt"
        self.watch = Watch(self.path)
        self.log = Log(recipe.folder() / "log.csv")
        self.pictures = 0
        self.patient = device.type != "cpu"
        """Norms are looked at only when something is written: a look waits until the device has done its work."""
        self._said = ""
        self._saved: int | None = None
        self._precision = ""
        self._settled = False
        self._rate = 0.0

    def resume(self) -> bool:
        """Load the last checkpoint; False when there is none.

        Raises
        ------
        BadValue
            When it belongs to another architecture, or to a prior over another LINF.
        """
        if not self.path.exists():
            return False
        state = load_state(self.path, self.device)
        if Spec.of(state["spec"]) != self.task.spec:
            raise BadValue(
                f"'{self.path}' holds another architecture ({state['spec']}) than the recipe "
                f"({self.task.spec.entry()}): choose another 'out', or delete it."
            )
        if state.get("frozen", "") != self.task.frozen:
            raise BadValue(
                f"'{self.path}' was trained over the LINF {state.get('frozen') or 'none'}, not over "
                f"{self.task.frozen or 'none'}: give the weights that it began with, or choose another 'out'."
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(joined(state["optimizer"], self.flats))
        self.optimizer.zero_grad(set_to_none=True)
        self.watch.forget()
        self.step, self.pictures = state["step"], state.get("pictures", 0)
        self.clock.seconds = float(state.get("seconds", 0.0))
        self._saved = self.step
        if state.get("device") == self.device.type:  # where it was timed; elsewhere it is timed anew
            self._precision = state.get("precision", "")
        return True

    def save(self) -> None:
        """Write the checkpoint.

        Raises
        ------
        LinfError
            When a gradient since the last one was no number; the last one stays.
        """
        self.watch.look()
        state: dict[str, Any] = {
            "spec": self.task.spec.entry(),
            "frozen": self.task.frozen,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "pictures": self.pictures,
            "seconds": self.clock.seconds,
            "device": self.device.type,
            "precision": precision_name(self.task.autocast),
        }
        save_state(self.path, on_cpu(state))
        self._saved = self.step

    def pack(self) -> PictureSet:
        """The recipe's pictures."""
        r = self.recipe
        return load_picture_set(r.folders(), self.task.min_side, self.device, r.hold_out, r.planes)

    def finished(self, stop: int | None = None) -> bool:
        """Whether the recipe's steps or minutes are through, or step `stop` is reached."""
        return self.clock.done(self.step) >= 1 or (stop is not None and self.step >= stop)

    def prepare(self, pack: PictureSet) -> None:
        """Where the recipe leaves it open, take the faster precision, or the checkpoint's; `remark` says which."""
        if self.recipe.bfloat16 != "auto":
            return
        if self._precision:
            self.task.autocast = torch.bfloat16 if self._precision == "bfloat16" else None
            self.remark = f"goes on in {self._precision}"
        else:
            self.model.train()
            self.remark = choose_precision(self.task, self.task.sampler(pack)(self.step, 0.0), self.device)

    def train(
        self,
        progress: Progress | None = None,
        pack: PictureSet | None = None,
        stop: int | None = None,
        pause: float | None = None,
    ) -> None:
        """Go on to the recipe's end, to step `stop`, or for `pause` minutes, and write a checkpoint.

        Ctrl-C, or `Cancelled` raised by `progress`, ends the step, writes a checkpoint, and is raised.
        """
        if self.finished(stop):
            return
        pack = pack or self.pack()
        self.pictures = len(pack.pictures)
        self.log.forget(self.step)
        if not self.remark:
            self.prepare(pack)
        self.model.train()
        until = math.inf if pause is None else self.clock.seconds + 60 * pause
        try:
            self._loop(pack, lambda: self.finished(stop) or self.clock.seconds >= until, progress)
            self.save()
        except RuntimeError as error:
            if not is_lost(error, self.device):
                raise
            raise LinfError(self._lost(error)) from error

    def _loop(self, pack: PictureSet, finished: Callable[[], bool], progress: Progress | None) -> None:
        preview = fixed_crops(self.recipe, self.task, pack) if self.recipe.preview_every else None
        draw, ahead = self.task.sampler(pack), self.device.type != "cpu"
        saved = self.clock.seconds
        self.clock.start()
        with Interrupt() as interrupt, Prefetch(lambda k: draw(k, self.clock.done(k)), ahead) as batches:
            try:
                while not finished():
                    self._advance(batches(self.step))
                    self.clock.tick()
                    if progress is not None:
                        progress(self.step, self.clock.total(self.step), self._said)
                    if interrupt.asked:
                        raise KeyboardInterrupt
                    if self.step % self.recipe.save_every == 0 or self.clock.seconds - saved > SAVE_SECONDS:
                        self.save()
                        saved = self.clock.seconds
                    if preview is not None and self.step % self.recipe.preview_every == 0:
                        self.watch.look()
                        write_preview(self.path.with_name("preview.png"), self.task, self.average, preview)
            except (KeyboardInterrupt, Cancelled) as asked:
                if interrupt.asked or isinstance(asked, Cancelled):
                    self.save()
                    asked.add_note(f"step {self.step} is kept in '{self.path}': go on with --resume")
                raise

    def _lost(self, error: RuntimeError) -> str:
        kept = "no checkpoint was written yet" if self._saved is None else f"'{self.path}' holds step {self._saved}"
        return (
            f"The device {self.device} was lost at step {self.step} ({str(error).splitlines()[0]:.120}); {kept}: go on "
            "with --resume, with --device cpu if it does not come back."
        )

    def export(self, path: Path, card: dict[str, Any], training: dict[str, Any]) -> Weights:
        """Write the averaged weights, with what they stand on, as weights that every host can load.

        `card` goes onto the weights' card, and `training` under the name of what was trained.
        """
        weights = self.task.export(self.average.state_dict(), card, training)
        write_weights(path, weights)
        return weights

    def _advance(self, batch: Any) -> None:
        self._rate = rate = learning_rate(self.recipe, self.clock.done(self.step))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("share", 1.0)
        self._settle()
        terms = self.task.terms(batch, self.step)
        weights = term_weights(self.recipe)
        loss = reduce(add, [term if weights[name] == 1 else weights[name] * term for name, term in terms.items()])
        loss.backward()
        norm = clipped([flat.gather() for flat in self.flats], self.recipe.clip)
        self.watch.note(self.step, terms, norm)
        if not self.patient:
            self.watch.look()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.mean.follow(min(self.recipe.ema, (1 + self.step) / (10 + self.step)))
        if self.step % LOG_EVERY == 0 or not self._said:
            self.watch.look()
            self._tell({name: float(term.detach()) for name, term in terms.items()}, float(norm))

    def _settle(self) -> None:
        """From the recipe's fraction of the run on, norm layers use the running statistics, as in inference."""
        if self.clock.done(self.step) >= self.recipe.settle:
            settle(self.model, None if self._settled else self.average)
            self._settled = True

    def _tell(self, terms: dict[str, float], norm: float) -> None:
        self._said = "  ".join(f"{name} {value:.4g}" for name, value in terms.items())
        if self.step % LOG_EVERY == 0:
            self.log.write(self.step, self._rate, terms, norm)
