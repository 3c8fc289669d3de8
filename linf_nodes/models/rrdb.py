"""RRDB encoder: residual-in-residual dense blocks (Wang et al., ESRGAN, 2018)."""

from typing import Any

from torch import Tensor, nn

from .contract import Encoder
from .dense_block import DenseBlock
from .entry import Entry, State, count, side


class ResidualDenseBlock(DenseBlock):
    """x + 0.2 * dense(x), b nf h w."""

    def __init__(self, nf: int, gc: int) -> None:
        super().__init__(nf, gc, nf)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 0.2 + x


class RRDBlock(nn.Module):
    """x + 0.2 * three residual dense blocks of x, b nf h w."""

    def __init__(self, nf: int, gc: int) -> None:
        super().__init__()
        self.RDB1 = ResidualDenseBlock(nf, gc)
        self.RDB2 = ResidualDenseBlock(nf, gc)
        self.RDB3 = ResidualDenseBlock(nf, gc)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.RDB3(self.RDB2(self.RDB1(x))) * 0.2 + x
        return y


class RRDB(Encoder):
    """Normalised LR picture b 3 h w -> features b nf h w.

    upconv1, upconv2, HRconv and conv_last belong to the x4 tail of the published network: they are
    carried so that its state dicts load strictly, and are never run or trained.
    """

    halo = 48
    copies = 9

    def __init__(self, nf: int = 64, nb: int = 23, gc: int = 32) -> None:
        super().__init__()
        self.out_dim = nf
        self.receptive_field = 2 + nb * 3 * DenseBlock.reach
        self.conv_first = nn.Conv2d(3, nf, 3, padding=1)
        self.RRDB_trunk = nn.Sequential(*(RRDBlock(nf, gc) for _ in range(nb)))
        self.trunk_conv = nn.Conv2d(nf, nf, 3, padding=1)
        self.upconv1 = nn.Conv2d(nf, nf, 3, padding=1)
        self.upconv2 = nn.Conv2d(nf, nf, 3, padding=1)
        self.HRconv = nn.Conv2d(nf, nf, 3, padding=1)
        self.conv_last = nn.Conv2d(nf, 3, 3, padding=1)
        for unused in (self.upconv1, self.upconv2, self.HRconv, self.conv_last):
            unused.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv_first(x)
        y: Tensor = self.trunk_conv(self.RRDB_trunk(first)) + first
        return y


_MARK = "RRDB_trunk.0.RDB1.conv1.weight"


def _deduced(state: State) -> dict[str, Any]:
    nb = count(state, r"RRDB_trunk\.(\d+)\.")
    return {"nf": side(state, "conv_first.weight"), "nb": nb, "gc": side(state, _MARK)}


ENTRIES = {"rrdb": Entry(RRDB, ("nf", "nb", "gc"), lambda state: _MARK in state, _deduced)}
