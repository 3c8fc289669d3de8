"""What is trained: a model on query points, a LINF on whole crops, or a learned prior over a frozen LINF."""

from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..errors import BadValue
from ..models.checkpoint import Weights, read_weights
from ..models.spec import Spec
from .grid_batch import GridBatch
from .loss import Terms
from .picture_set import PictureSet
from .prior_task import PriorTask
from .query_task import PictureTask, QueryTask
from .recipe import Recipe
from .task_parts import Draw


class Task(Protocol):
    """The network that is trained, its batches and its loss terms."""

    spec: Spec
    frozen: str
    """Names the values of what is used but not trained; empty for none."""
    min_side: int
    """Pixels that a training picture must have to each side."""
    patch: int
    """HR pixels of a texture to each side."""

    @property
    def asked(self) -> str:
        """Where queries lie: `Network.asked`."""

    @property
    def net(self) -> nn.Module:
        """The network that is trained."""

    autocast: torch.dtype | None
    """What the encoder and the MLP compute in; None for float32."""

    def sampler(self, pack: PictureSet) -> Draw:
        """Draws batch k, when so much of the run is behind it."""

    def terms(self, batch: Any, step: int) -> Terms:
        """Loss terms of a batch, unweighted."""

    def picture(self, net: Any, batch: GridBatch) -> Tensor:
        """Pictures `[b, 3, n, n]` by `net`, a copy of the network in eval mode: the mean, or the learned prior's."""

    def export(self, state: dict[str, Tensor], card: dict[str, Any], training: dict[str, Any]) -> Weights:
        """A weights file's content with `state` in the place of the trained network's, and its card."""


def begun_with(recipe: Recipe, init: Weights | None) -> Weights | None:
    """The weights that a run begins with: `init`, or the recipe's own; their card says where they come from.

    A file without a card is told by the recipe's `origin`.
    """
    path = recipe.weights()
    if init is None and path is not None:
        init = read_weights(path)
    if init is None or not recipe.origin:
        return init
    return replace(init, card={"licence": recipe.origin.get("licence"), **init.card, "origin": dict(recipe.origin)})


def check_licence(begun_with: Weights | None) -> None:
    """Refuse to pass on what began with weights of an unknown licence.

    Raises
    ------
    BadValue
        When neither their card nor the recipe's `origin` states one.
    """
    if begun_with is not None and not begun_with.card.get("licence"):
        raise BadValue(
            "The weights that this run begins with state no licence, so what comes of them cannot be exported: "
            "give the recipe an [origin] table with file, licence and data."
        )


def make_task(recipe: Recipe, device: torch.device, init: Weights | None = None) -> Task:
    """The task of a recipe, and of the weights that it begins with."""
    if recipe.kind == "prior":
        return PriorTask(recipe, device, init)
    kind = PictureTask if recipe.perceptual and recipe.perceptual_weight else QueryTask
    return kind(recipe, device, init)


def term_weights(recipe: Recipe) -> dict[str, float]:
    """How much each loss term counts."""
    return {
        "l1": recipe.l1,
        "nll": recipe.nll,
        "latent": recipe.latent,
        "pattern": recipe.pattern,
        "texture": recipe.texture,
        "perceptual": recipe.perceptual_weight,
    }
