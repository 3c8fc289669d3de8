"""Any model, at random query points or on whole crops."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..errors import BadValue
from ..models.checkpoint import Weights, build
from ..models.contract import Network
from ..models.registry import build_network
from ..models.spec import Spec
from .batch import Sampler
from .crops import generator_of
from .flat import lowered
from .grid_batch import GridBatch, GridSampler
from .growth import grow
from .loss import Terms, mean_picture, picture_terms, query_terms
from .picture_set import PictureSet
from .recipe import Recipe
from .task_parts import Draw, as_linf, autocast, checked_size, distance, fresh, moved, on, scales, wear


class QueryTask:
    """Any model at random query points: stage 1 of LINF, all of the models without latents."""

    frozen = ""

    def __init__(self, recipe: Recipe, device: torch.device, init: Weights | None):
        self.recipe, self.device, self.autocast = recipe, device, autocast(recipe)
        self.spec, self.net = _model(recipe, init)
        self.origin = {} if init is None or "origin" not in init.card else {"origin": init.card["origin"]}
        on(device, self.net)
        self.min_side, self.patch = int(recipe.crop * recipe.scales[1]), self.net.patch_size

    @property
    def asked(self) -> str:
        return self.net.asked

    def sampler(self, pack: PictureSet) -> Draw:
        r, net = self.recipe, self.net
        sizes = (r.batch, r.crop, r.queries, net.patch_size)
        return Sampler(pack, r.seed, *sizes, scales(r), wear(r), net.asked, net.over_bilinear)

    def terms(self, batch: Any, step: int) -> Terms:
        with lowered(self.net, self.autocast):
            return query_terms(self.net, batch, self.autocast)

    def picture(self, net: Any, batch: GridBatch) -> Tensor:
        return mean_picture(net, batch, self.autocast)

    def export(self, state: dict[str, Tensor], card: dict[str, Any], training: dict[str, Any]) -> Weights:
        return Weights(self.spec, state, None, {}, {**self.origin, **card, "training": training})


class PictureTask(QueryTask):
    """Stage 2: whole crops, drawn at temperature tau and compared by a perceptual network."""

    def __init__(self, recipe: Recipe, device: torch.device, init: Weights | None):
        super().__init__(recipe, device, init)
        self.linf = as_linf(self.net, "A perceptual term draws pictures")
        self.distance = distance(recipe, device)
        self.min_side = checked_size(recipe, self.linf)

    def sampler(self, pack: PictureSet) -> Draw:
        r = self.recipe
        return GridSampler(pack, r.seed, r.batch, r.hr, self.net.patch_size, scales(r), wear(r), r.crop)

    def terms(self, batch: Any, step: int) -> Terms:
        random = generator_of(self.recipe.seed + 1, step)
        z = self.recipe.tau * torch.randn(len(batch.corners.cell), self.linf.dim, generator=random)
        with lowered(self.net, self.autocast):
            return picture_terms(self.linf, batch, z.to(self.device), moved(self.distance, step), self.autocast)


def _model(recipe: Recipe, init: Weights | None) -> tuple[Spec, Network]:
    if init is None:
        if not recipe.model:
            raise BadValue("The recipe has no [model] table: describe the network there, or give weights with --init.")
        spec = Spec.of(recipe.model)
        return spec, fresh(recipe, build_network, spec)
    if init.model is None:
        raise BadValue("The weights to start from hold no model: give a file with one.")
    if recipe.model and Spec.of(recipe.model) != init.model:
        if not recipe.grow:
            raise BadValue(
                f"The recipe's [model] is {recipe.model}, but the weights to start from are {init.model.entry()}: "
                "take the table out, give other weights, or say grow = true to begin a larger network with them."
            )
        spec = Spec.of(recipe.model)
        net = fresh(recipe, build_network, spec)
        small = build(replace(init, prior=None, prior_state={}))[0]
        grow(as_linf(net, "Only a LINF grows"), as_linf(small, "Only a LINF grows"))
        return spec, net
    return init.model, build(replace(init, prior=None, prior_state={}))[0]
