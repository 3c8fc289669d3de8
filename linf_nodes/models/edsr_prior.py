"""EDSR latent prior of LINF-LP: residual blocks over latents and LR picture."""

from typing import Any

import torch
from torch import Tensor, nn

from .dense_block import SLOPE, DenseBlock
from .entry import Entry, State, count, side
from .latent_front import LatentPrior, LatentWindow, is_prior


class ResBlock(nn.Module):
    """x + res_scale * conv(LeakyReLU(conv(x))), b c h w."""

    def __init__(self, dim: int, res_scale: float) -> None:
        super().__init__()
        self.res_scale = res_scale
        self.body = nn.Sequential(
            nn.Conv2d(dim, dim, 3, padding=1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(dim, dim, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.body(x), alpha=self.res_scale)


class EDSRPrior(LatentPrior):
    """Latents of the initial prior b d h w, normalised LR picture b 3 H W -> learned latents b d h w."""

    def __init__(
        self, in_chans: int, n_resblocks: int = 16, dim: int = 64, res_scale: float = 1, inputs: str = "both"
    ) -> None:
        super().__init__(in_chans, dim // 2, inputs)
        self.body = nn.Sequential(*(ResBlock(dim, res_scale) for _ in range(n_resblocks)))
        self.last_conv = nn.Conv2d(dim, in_chans, 1)

    @property
    def receptive_field(self) -> int:
        """Latents to each side that one learned latent depends on."""
        return DenseBlock.reach + 2 * len(self.body)

    def latents(self, embedding: Tensor, window: LatentWindow) -> Tensor:
        y: Tensor = self.last_conv(self.body(embedding))
        return y


def _deduced(state: State) -> dict[str, Any]:
    dims = {"in_chans": side(state, "last_conv.weight"), "dim": side(state, "last_conv.weight", 1)}
    return {**dims, "n_resblocks": count(state, r"body\.(\d+)\.body\.")}


ENTRIES = {
    "edsr-baseline-latent": Entry(
        EDSRPrior,
        ("in_chans", "n_resblocks", "dim", "res_scale", "inputs"),
        lambda state: is_prior(state) and "last_conv.weight" in state,
        _deduced,
    )
}
