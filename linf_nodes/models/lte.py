"""LTE: local texture estimator (Lee & Jin, CVPR 2022), and its faster sibling LTEP."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from .contract import Encoder, Size
from .corners import Corners
from .entry import Channels, Entry, State, count, side
from .mlp import MLP, linear, through
from .waves import WaveNetwork, unweighted


class LTE(WaveNetwork):
    """What is added to the bilinear enlargement: an MLP of the waves of each LR cell around, averaged by area (eq. 4).

    Parameters
    ----------
    encoder
        Maps `[b, 3, h, w]` to `[b, out_dim, h, w]`.
    hidden_dim
        Twice the number of waves.
    hidden_list
        Widths of the MLP's hidden layers.
    """

    family = "LTE"
    in_pairs = True

    def __init__(self, encoder: Encoder, hidden_dim: int = 256, hidden_list: Sequence[int] = (256, 256, 256)):
        super().__init__(encoder, hidden_dim)
        self.imnet = MLP(hidden_dim, 3, hidden_list)

    def at(self, cells: Tensor, phase: Tensor, corners: Corners, work: Any = None, size: Size = (0, 0)) -> Tensor:
        """Residual colours `[q, 3]`."""
        *others, last = self.imnet.linears
        x = self.seen(cells, phase, unweighted(corners), work).to(last.weight.dtype).view(-1, self.hidden_dim)
        for layer in others:
            x = linear(layer, x).relu_()
        return _averaged(linear(last, x), corners)


class LTEFast(WaveNetwork):
    """LTE with half of the frequencies apart, and an MLP of 1x1 convolutions: the same parameters in another order.

    Parameters
    ----------
    encoder
        Maps `[b, 3, h, w]` to `[b, out_dim, h, w]`.
    num_layer, hidden_dim
        Hidden layers of the MLP; their width, which is twice the number of waves.
    """

    family = "LTE fast"

    def __init__(self, encoder: Encoder, num_layer: int = 3, hidden_dim: int = 256):
        super().__init__(encoder, hidden_dim)
        layers: list[nn.Module] = []
        for _ in range(num_layer):
            layers += [nn.Conv2d(hidden_dim, hidden_dim, 1), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(hidden_dim, 3, 1))

    def at(self, cells: Tensor, phase: Tensor, corners: Corners, work: Any = None, size: Size = (0, 0)) -> Tensor:
        """Residual colours `[q, 3]`."""
        seen = self.seen(cells, phase, unweighted(corners), work).to(self.coef.weight.dtype)
        return _averaged(through(self.layers, seen.view(-1, self.hidden_dim)), corners)


def _averaged(colours: Tensor, corners: Corners) -> Tensor:
    """The four cells' colours `[q * 4, 3]`, averaged by area."""
    return (colours.view(-1, 4, 3) * corners.weight.unsqueeze(-1).to(colours.dtype)).sum(1)


def _deduced(state: State, channels: Channels) -> dict[str, Any]:
    layers = count(state, r"imnet\.layers\.(\d+)\.weight")
    hidden = [side(state, f"imnet.layers.{2 * i}.weight") for i in range(layers - 1)]
    return {"hidden_dim": side(state, "coef.weight"), "hidden_list": hidden}


def _deduced_fast(state: State, channels: Channels) -> dict[str, Any]:
    return {"hidden_dim": side(state, "coef.weight"), "num_layer": count(state, r"layers\.(\d+)\.weight") - 1}


ENTRIES = {
    "lte": Entry(
        LTE,
        ("hidden_dim", "hidden_list"),
        lambda state: "coef.weight" in state and "imnet.layers.0.weight" in state,
        _deduced,
        inert=("out_dim",),
    ),
    "lte-fast": Entry(
        LTEFast,
        ("hidden_dim", "num_layer"),
        lambda state: "coef.weight" in state and "layers.0.weight" in state and "imnet.last._weight" not in state,
        _deduced_fast,
    ),
}
