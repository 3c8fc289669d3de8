"""A loaded model: networks on a device in a precision, with what the pipeline must know of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import torch

from ..errors import BadValue, UnsupportedWeights
from ..models.contract import Network
from ..models.latent_front import LatentPrior


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network, and its learned prior if it has one.

    `hash` names the weights, `name` is for people. The network computes in `dtype`, except what it wants in float32
    always (`Network.single`).
    """

    network: Network
    prior: LatentPrior | None
    name: str
    hash: str
    device: torch.device
    dtype: torch.dtype
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        """Components of a latent; 0 where the model has none."""
        return self.network.dim

    @property
    def patch(self) -> int:
        return self.network.patch_size

    @property
    def halo(self) -> int:
        """LR pixels around a window that the encoder must see."""
        return self.network.encoder.halo

    @property
    def nbytes(self) -> int:
        """Bytes of weights held on the device."""
        parts = [self.network] if self.prior is None else [self.network, self.prior]
        return sum(t.numel() * t.element_size() for m in parts for t in [*m.parameters(), *m.buffers()])

    def temperature(self, scale: float) -> float:
        """The card's best temperature at the nearest scale (`auto`), or 0 where the card has none."""
        best = self.card.get("temperature") or {}
        if not best:
            return 0.0
        return float(best[_nearest(best, scale)])

    @property
    def calibrated(self) -> bool:
        """Whether the card has conformal factors; without them every interval is the model's own opinion."""
        return bool(self.card.get("calibration"))

    def factors(self, scale: float) -> Mapping[str, float] | None:
        """What the card says to multiply deviations by, for each level ("0.95"), at the nearest scale; or None.

        Raises
        ------
        UnsupportedWeights
            When the card has something else in their place.
        """
        known = self.card.get("calibration")
        if not known:
            return None
        try:
            return {str(level): float(factor) for level, factor in known[_nearest(known, scale)].items()}
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise UnsupportedWeights(
                f"The card of {self.name!r} has the calibration {known!s:.60}, which is no table of factors by scale "
                "and level: measure it again by linf evaluate --write-card."
            ) from error

    def interval(self, scale: float, level: float) -> float:
        """Standard deviations to each side of the mean that hold `level` of the true samples.

        Those of a normal distribution, times the card's factor if the model is calibrated.

        Raises
        ------
        BadValue
            When the model is calibrated, but not for this level.
        """
        factors = self.factors(scale)
        if factors is None:
            return half_width(level)
        if str(level) not in factors:
            raise BadValue(
                f"{self.name!r} is calibrated for {', '.join(factors)}, not for {level:g}: choose one of them."
            )
        return factors[str(level)] * half_width(level)


def half_width(level: float) -> float:
    """Half of the interval that holds `level` of a normal distribution, in standard deviations."""
    return NormalDist().inv_cdf((1 + level) / 2)


def _nearest(by_scale: Mapping[str, Any], scale: float) -> str:
    return min(by_scale, key=lambda s: abs(float(s) - scale))


def prepare(
    network: Network, prior: LatentPrior | None, device: torch.device, dtype: torch.dtype
) -> tuple[Network, LatentPrior | None]:
    """Put networks into inference form: frozen, channels-last, in `dtype` except `Network.single`."""
    nets: list[torch.nn.Module] = [network] if prior is None else [network, prior]
    lean = [m for name, m in network.named_children() if name not in network.single]
    for part in [*lean, *nets[1:]]:
        part.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for net in nets:
        net.to(device).requires_grad_(False).train(False)
    return network, prior
