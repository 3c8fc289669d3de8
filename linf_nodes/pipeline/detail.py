"""Which detail a picture gets, and how much of it: the one place that decides, for every host.

The picture is `bilinear + mean + amount * detail`:

- **faithful**: the mean alone, the most likely picture; the amount is 0;
- **drawn**: the latent is drawn from a normal distribution, and the amount is its temperature (LINF, CVPR 2023);
- **learned**: the latent is predicted by the model's learned prior, and the amount is its strength (LINF-LP, CVPR
  2024).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import BadValue
from ..models.checkpoint import stated
from ..models.registry import NETWORKS
from .fields import Draws, can, field_of, require
from .model import LoadedModel

Kind = Literal["faithful", "drawn", "learned"]
CHOICES = ("auto", "faithful", "learned", "drawn")
FORMER = {"prior": "learned", "noise": "drawn"}  # what older graphs and scripts call them


@dataclass(frozen=True)
class Detail:
    """What was asked for: `latent` is one of `CHOICES`, `temperature` is None where the model's card is to choose.

    A temperature is obeyed, whichever detail it scales: 0 is the faithful picture. Left to itself (None) the amount is
    the card's temperature of a drawn detail, and 1 of a learned one. `strength` multiplies either.

    `auto` takes the learned prior where the model has one, unless a temperature is set: that draws. A model without
    latents is faithful always.

    Raises
    ------
    BadValue
        When `latent` is none of the choices.
    """

    latent: str = "auto"
    temperature: float | None = None
    strength: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "latent", FORMER.get(self.latent, self.latent))
        if self.latent not in CHOICES:
            raise BadValue(f"latent is {self.latent!r}: choose one of {', '.join(CHOICES)}.")

    def kind(self, model: LoadedModel) -> Kind:
        """Which latent is to be made for a model, before the amount is known.

        Raises
        ------
        BadValue
            When a learned one is asked of a model without a prior, or any of a model without latents.
        """
        if self.latent == "faithful" or not self._wants_latent(model):
            return "faithful"
        if self.latent == "learned" and model.prior is None:
            raise BadValue(
                f"The model {model.name!r} has no learned prior, so its detail cannot be learned: choose the latent "
                "drawn or auto, or load a model with a learned prior."
            )
        wanted = self.latent == "learned" or (self.latent == "auto" and self.temperature is None)
        return "learned" if wanted and model.prior is not None else "drawn"

    def _wants_latent(self, model: LoadedModel) -> bool:
        """False where a model without latents was left to itself; raises where it is asked for detail."""
        if not can(model, Draws):
            if self.latent != "auto":
                require(model, Draws, f"{self.latent} detail")
            elif self.temperature and self.strength:
                require(model, Draws, f"the temperature {self.temperature:g}")
        return can(model, Draws)

    def amount(self, model: LoadedModel, scale: float, kind: str) -> float:
        """What the detail of a latent is multiplied by; that of a reference counts like a learned one."""
        if kind == "faithful":
            return 0.0
        own = model.temperature(scale) if kind == "drawn" else 1.0
        return self.strength * (own if self.temperature is None else self.temperature)

    def record(self, model: LoadedModel, scale: float, seed: int, frame: int | None = 0) -> Mapping[str, Any]:
        """What a recipe says: the kind, the amount under its name, and the draw where there is one."""
        kind = self.kind(model)
        amount = self.amount(model, scale, kind)
        drawn = kind == "drawn" and amount > 0
        return {
            "latent": kind if amount else "faithful",
            "temperature": None if kind == "learned" and amount else amount,
            "strength": amount if kind == "learned" and amount else None,
            "seed": seed if drawn else None,
            "frame": frame if drawn else None,
        }


def stated_kind(path: Path) -> Kind | None:
    """The detail that a model gives where nobody chose, by its file's header alone; None where that does not say it."""
    model, prior = stated(path)
    if model not in NETWORKS:
        return None
    build = NETWORKS[model].build
    if not (isinstance(build, type) and issubclass(field_of(build), Draws)):
        return "faithful"
    return "learned" if prior else "drawn"


def described(record: Mapping[str, Any]) -> str:
    """A record in words: `drawn at temperature 0.3, seed 7`."""
    if record["latent"] == "drawn":
        return f"drawn at temperature {record['temperature']:g}, seed {record['seed']}"
    if record["latent"] == "learned":
        return f"learned, strength {record['strength']:g}"
    return "faithful"
