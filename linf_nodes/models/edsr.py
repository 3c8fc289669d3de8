"""EDSR encoder (Lim et al., CVPRW 2017), without up-sampling: plain residual blocks of 3x3 convolutions."""

from typing import Any

import torch
from torch import Tensor, nn

from .contract import Encoder
from .entry import Entry, State, count, side

RGB_MEAN = (0.4488, 0.4371, 0.4040)


class MeanShift(nn.Conv2d):
    """The constant 1x1 convolution of published EDSR files: stored there, never applied (numerics, section 0)."""

    def __init__(self, sign: int):
        super().__init__(3, 3, 1)
        self.requires_grad_(False)
        with torch.no_grad():
            self.weight.copy_(torch.eye(3).view(3, 3, 1, 1))
            self.bias.copy_(sign * torch.tensor(RGB_MEAN))  # type: ignore[union-attr]  # a convolution may have none


class ResBlock(nn.Module):
    """`x + res_scale * conv(relu(conv(x)))`."""

    def __init__(self, n_feats: int, res_scale: float):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_feats, n_feats, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_feats, n_feats, 3, padding=1),
        )
        self.res_scale = res_scale

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return torch.add(x, y, alpha=self.res_scale, out=None if torch.is_grad_enabled() else y)


class EDSR(Encoder):
    """Features `[b, n_feats, h, w]` of a normalised picture `[b, 3, h, w]`.

    Parameters
    ----------
    n_resblocks, n_feats, res_scale
        16, 64, 1 is "EDSR-baseline"; 32, 256, 0.1 is "EDSR".
    """

    copies = 5

    def __init__(self, n_resblocks: int = 16, n_feats: int = 64, res_scale: float = 1.0):
        super().__init__()
        self.out_dim, self.res_scale = n_feats, res_scale
        self.receptive_field = self.halo = 2 * n_resblocks + 2
        self.sub_mean, self.add_mean = MeanShift(-1), MeanShift(1)
        self.head = nn.Sequential(nn.Conv2d(3, n_feats, 3, padding=1))
        blocks: list[nn.Module] = [ResBlock(n_feats, res_scale) for _ in range(n_resblocks)]
        self.body = nn.Sequential(*blocks, nn.Conv2d(n_feats, n_feats, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return x + self.body(x)  # type: ignore[no-any-return]


def _is_edsr(state: State) -> bool:
    return "head.0.weight" in state and not any("conv_du." in name for name in state)  # conv_du: RCAN


def _is_large(state: State) -> bool:
    return _is_edsr(state) and _deduced(state) == _LARGE


def _deduced(state: State) -> dict[str, Any]:
    """No shape shows `res_scale`: the published large EDSR has 0.1, every other has 1."""
    return {"n_resblocks": count(state, r"body\.(\d+)\.body\."), "n_feats": side(state, "head.0.weight")}


_ARGS = ("n_resblocks", "n_feats", "res_scale")
_LARGE = {"n_resblocks": 32, "n_feats": 256}
ENTRIES = {
    "edsr-baseline": Entry(EDSR, _ARGS, lambda state: _is_edsr(state) and not _is_large(state), _deduced),
    "edsr": Entry(EDSR, _ARGS, _is_large, _deduced, defaults={**_LARGE, "res_scale": 0.1}),
}
