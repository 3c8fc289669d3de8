"""A loaded model: networks on a device in a precision, with what the pipeline must know of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..models.latent_front import LatentPrior
from ..models.linf import LINF
from ..models.rdn import RDN
from ..models.rrdb import RRDB
from ..models.swinir import SwinIR

# Measured halos, LR pixels (docs/tiling.md): beyond them no output moved by more than 1/512.
_MEASURED_HALO: Mapping[type, int] = {RDN: 32, RRDB: 48, SwinIR: 32}


@dataclass(frozen=True, eq=False)
class LinfModel:
    """LINF, and its learned prior if it has one.

    `hash` names the weights, `name` is for people. The encoder and the MLP compute in `dtype`; the flow is float32
    always, because half precision overflows in its inverse.
    """

    linf: LINF
    prior: LatentPrior | None
    name: str
    hash: str
    device: torch.device
    dtype: torch.dtype
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        return self.linf.dim

    @property
    def patch(self) -> int:
        return self.linf.patch_size

    @property
    def halo(self) -> int:
        """LR pixels around a window that the encoder must see."""
        encoder = self.linf.encoder
        return _MEASURED_HALO.get(type(encoder), encoder.receptive_field)

    @property
    def nbytes(self) -> int:
        """Bytes of weights held on the device."""
        parts = [self.linf] if self.prior is None else [self.linf, self.prior]
        return sum(t.numel() * t.element_size() for m in parts for t in [*m.parameters(), *m.buffers()])

    def temperature(self, scale: float) -> float:
        """The card's best temperature at the nearest scale (`auto`), or 0 where the card has none."""
        best = self.card.get("temperature") or {}
        if not best:
            return 0.0
        nearest = min(best, key=lambda s: abs(float(s) - scale))
        return float(best[nearest])


def prepare(
    linf: LINF, prior: LatentPrior | None, device: torch.device, dtype: torch.dtype
) -> tuple[LINF, LatentPrior | None]:
    """Put networks into inference form: frozen, channels-last, encoder and MLP in `dtype`, flow in float32."""
    nets: list[torch.nn.Module] = [linf] if prior is None else [linf, prior]
    lean = [m for name, m in linf.named_children() if name not in ("imnet", "phase")]
    for part in [*lean, *nets[1:]]:
        part.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for net in nets:
        net.to(device).requires_grad_(False).train(False)
    return linf, prior
