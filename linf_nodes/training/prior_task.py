"""The learned prior over a frozen LINF."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..errors import BadValue
from ..models.checkpoint import Weights, build, weights_hash
from ..models.latent_front import LatentPrior
from ..models.registry import build_prior
from ..models.spec import Spec
from .flat import lowered
from .grid_batch import GridBatch, GridSampler, hr_side
from .loss import Terms, prior_picture, prior_terms
from .picture_set import PictureSet
from .recipe import Recipe
from .spectrum import WINDOW
from .task_parts import Draw, as_linf, autocast, checked_size, distance, fresh, moved, on, scales, wear


class PriorTask:
    """The learned prior of LINF-LP; `init` holds the LINF, and a prior to go on from if it has one of this kind."""

    def __init__(self, recipe: Recipe, device: torch.device, init: Weights | None):
        if init is None or init.model is None:
            raise BadValue("A prior is trained over a finished LINF: give its weights as 'init' or --init.")
        self.recipe, self.device, self.autocast = recipe, device, autocast(recipe)
        self.frozen = weights_hash(replace(init, prior=None, prior_state={}))
        self.weights = init
        network, learned = build(init)
        self.linf = linf = as_linf(network.requires_grad_(False), "A prior predicts latents")
        self.spec, self.net = _prior(recipe, init, linf.dim, learned)
        on(device, self.linf)
        on(device, self.net)
        self.distance = distance(recipe, device)
        self.min_side, self.patch = checked_size(recipe, linf), linf.patch_size
        for name in ("pattern", "texture"):
            side = hr_side(recipe.hr, recipe.crop, recipe.scales[0], self.patch)
            if getattr(recipe, name) > 0 and side < WINDOW:
                raise BadValue(f"hr = {side} is too small for '{name}': choose {WINDOW} or more, or {name} = 0.")
        if recipe.balanced and self.distance is None:
            raise BadValue("balanced = true compares with a perceptual distance: name a network as 'perceptual'.")

    @property
    def asked(self) -> str:
        return self.linf.asked

    def sampler(self, pack: PictureSet) -> Draw:
        r = self.recipe
        return GridSampler(pack, r.seed, r.batch, r.hr, self.linf.patch_size, scales(r), wear(r), r.crop)

    def terms(self, batch: Any, step: int) -> Terms:
        r, distance = self.recipe, moved(self.distance, step)
        wanted = {name: getattr(r, name) > 0 for name in ("latent", "pattern", "texture")}
        with lowered(self.net, self.autocast):
            return prior_terms(self.linf, self.net, batch, distance, self.autocast, **wanted, balanced=r.balanced)

    def picture(self, net: Any, batch: GridBatch) -> Tensor:
        return prior_picture(self.linf, net, batch, self.autocast)

    def export(self, state: dict[str, Tensor], card: dict[str, Any], training: dict[str, Any]) -> Weights:
        card = {**self.weights.card, **card, "prior_training": training}
        return replace(self.weights, prior=self.spec, prior_state=state, card=card)


def _prior(recipe: Recipe, init: Weights, dim: int, learned: LatentPrior | None) -> tuple[Spec, LatentPrior]:
    asked = (
        Spec.of({**recipe.prior, "args": {"in_chans": dim, **recipe.prior.get("args", {})}}) if recipe.prior else None
    )
    if init.prior is not None and learned is not None and asked in (None, init.prior):
        return init.prior, learned
    if asked is None:
        raise BadValue("The recipe has no [prior] table, and the weights hold no prior: describe one.")
    spec = asked
    net = fresh(recipe, build_prior, spec)
    if not isinstance(net, LatentPrior) or net.in_chans != dim:
        raise BadValue(f"The prior {spec.entry()} does not fit latents of {dim} components: set in_chans to {dim}.")
    return spec, net
