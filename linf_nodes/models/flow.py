"""The conditional affine flow of LINF (Yao et al., CVPR 2023, eqs 1-4), and its closed form.

Every layer is `h -> s * (W h + b) + t`, and `s, t` depend on the condition alone, so that the whole flow is affine
in its input: `z = L^-1 (m - mu)`, `m = mu + L z`. `mean`, `detail`, `whiten` and the two transposes are these maps.
"""

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import UnsupportedWeights
from .chain import AffineChain, Inverse

SCALE_FLOOR = 1e-4
_SINGULAR = "A matrix of the flow has no inverse: the weights are damaged."


class Condition(NamedTuple):
    """What one query's condition fixes: `scale` and `shift`, each `[q, layers, d]`, float32 or float64."""

    scale: Tensor
    shift: Tensor


class Linear(nn.Module):
    """A square, invertible matrix `[d, d]` and a bias `[d]`, under the parameter names of published files."""

    def __init__(self, dim: int):
        super().__init__()
        self._weight = nn.Parameter(torch.empty(dim, dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        nn.init.orthogonal_(self._weight)


class AffineFlow(nn.Module):
    """`layers` conditional affine layers and one last linear map over vectors of `dim` components.

    The condition comes from `condition(info)`; all maps below take vectors `[q, d]`. Matrix inverses are computed once
    in float64, kept while in eval mode, and dropped by `train()` and by loading weights.
    """

    def __init__(self, dim: int, layers: int):
        super().__init__()
        self.dim = dim
        self.linears = nn.ModuleList(Linear(dim) for _ in range(layers))
        self.last = Linear(dim)
        self._cache: tuple[Tensor, Tensor] | None = None

    def condition(self, info: Tensor) -> Condition:
        """Scale `sigmoid(raw + 2) + 1e-4` and shift from `info [q, layers * 2 * d]`: raw scale, then shift."""
        raw, shift = info.view(*info.shape[:-1], len(self.linears), 2, self.dim).unbind(-2)
        return Condition(torch.sigmoid(raw + 2) + SCALE_FLOOR, shift)

    def forward(self, x: Tensor, cond: Condition) -> tuple[Tensor, Tensor]:
        """Latent `z [q, d]` of the texture `x [q, d]`, and log |det dz/dx| `[q]`."""
        for layer, scale, shift in zip(self._layers(), cond.scale.unbind(1), cond.shift.unbind(1), strict=True):
            x = torch.addcmul(shift, F.linear(x, layer._weight, layer.bias), scale)
        z: Tensor = F.linear(x, self.last._weight, self.last.bias)
        return z, cond.scale.log().sum((-2, -1)) + self._matrix_logdet()

    def inverse(self, z: Tensor, cond: Condition) -> Tensor:
        """Texture `x [q, d]` of the latent `z [q, d]`."""
        inverses, offsets = (t.unbind() for t in self._inverses())
        scales, shifts = cond.scale.unbind(1), cond.shift.unbind(1)
        x: Tensor = torch.addmm(offsets[-1], z, inverses[-1])
        for i in reversed(range(len(scales))):
            x = torch.addmm(offsets[i], (x - shifts[i]) / scales[i], inverses[i])
        return x

    def log_prob(self, x: Tensor, cond: Condition) -> Tensor:
        """Log-density `[q]` in nats of the texture `x [q, d]` under a standard normal latent (eq. 3)."""
        z, logdet = self(x, cond)
        log_p: Tensor = _log_normal(z) + logdet
        return log_p

    def fit(self, x: Tensor, cond: Condition) -> tuple[Tensor, Tensor]:
        """`log_prob(x, cond)` and `mean(cond)` in one pass, for training: two chains of layers run side by side.

        The latent of x is a chain h -> (W h) scale + (b scale + shift), and W h + b at last. The texture of the latent
        0 is one of the same form, from the last layer to the first: with r = 1 / scale, and h standing for minus
        itself, h -> (W^-1 h) r + (shift r + b), from b of the last layer on, and W^-1 h at last. So one batched product
        and one multiplication serve a layer of each.
        """
        weights, biases = self._matrices()
        try:
            inverses, logdet = Inverse.apply(weights)  # type: ignore[no-untyped-call]  # torch types no Function
        except RuntimeError as error:
            raise UnsupportedWeights(_SINGULAR) from error
        bias, last = torch.split(biases, [len(self.linears), 1])
        r = cond.scale.reciprocal()
        terms = cond.scale * bias + cond.shift, (cond.shift * r + bias).flip(1)
        both = (torch.stack(pair).permute(2, 0, 1, 3) for pair in ((cond.scale, r.flip(1)), terms))
        matrices = torch.stack((weights, inverses.flip(0)), 1)
        h = torch.stack((x, last.expand_as(x)))
        z, mean = AffineChain.apply(h, matrices, *both).unbind()  # type: ignore[no-untyped-call]  # torch types no Function
        return _log_normal(z + last) + (cond.scale.log().sum((-2, -1)) + logdet), -mean

    def mean(self, cond: Condition) -> Tensor:
        """`mu [q, d]`: the texture at z = 0."""
        return self.inverse(cond.scale.new_zeros(1, self.dim).expand(len(cond.scale), -1), cond)

    def detail(self, z: Tensor, cond: Condition) -> Tensor:
        """`L z`: the texture that the latent `z [q, d]` adds to the mean."""
        inverses, _ = self._inverses()
        x = z @ inverses[-1]
        for i in reversed(range(len(self.linears))):
            x = (x / cond.scale[:, i]) @ inverses[i]
        return x

    def detail_t(self, v: Tensor, cond: Condition) -> Tensor:
        """`L^T v`."""
        inverses, _ = self._inverses()
        for i in range(len(self.linears)):
            v = (v @ inverses[i].T) / cond.scale[:, i]
        return v @ inverses[-1].T

    def whiten(self, m: Tensor, cond: Condition) -> Tensor:
        """`L^-1 m`."""
        for i, layer in enumerate(self._layers()):
            m = (m @ layer._weight.T) * cond.scale[:, i]
        return m @ self.last._weight.T

    def whiten_t(self, v: Tensor, cond: Condition) -> Tensor:
        """`L^-T v`."""
        v = v @ self.last._weight
        for i, layer in reversed(list(enumerate(self._layers()))):
            v = (v * cond.scale[:, i]) @ layer._weight
        return v

    def covariance_factor(self, cond: Condition) -> Tensor:
        """`L [q, d, d]` itself, one column per latent component: for a few queries, never for a picture."""
        eye = torch.eye(self.dim, dtype=cond.scale.dtype, device=cond.scale.device)
        columns = [self.detail(e.expand(len(cond.scale), -1), cond) for e in eye]
        return torch.stack(columns, -1)

    def train(self, mode: bool = True) -> "AffineFlow":
        self._drop()
        super().train(mode)
        return self

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._drop()
        super()._load_from_state_dict(*args, **kwargs)

    def _layers(self) -> list[Linear]:
        return [m for m in self.linears if isinstance(m, Linear)]

    def _matrices(self) -> tuple[Tensor, Tensor]:
        layers = [*self._layers(), self.last]
        return torch.stack([m._weight for m in layers]), torch.stack([m.bias for m in layers])

    def _matrix_logdet(self) -> Tensor:
        total: Tensor = torch.linalg.slogdet(self._matrices()[0]).logabsdet.sum()
        return total

    def _inverses(self) -> tuple[Tensor, Tensor]:
        """Transposed inverses `[layers + 1, d, d]` and offsets `-W^-1 b [layers + 1, d]`."""
        cached, like = self._cache, self.last._weight
        if cached is not None and cached[0].dtype == like.dtype and cached[0].device == like.device:
            return cached
        weight, bias = self._matrices()
        wide = weight if self.training else weight.double()
        try:
            inverse = torch.linalg.inv(wide)
        except RuntimeError as error:
            raise UnsupportedWeights(_SINGULAR) from error
        offset = -(inverse @ bias.to(wide.dtype).unsqueeze(-1)).squeeze(-1)
        pair = inverse.mT.contiguous().to(weight.dtype), offset.to(weight.dtype)
        if not (self.training or torch.is_grad_enabled()):
            self._cache = pair
        return pair

    def _drop(self) -> None:
        self._cache = None


def _log_normal(z: Tensor) -> Tensor:
    """Log-density of a standard normal, `[q]` of `[q, d]`."""
    return -0.5 * (z.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi))
