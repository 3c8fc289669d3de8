"""The learning rate of each step."""

import math

from .recipe import Recipe


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up; then a cosine to zero, or a factor `gamma` at each of `milestones` (fractions of the run)."""
    if step < recipe.warmup:
        return recipe.lr * (step + 1) / recipe.warmup
    if recipe.schedule == "multistep":
        passed = sum(step >= m * recipe.steps for m in recipe.milestones)
        return float(recipe.lr * recipe.gamma**passed)
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
