"""U-Net latent prior of LINF-LP (after Ronneberger et al. 2015)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import BadShape
from .dense_block import SLOPE, DenseBlock
from .entry import Entry, State, count, side
from .latent_front import LatentPrior, LatentWindow, is_prior, lerp_axis

SQUARE = 7


class DoubleConv(nn.Module):
    """Twice: convolve 3x3, normalise, LeakyReLU."""

    reach = 2

    def __init__(self, c_in: int, c_mid: int, c_out: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(c_in, c_mid, 3, padding=1, bias=False),
            nn.BatchNorm2d(c_mid),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(c_mid, c_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.LeakyReLU(SLOPE, inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.double_conv(x)
        return y


class Down(nn.Module):
    """Halve by maximum, then convolve twice: b c h w -> b c_out h//2 w//2."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(c_in, c_out, c_out))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.maxpool_conv(x)
        return y


class Up(nn.Module):
    """Double the size, join the skip and convolve twice; an odd skip's last row and column meet zeros."""

    def __init__(self, c_in: int, c_out: int, bilinear: bool) -> None:
        super().__init__()
        self.up = None if bilinear else nn.ConvTranspose2d(c_in, c_in // 2, 2, stride=2)
        self.conv = DoubleConv(c_in, c_in // 2, c_out)

    def forward(self, x: Tensor, skip: Tensor, origin: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """`origin` of x on its whole level, and the `size` of that level."""
        if self.up is not None:
            x = self.up(x)
        else:
            for axis in (0, 1):
                x = double_axis(x, axis, origin[axis], size[axis])
        h, w = skip.shape[-2:]
        x = F.pad(x, (0, w - x.shape[-1], 0, h - x.shape[-2]))
        y: Tensor = self.conv(torch.cat((skip, x), dim=1))
        return y


def double_axis(x: Tensor, axis: int, origin: int, size: int) -> Tensor:
    """Twice as many pixels along one axis, the first and the last of the whole axis kept in place (align_corners)."""
    pixels = torch.arange(2 * x.shape[axis + 2], dtype=torch.float32) + 2 * origin
    return lerp_axis(x, axis, pixels * torch.tensor((size - 1) / (2 * size - 1)), origin, size)


class UNetPrior(LatentPrior):
    """Latents of the initial prior b d h w, normalised LR picture b 3 H W -> learned latents b d h w.

    A map with a side below 2 ** depth, on which the published network fails, is embedded, filled up to
    2 ** depth by repeating its last row and column, and cropped after.
    A window starts on a multiple of 2 ** depth, so that both maps are pooled in the same squares.

    Ours alone: `centred` takes from each learned latent the mean of the `SQUARE` x `SQUARE` around it. True latents are
    zero on average in any neighbourhood; what a prior prints on every patch is not, and cannot be learned then.
    """

    def __init__(
        self,
        in_chans: int,
        depth: int = 3,
        dim: int = 64,
        bilinear: bool = True,
        inputs: str = "both",
        centred: bool = False,
    ) -> None:
        super().__init__(in_chans, dim // 2, inputs)
        self.align = 2**depth
        self.bilinear, self.centred = bilinear, centred
        halved = 2 if bilinear else 1
        widths = [dim * 2**level for level in range(depth)]
        self.inc = DoubleConv(dim, dim, dim)
        deeper = [*widths[1:], dim * 2**depth // halved]
        self.down_layers = nn.ModuleList(Down(a, b) for a, b in zip(widths, deeper, strict=True))
        self.up_layers = nn.ModuleList(Up(2 * c, c // halved if c > dim else dim, bilinear) for c in reversed(widths))
        self.outc = nn.Sequential()
        self.outc.add_module("conv", nn.Conv2d(dim, in_chans, 1))

    @property
    def receptive_field(self) -> int:
        """Latents to each side that one learned latent depends on, by the path through the deepest level."""
        taps = 1 if self.bilinear else 0
        worst = 0
        for pixel in range(self.align):
            low = high = pixel
            for _ in self.up_layers:
                low, high = (low - DoubleConv.reach - taps) // 2, (high + DoubleConv.reach) // 2 + taps
            for _ in self.down_layers:
                low, high = 2 * (low - DoubleConv.reach), 2 * (high + DoubleConv.reach) + 1
            around = DoubleConv.reach + DenseBlock.reach + (SQUARE // 2 if self.centred else 0)
            worst = max(worst, pixel - low + around, high - pixel + around)
        return worst

    def latents(self, embedding: Tensor, window: LatentWindow) -> Tensor:
        y, size = self._fill(embedding, window)
        maps = [self.inc(y)]
        for down in self.down_layers:
            maps.append(down(maps[-1]))
        y = maps.pop()
        for up in self.up_layers:
            step = 2 ** len(maps)
            y = up(y, maps.pop(), _divide(window.origin, step), _divide(size, step))
        out: Tensor = self.outc(y)
        out = out[..., : embedding.shape[-2], : embedding.shape[-1]]
        if self.centred:
            out = out - F.avg_pool2d(out, SQUARE, 1, SQUARE // 2, count_include_pad=False)
        return out

    def _fill(self, y: Tensor, window: LatentWindow) -> tuple[Tensor, tuple[int, int]]:
        """Fill up a map that is too small as a whole; return it with the whole's new size."""
        h, w = (max(side - whole, 0) for side, whole in zip((self.align,) * 2, window.size, strict=True))
        if h or w:
            y = F.pad(y, (0, w, 0, h), mode="replicate")
        if min(y.shape[-2:]) < self.align:
            raise BadShape(f"A latent window of {tuple(y.shape[-2:])} is below {self.align} a side; widen its halo.")
        return y, (window.size[0] + h, window.size[1] + w)


def _divide(pair: tuple[int, int], by: int) -> tuple[int, int]:
    return pair[0] // by, pair[1] // by


def _deduced(state: State) -> dict[str, Any]:
    return {
        "in_chans": side(state, "outc.conv.weight"),
        "depth": count(state, r"down_layers\.(\d+)\."),
        "dim": side(state, "outc.conv.weight", 1),
        "bilinear": not any(name.startswith("up_layers.0.up.") for name in state),
    }


ENTRIES = {
    "unet": Entry(
        UNetPrior,
        ("in_chans", "depth", "dim", "bilinear", "inputs", "centred"),
        lambda state: is_prior(state) and "outc.conv.weight" in state,
        _deduced,
    )
}
