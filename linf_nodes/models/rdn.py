"""RDN encoder: residual dense network (Zhang et al. 2018)."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..errors import UnsupportedWeights
from .contract import Encoder
from .entry import Entry, State, count, side

# Number of blocks D, convolutions per block C, growth G.
CONFIGS = {"A": (20, 6, 32), "B": (16, 8, 64)}


class DenseConv(nn.Module):
    """Append ReLU(conv(x)) to x: b c h w -> b c+growth h w."""

    def __init__(self, c_in: int, growth: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(c_in, growth, kernel_size, padding=kernel_size // 2), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.conv(x)), dim=1)


class ResidualDenseBlock(nn.Module):
    """Dense convolutions, fused 1x1 back to G0 channels, plus the input."""

    def __init__(self, g0: int, growth: int, convs: int, kernel_size: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(*(DenseConv(g0 + c * growth, growth, kernel_size) for c in range(convs)))
        self.LFF = nn.Conv2d(g0 + convs * growth, g0, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.LFF(self.convs(x)) + x
        return y


class RDN(Encoder):
    """Normalised LR picture b 3 h w -> features b G0 h w."""

    halo = 32
    copies = 48

    def __init__(self, G0: int = 64, kernel_size: int = 3, config: Literal["A", "B"] = "B") -> None:
        super().__init__()
        blocks, convs, growth = CONFIGS[config]
        pad = kernel_size // 2
        self.out_dim = G0
        self.receptive_field = (blocks * convs + 3) * pad
        self.SFENet1 = nn.Conv2d(3, G0, kernel_size, padding=pad)
        self.SFENet2 = nn.Conv2d(G0, G0, kernel_size, padding=pad)
        self.RDBs = nn.ModuleList(ResidualDenseBlock(G0, growth, convs, kernel_size) for _ in range(blocks))
        self.GFF = nn.Sequential(nn.Conv2d(blocks * G0, G0, 1), nn.Conv2d(G0, G0, kernel_size, padding=pad))

    def forward(self, x: Tensor) -> Tensor:
        first = self.SFENet1(x)
        y = self.SFENet2(first)
        outputs = []
        for block in self.RDBs:
            y = block(y)
            outputs.append(y)
        out: Tensor = self.GFF(torch.cat(outputs, dim=1)) + first
        return out


def _deduced(state: State) -> dict[str, Any]:
    blocks = count(state, r"RDBs\.(\d+)\.")
    convs = count(state, r"RDBs\.0\.convs\.(\d+)\.")
    found = (blocks, convs, side(state, "RDBs.0.convs.0.conv.0.weight"))
    config = next((name for name, sizes in CONFIGS.items() if sizes == found), None)
    if config is None:
        raise UnsupportedWeights(f"The RDN has blocks, convolutions and growth {found}; known are {CONFIGS}.")
    kernel = side(state, "SFENet1.weight", -1)
    return {"G0": side(state, "SFENet1.weight"), "RDNkSize": kernel, "RDNconfig": config}


_NAMES = {"G0": "G0", "RDNkSize": "kernel_size", "RDNconfig": "config"}
ENTRIES = {"rdn": Entry(RDN, _NAMES, lambda state: "SFENet1.weight" in state, _deduced)}
