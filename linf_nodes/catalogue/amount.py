"""The inputs that say which detail is added, and how much: as the pipeline takes them."""

from ..errors import BadShape
from ..pipeline import render
from ..pipeline.detail import Detail
from ..pipeline.features import Features
from ..pipeline.grid import Grid
from ..pipeline.render import Amount
from .types import Mask

DRAW = ("seed", "frame", "origin_y", "origin_x")  # inputs that count for drawn detail alone


def detail_of(latent: str, temperature: float, auto_temperature: bool, strength: float) -> Detail:
    """The detail that a node's inputs ask for."""
    return Detail(latent, None if auto_temperature else temperature, strength)


def amount_of(features: Features, grid: Grid, kind: str, detail: Detail, mask: Mask | None = None) -> Amount:
    """How much of a latent's detail is added, times the mask."""
    value = detail.amount(features.model, max(grid.scale), kind)
    if mask is None:
        return Amount(value)
    if len(mask) not in (1, len(features.image)) and mask.ndim == 3:
        raise BadShape(
            f"The mask has {len(mask)} pictures, the batch {len(features.image)}: give one mask, or one each."
        )
    return Amount(value, render.check_mask(mask, grid)) if value else Amount(0.0)
