"""The learning rate along a run."""

import math

from .recipe import Recipe


def learning_rate(recipe: Recipe, done: float) -> float:
    """Linear warm-up; then a cosine to zero, or a factor `gamma` at each of `milestones` (fractions of the run).

    `done` is the part of the run that is behind it, from 0 to 1, by whatever clock; `warmup` steps are that part of
    the recipe's `steps`.
    """
    first, warm = 1 / max(1, recipe.steps), recipe.warmup / max(1, recipe.steps)
    if done < warm:
        return recipe.lr * min(1.0, (done + first) / warm)
    if recipe.schedule == "multistep":
        passed = sum(done >= m for m in recipe.milestones)
        return float(recipe.lr * recipe.gamma**passed)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * (done - warm) / max(first, 1 - warm)))
