"""Is the predicted uncertainty true? Whitened residuals and intervals against real pictures (docs/metrics.md)."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor

from ..models.flow import AffineFlow, Condition
from .histogram import Histogram

LEVELS = (0.5, 0.8, 0.95)
CURVE = tuple(round(0.05 * i, 2) for i in range(1, 20))


@dataclass
class Calibration:
    """What true textures looked like to a model, at temperature 1.

    `z2` holds `|z|^2` of every patch, `z = L^-1 (m - mu)`; `ratios` counts `|m - mu| / sqrt(diag(L L^T))` of every
    output sample.
    """

    dim: int
    z2: list[Tensor] = field(default_factory=list)
    ratios: Histogram = field(default_factory=Histogram)

    def observe(self, flow: AffineFlow, texture: Tensor, condition: Condition) -> None:
        """Take in true textures `[q, d]`, in the flow's own units."""
        z, _ = flow(texture, condition)
        self.z2.append(z.cpu().double().square().sum(-1))
        deviation = flow.covariance_factor(condition).square().sum(-1).sqrt()
        self.ratios.add((texture - flow.mean(condition)).abs() / deviation)

    @classmethod
    def merged(cls, parts: Iterable["Calibration"]) -> "Calibration":
        """Several pictures' as one, every patch alike."""
        every = list(parts)
        whole = cls(every[0].dim)
        for part in every:
            whole.z2 += part.z2
            whole.ratios += part.ratios
        return whole

    def coverage(self, level: float, factor: float = 1.0) -> float:
        """Share of samples inside the interval that should hold `level` of them, its deviation times `factor`."""
        return self.ratios.share_below(factor * half_width(level))

    def conformal(self, level: float) -> float:
        """What the deviation must be multiplied by for the interval to hold `level` of these samples."""
        return self.ratios.quantile(level) / half_width(level)

    @property
    def z2_per_dim(self) -> float:
        """Mean of `|z|^2 / d`: 1 is true, less is over-wide, NaN without a whole patch."""
        count = sum(map(len, self.z2))
        return sum(float(z.sum()) for z in self.z2) / (count * self.dim) if count else math.nan

    def report(self, card: Mapping[str, float] | None = None) -> dict[str, Any]:
        """Everything as plain values; `card` are the conformal factors that the model comes with."""
        z2 = torch.cat(self.z2) if self.z2 else torch.zeros(0, dtype=torch.float64)
        return {
            "dim": self.dim,
            "patches": len(z2),
            "samples": self.ratios.total,
            "z2_per_dim": self.z2_per_dim,
            "ks": ks_distance(z2, self.dim),
            "coverage": {str(level): self.coverage(level) for level in LEVELS},
            "conformal": {str(level): self.conformal(level) for level in LEVELS},
            "card": "uncalibrated" if card is None else dict(card),
            "coverage_with_card": card and {level: self.coverage(float(level), f) for level, f in card.items()},
            "curve": {"nominal": list(CURVE), "observed": [self.coverage(level) for level in CURVE]},
        }


def half_width(level: float) -> float:
    """Half of the interval that holds `level` of a normal distribution, in standard deviations."""
    return NormalDist().inv_cdf((1 + level) / 2)


def chi_squared(z2: Tensor, dim: int) -> Tensor:
    """Share of the chi-squared distribution of `dim` degrees of freedom below `z2`."""
    share: Tensor = torch.special.gammainc(torch.tensor(dim / 2, dtype=torch.float64), z2.double() / 2)
    return share


def ks_distance(z2: Tensor, dim: int) -> float:
    """Largest gap between the distribution of `z2 [n]` and the chi-squared one (Kolmogorov-Smirnov); 0 is perfect."""
    n = len(z2)
    if n == 0:
        return math.nan
    expected = chi_squared(z2.nan_to_num(nan=math.inf).sort().values, dim)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    return float(torch.maximum(steps[1:] - expected, expected - steps[:-1]).max())


def card_factors(card: Mapping[str, Any], scale: float) -> Mapping[str, float] | None:
    """Conformal factors by level, at the nearest scale of a card's `calibration`; None: the model is uncalibrated."""
    known = card.get("calibration")
    if not isinstance(known, Mapping) or not known:
        return None
    nearest = min(known, key=lambda s: abs(float(s) - scale))
    return {str(level): float(factor) for level, factor in known[nearest].items()}
