"""What tasks are made of, out of a recipe."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..errors import BadValue
from ..models.assembly import check_asked
from ..models.contract import Network
from ..models.linf import LINF
from ..models.spec import Spec
from .degradation import Degradation
from .grid_batch import hr_side
from .loss import Distance
from .perceptual import perceptual_distance, read_perceptual
from .recipe import Recipe
from .scales import Scales

Draw = Callable[[int, float], Any]

POOLED = 8  # pixels to each side that the deepest features but one are pooled over


def as_linf(network: Network, why: str) -> LINF:
    if not isinstance(network, LINF):
        raise BadValue(f"{why}, but the model is a {network.family}, which has none: take a LINF, or leave it out.")
    return network


def fresh(recipe: Recipe, make: Callable[[Spec], Any], spec: Spec) -> Any:
    """A network with the recipe's random weights; the process's own random numbers stay as they were."""
    check_asked(make, spec)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return make(spec)


def on(device: torch.device, net: nn.Module) -> None:
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def scales(recipe: Recipe) -> Scales:
    small = (recipe.small[0], recipe.small[1]) if recipe.small else None
    return Scales((recipe.scales[0], recipe.scales[1]), small, recipe.small_until)


def wear(recipe: Recipe) -> Degradation:
    return Degradation(recipe.blur, recipe.noise, recipe.jpeg)


def autocast(recipe: Recipe) -> torch.dtype | None:
    """ "auto" is float32 until it is timed."""
    return torch.bfloat16 if recipe.bfloat16 is True else None


def distance(recipe: Recipe, device: torch.device) -> Distance | None:
    if not recipe.perceptual or recipe.perceptual_weight == 0:
        return None
    trunks = [read_perceptual(path, device) for path in recipe.trunks()]
    return lambda picture, target: torch.stack([perceptual_distance(t, picture, target) for t in trunks]).sum()


def moved(distance: Distance | None, step: int) -> Distance | None:
    """The distance with its pooling cells elsewhere at every step, so that no pattern of their period goes unseen."""
    dy, dx = step % POOLED, step // POOLED % POOLED
    return distance and (lambda picture, target: distance(picture[..., dy:, dx:], target[..., dy:, dx:]))


def checked_size(recipe: Recipe, linf: LINF) -> int:
    if recipe.hr % linf.patch_size:
        raise BadValue(f"hr = {recipe.hr} is no multiple of the patch of {linf.patch_size} pixels: choose one.")
    return hr_side(recipe.hr, recipe.crop, recipe.scales[1], linf.patch_size)
