"""The local implicit Fourier module of LTE (Lee & Jin, CVPR 2022) and LINF (Yao et al., CVPR 2023)."""

import math

import torch
from torch import Tensor, nn

from .contract import Encoder, Network
from .corners import Corners
from .fourier import Workspace, fourier_features
from .mlp import single


class WaveNetwork(Network):
    """A network whose LR cells hold `hidden_dim` amplitudes and half as many waves of two frequencies.

    Attributes
    ----------
    in_pairs
        Whether the two frequencies of a wave are neighbours among the channels, instead of half of them apart.
    """

    units: Tensor
    in_pairs = False
    single: tuple[str, ...] = ("phase",)

    def __init__(self, encoder: Encoder, hidden_dim: int):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.width = 2 * hidden_dim
        self.encoder = encoder
        self.coef = nn.Conv2d(encoder.out_dim, hidden_dim, 3, padding=1)
        self.freq = nn.Conv2d(encoder.out_dim, hidden_dim, 3, padding=1)
        self.phase = nn.Linear(2, hidden_dim // 2, bias=False)
        self.register_buffer("units", torch.tensor([[1.0], [math.pi]]), persistent=False)  # of amplitudes, and of waves

    def cells(self, feat: Tensor, part: tuple[slice, slice] = (slice(None), slice(None))) -> Tensor:
        """Amplitudes and frequencies `[b * cells, 2 * hidden]`, in radians per half LR pixel (LINF, eq. 6)."""
        frequency, offset = self.freq.weight, self.freq.bias
        if self.in_pairs:
            frequency, offset = (torch.cat((t[::2], t[1::2])) for t in (frequency, offset))  # type: ignore[index]
        weight = torch.cat((self.coef.weight, frequency))
        bias = torch.cat((self.coef.bias, offset))  # type: ignore[arg-type]
        both = torch.conv2d(feat, weight, bias, padding=1)
        rows = both[:, :, part[0], part[1]].permute(0, 2, 3, 1).reshape(-1, 2 * self.hidden_dim)
        rows = single(rows)
        if torch.is_grad_enabled():  # in place it would cost the backward pass three copies
            return (rows.view(-1, 2, self.hidden_dim) * self.units).flatten(1)
        rows[:, self.hidden_dim :] *= math.pi
        return rows

    def phases(self, rel_cell: Tensor) -> Tensor:
        """Phases `[q, hidden / 2]` in radians (LINF, eq. 7)."""
        return single(self.phase(rel_cell)) * math.pi

    def seen(self, cells: Tensor, phase: Tensor, corners: Corners, work: Workspace | None) -> Tensor:
        """Amplitudes times waves `[q, corners * hidden]` (LINF, eqs 5-9)."""
        return fourier_features(cells, phase, corners, work)

    def workspace(self, queries: int, cells: Tensor) -> Workspace:
        return Workspace(queries, cells)


def unweighted(corners: Corners) -> Corners:
    """The same cells at full weight each."""
    return corners._replace(weight=torch.ones_like(corners.weight))
