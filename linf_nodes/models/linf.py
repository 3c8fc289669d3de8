"""LINF: encoder, local implicit Fourier module, conditional flow (Yao et al., CVPR 2023)."""

import math
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn

from .flow import AffineFlow
from .fourier import Corners, Workspace, fourier_features, nearest


class Encoder(Protocol):
    """What LINF asks of an encoder.

    `out_dim` channels come out; a feature depends on at most `receptive_field` LR pixels to each side; the picture's
    sides must be multiples of `align`.
    """

    out_dim: int
    receptive_field: int
    align: int

    def __call__(self, x: Tensor) -> Tensor: ...


class LINF(nn.Module):
    """The distribution of each `patch x patch x 3` texture of the HR picture, given the LR picture.

    Parameters
    ----------
    encoder
        Maps `[b, 3, h, w]` to `[b, out_dim, h, w]`.
    patch_size
        1, or any odd n.
    flow_layers, num_layer, hidden_dim
        Conditional layers of the flow; hidden layers of the MLP; its width, which is twice the number of waves.
    ensemble
        How the four LR cells around a query are put together. "features", the paper's Fourier feature ensemble: the
        MLP sees the waves of all four (eq. 9). "local", its local ensemble (eq. 8): the MLP runs once for each cell,
        and the four conditions are averaged by area. "nearest": it sees the nearest cell alone.
    amplitude_weighting
        False for the paper's ablation: of "features" the four cells' amplitudes are not weighted by area.
    """

    units: Tensor

    def __init__(
        self,
        encoder: Encoder,
        patch_size: int = 1,
        flow_layers: int = 10,
        num_layer: int = 3,
        hidden_dim: int = 256,
        ensemble: str = "features",
        amplitude_weighting: bool = True,
    ):
        super().__init__()
        self.patch_size, self.hidden_dim = patch_size, hidden_dim
        self.ensemble, self.amplitude_weighting = ensemble, amplitude_weighting
        self.encoder = encoder
        self.coef = nn.Conv2d(encoder.out_dim, hidden_dim, 3, padding=1)
        self.freq = nn.Conv2d(encoder.out_dim, hidden_dim, 3, padding=1)
        self.phase = nn.Linear(2, hidden_dim // 2, bias=False)
        self.register_buffer("units", torch.tensor([[1.0], [math.pi]]), persistent=False)  # of amplitudes, and of waves
        dim = 3 * patch_size**2
        widths = [(4 if ensemble == "features" else 1) * hidden_dim, *[hidden_dim] * num_layer]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 1), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(hidden_dim, flow_layers * 2 * dim, 1))
        self.imnet = AffineFlow(dim, flow_layers)

    @property
    def dim(self) -> int:
        """Components of one latent: `3 * patch_size**2`."""
        return self.imnet.dim

    def encode(self, x: Tensor) -> Tensor:
        """Features `[b, c, h, w]` of a picture `[b, 3, h, w]` in [-1, 1]."""
        return self.encoder(x)

    def fields(self, feat: Tensor, part: tuple[slice, slice] = (slice(None), slice(None))) -> Tensor:
        """Amplitudes and frequencies `[b * cells, 2 * hidden]` of the LR cells in `part` (rows, columns) (eq. 6)."""
        weight = torch.cat((self.coef.weight, self.freq.weight))
        bias = torch.cat((self.coef.bias, self.freq.bias))  # type: ignore[arg-type]
        both = torch.conv2d(feat, weight, bias, padding=1)
        rows = both[:, :, part[0], part[1]].permute(0, 2, 3, 1).reshape(-1, 2 * self.hidden_dim)
        rows = _single(rows)
        if torch.is_grad_enabled():  # in place it would cost the backward pass three copies
            return (rows.view(-1, 2, self.hidden_dim) * self.units).flatten(1)
        rows[:, self.hidden_dim :] *= math.pi
        return rows

    def phases(self, rel_cell: Tensor) -> Tensor:
        """Phases `[q, hidden / 2]` in radians of cell sizes `rel_cell [q, 2]` (y, x), 2 per LR pixel (eq. 7)."""
        return _single(self.phase(rel_cell)) * math.pi

    def info(self, fields: Tensor, phase: Tensor, corners: Corners, work: Workspace | None = None) -> Tensor:
        """The flow's condition `[q, flow_layers * 2 * dim]` at q query points (eqs 7-9)."""
        weight = corners.weight
        if self.ensemble == "nearest":
            corners, work = nearest(corners), None
        elif self.ensemble == "local" or not self.amplitude_weighting:
            corners = corners._replace(weight=torch.ones_like(weight))
        seen = fourier_features(fields, phase, corners, work)
        if self.ensemble != "local":
            return self._run(seen)
        four = self._run(seen.view(-1, self.hidden_dim)).view(*weight.shape, -1)
        return (four * weight.unsqueeze(-1)).sum(1)

    def _run(self, seen: Tensor) -> Tensor:
        """The MLP of rows."""
        # oneDNN runs a channels-last 1x1 convolution about twice as fast as the CPU's float32 matrix product
        row = seen.to(self.coef.weight.dtype).view(1, 1, *seen.shape).permute(0, 3, 1, 2)
        return self.layers(row).permute(0, 2, 3, 1).flatten(0, 2)  # type: ignore[no-any-return]


def _single(x: Tensor) -> Tensor:
    """Half precision made float32: waves are evaluated in float32 at least."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()
