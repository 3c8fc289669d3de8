"""LINF: encoder, local implicit Fourier module, conditional flow (Yao et al., CVPR 2023)."""

from itertools import pairwise
from typing import Any, Literal, get_args

from torch import Tensor, nn

from ..errors import UnsupportedWeights
from .contract import Encoder, Size
from .corners import Corners, nearest
from .entry import Channels, Entry, State, count, side
from .flow import AffineFlow
from .mlp import through
from .waves import WaveNetwork, unweighted

Ensemble = Literal["features", "local", "nearest"]
ENSEMBLES = get_args(Ensemble)


class LINF(WaveNetwork):
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

    family = "LINF"
    single: tuple[str, ...] = ("imnet", "phase")  # half precision overflows in the flow's inverse

    def __init__(
        self,
        encoder: Encoder,
        patch_size: int = 1,
        flow_layers: int = 10,
        num_layer: int = 3,
        hidden_dim: int = 256,
        ensemble: Ensemble = "features",
        amplitude_weighting: bool = True,
    ):
        if patch_size % 2 == 0:
            raise UnsupportedWeights(f"patch_size is {patch_size!r}; it must be a positive odd whole number.")
        if hidden_dim % 2:
            raise UnsupportedWeights(f"A LINF has hidden_dim = {hidden_dim}: give an even number.")
        super().__init__(encoder, hidden_dim)
        self.patch_size, self.dim = patch_size, 3 * patch_size**2
        self.ensemble, self.amplitude_weighting = ensemble, amplitude_weighting
        self.answers = flow_layers * 2 * self.dim
        if patch_size == 1:
            self.queries = 4096  # a pixel-wise flow asks for far fewer numbers per query
        widths = [(4 if ensemble == "features" else 1) * hidden_dim, *[hidden_dim] * num_layer]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 1), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(hidden_dim, self.answers, 1))
        self.imnet = AffineFlow(self.dim, flow_layers)

    def at(self, cells: Tensor, phase: Tensor, corners: Corners, work: Any = None, size: Size = (0, 0)) -> Tensor:
        """The flow's condition `[q, flow_layers * 2 * dim]` (eqs 7-9)."""
        weight = corners.weight
        if self.ensemble == "nearest":
            corners, work = nearest(corners), None
        elif self.ensemble == "local" or not self.amplitude_weighting:
            corners = unweighted(corners)
        seen = self.seen(cells, phase, corners, work).to(self.coef.weight.dtype)
        if self.ensemble != "local":
            return through(self.layers, seen)
        four = through(self.layers, seen.view(-1, self.hidden_dim)).view(*weight.shape, -1)
        return (four * weight.unsqueeze(-1)).sum(1)


_MARK = "imnet.last._weight"


def _is_linf(patched: bool) -> Any:
    return lambda state: _MARK in state and (side(state, _MARK) != 3) == patched


def _deduced(state: State, channels: Channels) -> dict[str, Any]:
    dim = side(state, _MARK)
    patch = round((dim / 3) ** 0.5)
    if dim != 3 * patch**2 or patch % 2 == 0:
        raise UnsupportedWeights(f"The flow has {dim} components, which is no odd square patch of three colours.")
    args = {
        "flow_layers": count(state, r"imnet\.linears\.(\d+)\."),
        "num_layer": count(state, r"layers\.(\d+)\.weight") - 1,
        "hidden_dim": side(state, "coef.weight"),
    }
    return args if patch == 1 else {**args, "patch_size": patch}


_ARGS = ("flow_layers", "num_layer", "hidden_dim", "ensemble", "amplitude_weighting")
_UNSEEN = {
    ("amplitude_weighting", False): "amplitudes are not weighted",
    ("ensemble", "local"): "four runs are averaged",
}
ENTRIES = {
    "linf": Entry(LINF, _ARGS, _is_linf(False), _deduced, inert=("patch_size",), unseen=_UNSEEN),
    "linf-patch": Entry(
        LINF, (*_ARGS, "patch_size"), _is_linf(True), _deduced, defaults={"patch_size": 3}, unseen=_UNSEEN
    ),
}
