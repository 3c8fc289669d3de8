"""Is the predicted uncertainty true? Whitened residuals and intervals against real pictures (docs/metrics.md)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..models.flow import AffineFlow, Condition
from ..pipeline.model import half_width
from .histogram import Histogram

LEVELS = (0.5, 0.8, 0.95)
CURVE = tuple(round(0.05 * i, 2) for i in range(1, 20))


@dataclass
class Calibration:
    """What true textures looked like to a model, at temperature 1.

    `z2` holds `|z|^2` of every patch, `z = L^-1 (m - mu)`; `ratios` counts `|m - mu| / sqrt(diag(L L^T))` of every
    output sample, which of a grey picture is the mean of the three colours.
    """

    dim: int
    z2: list[Tensor] = field(default_factory=list)
    ratios: Histogram = field(default_factory=Histogram)

    def observe(self, flow: AffineFlow, texture: Tensor, condition: Condition, grey: bool = False) -> None:
        """Take in true textures `[q, d]`, in the flow's own units."""
        z, _ = flow(texture, condition)
        self.z2.append(z.cpu().double().square().sum(-1))
        residual, factor = texture - flow.mean(condition), flow.covariance_factor(condition)
        if grey:
            residual, factor = (t.view(len(t), 3, -1, *t.shape[2:]).mean(1) for t in (residual, factor))
        self.ratios.add(residual.abs() / factor.square().sum(-1).sqrt())

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


def split(parts: Sequence[Calibration]) -> dict[str, Any] | None:
    """Do factors hold on other pictures than they come from? None for a single picture.

    `coverage` holds a pair for each level: factors of every second picture, seen on the rest, and back. `left_out` is
    the share over all samples when each picture is seen with the factors of all others.
    """
    halves = [Calibration.merged(half) for half in (parts[::2], parts[1::2]) if half]
    if len(halves) < 2 or not all(half.ratios.total for half in halves):
        return None
    there_and_back = (halves, halves[::-1])
    return {
        "pictures": [len(parts[::2]), len(parts[1::2])],
        "coverage": {str(p): [b.coverage(p, a.conformal(p)) for a, b in there_and_back] for p in LEVELS},
        "left_out": {str(p): _left_out(parts, p) for p in LEVELS},
    }


def _left_out(parts: Sequence[Calibration], level: float) -> float:
    inside = total = 0.0
    for i, part in enumerate(parts):
        count = part.ratios.total
        if count:
            others = Calibration.merged([*parts[:i], *parts[i + 1 :]])
            inside += count * part.coverage(level, others.conformal(level))
            total += count
    return inside / total


def calibrated_card(card: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """A card with an evaluation's conformal factors at its scale, and its sweep's temperature of the least LPIPS."""
    made, scale = dict(card), f"{report['scale']:g}"
    conformal = {level: round(factor, 4) for level, factor in report["calibration"]["conformal"].items()}
    made["calibration"] = {**(card.get("calibration") or {}), scale: conformal}
    points = [p for p in report["sweep"] if p["lpips"] is not None]
    if points:
        best = min(points, key=lambda p: float(p["lpips"]))
        made["temperature"] = {**(card.get("temperature") or {}), scale: best["temperature"]}
    return made


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
