"""How much detail a set of options asks for."""

from ..errors import BadShape
from ..pipeline import render
from ..pipeline.features import Features
from ..pipeline.grid import Grid
from ..pipeline.render import Amount
from .types import Mask


def amount_of(
    features: Features,
    grid: Grid,
    kind: str,
    temperature: float,
    auto_temperature: bool,
    strength: float,
    mask: Mask | None,
) -> Amount:
    """Temperature of a drawn latent (the card's where it is automatic) or strength of another, times the mask."""
    value = strength
    if kind == "drawn":
        value = features.model.temperature(max(grid.scale)) if auto_temperature else temperature
    if mask is None:
        return Amount(value)
    if len(mask) not in (1, len(features.image)) and mask.ndim == 3:
        raise BadShape(
            f"The mask has {len(mask)} pictures, the batch {len(features.image)}: give one mask, or one each."
        )
    return Amount(value, render.check_mask(mask, grid))
