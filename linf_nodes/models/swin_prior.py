"""Swin latent prior of LINF-LP: windowed attention over latents and LR picture at one resolution."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from .dense_block import SLOPE, DenseBlock
from .entry import Entry, State, side
from .latent_front import LatentPrior, LatentWindow, is_prior
from .window_attention import SwinBlock, seam_masks, stages, window_reach


class Stage(nn.Module):
    """Blocks with alternating shift: b h w c -> b h w c."""

    def __init__(self, blocks: Sequence[SwinBlock]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, seams: Tensor, at_end: tuple[bool, bool]) -> Tensor:
        # The published model masks its unshifted blocks too, which cuts the last windows of the whole map.
        cuts = [seam if end else None for seam, end in zip(seams, at_end, strict=True)]
        for block in self.blocks:
            x = block(x, *seams) if block.shift else block(x, *cuts)
        return x


class SwinPrior(LatentPrior):
    """Latents of the initial prior b d h w, normalised LR picture b 3 H W -> learned latents b d h w.

    A window starts on a multiple of the attention window, so that both maps are cut into the same squares.
    """

    seams: Tensor

    def __init__(
        self,
        in_chans: int,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 7,
        mlp_ratio: float = 4,
        inputs: str = "both",
    ) -> None:
        super().__init__(in_chans, embed_dim, inputs)
        self.align = window_size
        dim = 2 * embed_dim
        shifts = [[window_size // 2 if i % 2 else 0 for i in range(depth)] for depth in depths]
        convs = [None] * DenseBlock.reach
        self._reach = window_reach([*convs, *(s for stage in shifts for s in stage)], window_size)
        self.register_buffer("seams", seam_masks(window_size, window_size // 2), persistent=False)
        self.layers = nn.ModuleList(
            Stage([SwinBlock(dim, heads, window_size, s, mlp_ratio) for s in stage])
            for stage, heads in zip(shifts, num_heads, strict=True)
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Sequential(
            nn.Conv2d(dim, dim // 2, 1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(dim // 2, dim // 4, 1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(dim // 4, in_chans, 1),
        )

    @property
    def receptive_field(self) -> int:
        return self._reach

    def latents(self, embedding: Tensor, window: LatentWindow) -> Tensor:
        y = embedding.permute(0, 2, 3, 1)  # b h w c
        end_y, end_x = (o + n == whole for o, n, whole in zip(window.origin, y.shape[1:3], window.size, strict=True))
        for layer in self.layers:
            y = layer(y, self.seams, (end_y, end_x))
        out: Tensor = self.head(self.norm(y).permute(0, 3, 1, 2))
        return out


def _deduced(state: State) -> dict[str, Any]:
    dims = {"in_chans": side(state, "head.4.weight"), "embed_dim": side(state, "norm.weight") // 2}
    return {**dims, **stages(state, "blocks.")}


ENTRIES = {
    "swin_latent": Entry(
        SwinPrior,
        ("in_chans", "embed_dim", "depths", "num_heads", "window_size", "inputs"),
        lambda state: is_prior(state) and "head.4.weight" in state,
        _deduced,
    )
}
