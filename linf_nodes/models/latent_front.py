"""What the latent priors of LINF-LP share: the embedding of a latent map and of the LR picture that goes with it."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import BadShape, UnsupportedWeights, quoted
from .dense_block import SLOPE, DenseBlock
from .entry import State

LR_STRIDE = 3
INPUTS = ("both", "latent", "picture")


@dataclass(frozen=True)
class LatentWindow:
    """Where a window of latents and its LR picture lie in the whole ones; every pair is (y, x).

    The windows' own sizes are those of the tensors. Near a border of a window that is not a border of the
    whole, as far as the prior's receptive field reaches, results are wrong: that is the caller's halo.
    """

    origin: tuple[int, int]
    size: tuple[int, int]
    lr_origin: tuple[int, int]
    lr_size: tuple[int, int]

    @classmethod
    def whole(cls, z: Tensor, lr: Tensor) -> "LatentWindow":
        """The window that is everything: z b d h w, lr b 3 h w."""
        return cls((0, 0), (z.shape[-2], z.shape[-1]), (0, 0), (lr.shape[-2], lr.shape[-1]))

    def check(self, z: Tensor, lr: Tensor, align: int) -> None:
        """Raise BadShape unless both tensors lie inside the whole ones, at origins the prior can work from."""
        for name, origin, size, shape, step in (
            ("latent", self.origin, self.size, z.shape[-2:], align),
            ("LR", self.lr_origin, self.lr_size, lr.shape[-2:], LR_STRIDE),
        ):
            if any(o < 0 or o + n > whole for o, n, whole in zip(origin, shape, size, strict=True)):
                raise BadShape(f"The {name} window {tuple(shape)} at {origin} leaves the map of {size}.")
            if any(o % step for o in origin):
                raise BadShape(f"The {name} window starts at {origin}; start it at multiples of {step}.")


def lerp_axis(x: Tensor, axis: int, at: Tensor, origin: int, size: int) -> Tensor:
    """Sample a map b c h w linearly along y (axis 0) or x (axis 1), at positions counted on the whole axis.

    The map holds the pixels from `origin` of an axis of `size` pixels. Positions beyond the whole axis take its
    end. They come in float32, rounded as torch's own resizing rounds them, so that a window gets the very
    weights that the published models give to the whole.
    """
    at = at.clamp(0, size - 1)
    low = at.floor()
    weight = (at - low).to(x.device, x.dtype).view((-1, 1, 1) if axis == 0 else (-1, 1))
    first = low.long() - origin
    rows = x.permute(0, 2, 3, 1)  # gathers are row copies when the channels come last
    a, b = (rows.index_select(axis + 1, i.clamp(0, x.shape[axis + 2] - 1).to(x.device)) for i in (first, first + 1))
    y = a.lerp(b, weight).permute(0, 3, 1, 2)
    return y.contiguous() if x.is_contiguous() else y


class LatentPrior(nn.Module):
    """Base of the priors: latents b in_chans h w and the LR picture b 3 H W -> an embedding b 2*growth h w.

    The inputs' memory layout is kept: contiguous ones round as the published results do, channels-last ones are
    faster on a CPU. For the paper's ablations `inputs` may be "latent" or "picture", which alone gets all channels.
    """

    align: int = 1
    lr_receptive_field = LR_STRIDE * (DenseBlock.reach + 2) + 1
    """LR pixels to each side of a window's LR span that its embedding may read.

    The convolutions read 3 * reach + 1; the bilinear taps and the rounding of the grid of every third pixel
    add less than two of its cells.
    """

    @property
    @abstractmethod
    def receptive_field(self) -> int:
        """Latents to each side that one learned latent depends on."""

    def __init__(self, in_chans: int, growth: int, inputs: str = "both") -> None:
        super().__init__()
        if inputs not in INPUTS:
            raise UnsupportedWeights(f"The prior's inputs are {quoted(inputs)}: they can be {', '.join(INPUTS)}.")
        self.in_chans, self.inputs = in_chans, inputs
        growth *= 1 if inputs == "both" else 2
        if inputs != "picture":
            self.input_proj = DenseBlock(in_chans, growth, growth)
        if inputs != "latent":
            self.lr_proj = nn.Sequential(
                nn.Conv2d(3, in_chans, 3, stride=LR_STRIDE, padding=1),
                nn.LeakyReLU(SLOPE, inplace=True),
                DenseBlock(in_chans, growth, growth),
            )

    def forward(self, z: Tensor, lr: Tensor, window: LatentWindow | None = None) -> Tensor:
        """Learned latents b in_chans h w of a window of the initial ones, or of all."""
        window = window or LatentWindow.whole(z, lr)
        return self.latents(self.embed(z, lr, window), window)

    @abstractmethod
    def latents(self, embedding: Tensor, window: LatentWindow) -> Tensor:
        """Learned latents b in_chans h w of an embedding b 2*growth h w."""

    def embed(self, z: Tensor, lr: Tensor, window: LatentWindow) -> Tensor:
        """The latents' channels followed by the picture's."""
        window.check(z, lr, self.align)
        parts = [] if self.inputs == "picture" else [self.input_proj(z)]
        if self.inputs != "latent":
            parts.append(self.embed_lr(lr, window, (z.shape[-2], z.shape[-1])))
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]

    def embed_lr(self, lr: Tensor, window: LatentWindow, shape: tuple[int, int]) -> Tensor:
        """The LR picture on the latent window's grid of `shape`: bilinear between pixel centres, in whole-map units."""
        y: Tensor = self.lr_proj(lr)
        for axis in (0, 1):
            cells, size = -(-window.lr_size[axis] // LR_STRIDE), window.size[axis]
            pixels = torch.arange(shape[axis], dtype=torch.float32) + window.origin[axis]
            at = (pixels + 0.5) * torch.tensor(cells / size) - 0.5
            y = lerp_axis(y, axis, at, window.lr_origin[axis] // LR_STRIDE, cells)
        return y


def is_prior(state: State) -> bool:
    """Whether the tensors have the first convolution of a latent module."""
    return "input_proj.conv1.weight" in state
