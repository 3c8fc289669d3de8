"""What is trained: a model on query points, a LINF on whole crops, or a learned prior over a frozen LINF."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..errors import BadValue
from ..models.assembly import check_asked
from ..models.checkpoint import Weights, build, read_weights, weights_hash
from ..models.contract import Network
from ..models.latent_front import LatentPrior
from ..models.linf import LINF
from ..models.registry import build_network, build_prior
from ..models.spec import Spec
from .batch import Sampler
from .crops import generator_of
from .degradation import Degradation
from .flat import lowered
from .grid_batch import GridBatch, GridSampler, hr_side
from .growth import grow
from .loss import Distance, Terms, mean_picture, picture_terms, prior_picture, prior_terms, query_terms
from .perceptual import perceptual_distance, read_perceptual
from .picture_set import PictureSet
from .recipe import Recipe
from .scales import Scales
from .spectrum import WINDOW

Draw = Callable[[int, float], Any]

POOLED = 8  # pixels to each side that the deepest features but one are pooled over


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


class QueryTask:
    """Any model at random query points: stage 1 of LINF, all of the models without latents."""

    frozen = ""

    def __init__(self, recipe: Recipe, device: torch.device, init: Weights | None):
        self.recipe, self.device, self.autocast = recipe, device, _autocast(recipe)
        self.spec, self.net = _model(recipe, init)
        self.origin = {} if init is None or "origin" not in init.card else {"origin": init.card["origin"]}
        _on(device, self.net)
        self.min_side, self.patch = int(recipe.crop * recipe.scales[1]), self.net.patch_size

    @property
    def asked(self) -> str:
        return self.net.asked

    def sampler(self, pack: PictureSet) -> Draw:
        r, net = self.recipe, self.net
        sizes = (r.batch, r.crop, r.queries, net.patch_size)
        return Sampler(pack, r.seed, *sizes, _scales(r), _wear(r), net.asked, net.over_bilinear)

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
        self.linf = _as_linf(self.net, "A perceptual term draws pictures")
        self.distance = _distance(recipe, device)
        self.min_side = _checked_size(recipe, self.linf)

    def sampler(self, pack: PictureSet) -> Draw:
        r = self.recipe
        return GridSampler(pack, r.seed, r.batch, r.hr, self.net.patch_size, _scales(r), _wear(r), r.crop)

    def terms(self, batch: Any, step: int) -> Terms:
        random = generator_of(self.recipe.seed + 1, step)
        z = self.recipe.tau * torch.randn(len(batch.corners.cell), self.linf.dim, generator=random)
        with lowered(self.net, self.autocast):
            return picture_terms(self.linf, batch, z.to(self.device), _moved(self.distance, step), self.autocast)


class PriorTask:
    """The learned prior of LINF-LP; `init` holds the LINF, and a prior to go on from if it has one of this kind."""

    def __init__(self, recipe: Recipe, device: torch.device, init: Weights | None):
        if init is None or init.model is None:
            raise BadValue("A prior is trained over a finished LINF: give its weights as 'init' or --init.")
        self.recipe, self.device, self.autocast = recipe, device, _autocast(recipe)
        self.frozen = weights_hash(replace(init, prior=None, prior_state={}))
        self.weights = init
        network, learned = build(init)
        self.linf = linf = _as_linf(network.requires_grad_(False), "A prior predicts latents")
        self.spec, self.net = _prior(recipe, init, linf.dim, learned)
        _on(device, self.linf)
        _on(device, self.net)
        self.distance = _distance(recipe, device)
        self.min_side, self.patch = _checked_size(recipe, linf), linf.patch_size
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
        return GridSampler(pack, r.seed, r.batch, r.hr, self.linf.patch_size, _scales(r), _wear(r), r.crop)

    def terms(self, batch: Any, step: int) -> Terms:
        r, distance = self.recipe, _moved(self.distance, step)
        wanted = {name: getattr(r, name) > 0 for name in ("latent", "pattern", "texture")}
        with lowered(self.net, self.autocast):
            return prior_terms(self.linf, self.net, batch, distance, self.autocast, **wanted, balanced=r.balanced)

    def picture(self, net: Any, batch: GridBatch) -> Tensor:
        return prior_picture(self.linf, net, batch, self.autocast)

    def export(self, state: dict[str, Tensor], card: dict[str, Any], training: dict[str, Any]) -> Weights:
        card = {**self.weights.card, **card, "prior_training": training}
        return replace(self.weights, prior=self.spec, prior_state=state, card=card)


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


def _model(recipe: Recipe, init: Weights | None) -> tuple[Spec, Network]:
    if init is None:
        if not recipe.model:
            raise BadValue("The recipe has no [model] table: describe the network there, or give weights with --init.")
        spec = Spec.of(recipe.model)
        return spec, _fresh(recipe, build_network, spec)
    if init.model is None:
        raise BadValue("The weights to start from hold no model: give a file with one.")
    if recipe.model and Spec.of(recipe.model) != init.model:
        if not recipe.grow:
            raise BadValue(
                f"The recipe's [model] is {recipe.model}, but the weights to start from are {init.model.entry()}: "
                "take the table out, give other weights, or say grow = true to begin a larger network with them."
            )
        spec = Spec.of(recipe.model)
        net = _fresh(recipe, build_network, spec)
        small = build(replace(init, prior=None, prior_state={}))[0]
        grow(_as_linf(net, "Only a LINF grows"), _as_linf(small, "Only a LINF grows"))
        return spec, net
    return init.model, build(replace(init, prior=None, prior_state={}))[0]


def _as_linf(network: Network, why: str) -> LINF:
    if not isinstance(network, LINF):
        raise BadValue(f"{why}, but the model is a {network.family}, which has none: take a LINF, or leave it out.")
    return network


def _prior(recipe: Recipe, init: Weights, dim: int, learned: LatentPrior | None) -> tuple[Spec, LatentPrior]:
    asked = (
        Spec.of({**recipe.prior, "args": {"in_chans": dim, **recipe.prior.get("args", {})}}) if recipe.prior else None
    )
    if init.prior is not None and learned is not None and asked in (None, init.prior):
        return init.prior, learned
    if asked is None:
        raise BadValue("The recipe has no [prior] table, and the weights hold no prior: describe one.")
    spec = asked
    net = _fresh(recipe, build_prior, spec)
    if not isinstance(net, LatentPrior) or net.in_chans != dim:
        raise BadValue(f"The prior {spec.entry()} does not fit latents of {dim} components: set in_chans to {dim}.")
    return spec, net


def _fresh(recipe: Recipe, make: Callable[[Spec], Any], spec: Spec) -> Any:
    """A network with the recipe's random weights; the process's own random numbers stay as they were."""
    check_asked(make, spec)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return make(spec)


def _on(device: torch.device, net: nn.Module) -> None:
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _scales(recipe: Recipe) -> Scales:
    small = (recipe.small[0], recipe.small[1]) if recipe.small else None
    return Scales((recipe.scales[0], recipe.scales[1]), small, recipe.small_until)


def _wear(recipe: Recipe) -> Degradation:
    return Degradation(recipe.blur, recipe.noise, recipe.jpeg)


def _autocast(recipe: Recipe) -> torch.dtype | None:
    """ "auto" is float32 until it is timed."""
    return torch.bfloat16 if recipe.bfloat16 is True else None


def _distance(recipe: Recipe, device: torch.device) -> Distance | None:
    if not recipe.perceptual or recipe.perceptual_weight == 0:
        return None
    trunks = [read_perceptual(path, device) for path in recipe.trunks()]
    return lambda picture, target: torch.stack([perceptual_distance(t, picture, target) for t in trunks]).sum()


def _moved(distance: Distance | None, step: int) -> Distance | None:
    """The distance with its pooling cells elsewhere at every step, so that no pattern of their period goes unseen."""
    dy, dx = step % POOLED, step // POOLED % POOLED
    return distance and (lambda picture, target: distance(picture[..., dy:, dx:], target[..., dy:, dx:]))


def _checked_size(recipe: Recipe, linf: LINF) -> int:
    if recipe.hr % linf.patch_size:
        raise BadValue(f"hr = {recipe.hr} is no multiple of the patch of {linf.patch_size} pixels: choose one.")
    return hr_side(recipe.hr, recipe.crop, recipe.scales[1], linf.patch_size)
