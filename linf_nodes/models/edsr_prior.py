"""EDSR latent prior of LINF-LP: residual blocks over latents and LR picture."""

import torch
from torch import Tensor, nn

from .dense_block import SLOPE, DenseBlock
from .latent_front import LatentPrior, LatentWindow


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
