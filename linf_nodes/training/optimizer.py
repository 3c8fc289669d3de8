"""What Adam moves: parameters as one tensor for each learning rate, and its state, also of older checkpoints."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from .flat import Flat
from .recipe import Recipe


def groups(recipe: Recipe, net: nn.Module) -> tuple[list[list[str]], list[float]]:
    """Names of parameters with their shares of the rate: an encoder that begins trained may learn more slowly."""
    names = [name for name, parameter in net.named_parameters() if parameter.requires_grad]
    inside = [name for name in names if name.startswith("encoder.")]
    if recipe.encoder_rate == 1 or not inside:
        return [names], [1.0]
    return [[name for name in names if name not in inside], inside], [1.0, recipe.encoder_rate]


def joined(state: dict[str, Any], flats: Sequence[Flat]) -> dict[str, Any]:
    """The optimizer's state, also of a checkpoint from when every parameter had its own."""
    parts, states = state["param_groups"], state["state"]
    if all(len(group["params"]) == 1 for group in parts) or not states:
        return state
    whole = [
        flat.adopt([states[i] for i in group["params"] if i in states])
        for flat, group in zip(flats, parts, strict=True)
    ]
    singles = [{**group, "params": [i]} for i, group in enumerate(parts)]
    return {"state": dict(enumerate(whole)), "param_groups": singles}
