"""IPE-LIIF and IPE-MetaSR (Liu et al., 2021): positions and pixel sizes as integrated waves.

No implementation was published: what the paper leaves open is said here. The skip-MLP is an MLP that gets the encoding
once more in the middle, beside the hidden numbers. Plain positional encoding ("pe") is the paper's ablation: a
pixel's centre alone.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .contract import Encoder
from .encoding import Kind, encoded, fading
from .entry import Channels, Entry, State, count, side
from .liif import LIIF
from .metasr import HIDDEN, MetaSR
from .mlp import MLP, linear, single

BANDS = 10


class SkipMLP(MLP):
    """An MLP whose layer in the middle sees `again` numbers of the input once more, after the hidden ones."""

    def __init__(self, in_dim: int, out_dim: int, hidden_list: Sequence[int], again: int):
        super().__init__(in_dim, out_dim, hidden_list)
        self.middle = len(hidden_list) // 2
        before = self.linears[self.middle]
        self.layers[2 * self.middle] = nn.Linear(before.in_features + again, before.out_features)


class IPELIIF(LIIF):
    """LIIF whose MLP sees the integrated encoding of the pixel instead of the way to its centre and its size.

    Parameters
    ----------
    encoder
        Maps `[b, 3, h, w]` to `[b, out_dim, h, w]`.
    hidden_list
        Widths of the MLP's hidden layers.
    local_ensemble, feat_unfold
        As in LIIF.
    bands
        Frequencies of the encoding, 1, 2, 4, ...
    encoding
        "ipe", or "pe" for the ablation.
    skip
        Whether the encoding enters again in the MLP's middle.
    """

    family = "IPE-LIIF"

    def __init__(
        self,
        encoder: Encoder,
        hidden_list: Sequence[int] = (256, 256, 256, 256),
        local_ensemble: bool = True,
        feat_unfold: bool = True,
        bands: int = BANDS,
        encoding: Kind = "ipe",
        skip: bool = True,
    ):
        self.bands, self.encoding, self.skip = bands, encoding, skip
        super().__init__(encoder, hidden_list, local_ensemble, feat_unfold, cell_decode=False)

    def decoder(self, hidden_list: Sequence[int]) -> MLP:
        """The MLP, of features and of the encoding."""
        places = 4 * self.bands
        if self.skip and len(hidden_list) > 1:
            return SkipMLP(self.seen + places, 3, hidden_list, places)
        return MLP(self.seen + places, 3, hidden_list)

    def phases(self, rel_cell: Tensor) -> Tensor:
        """How much is left of every wave `[q, 2, bands]` over a pixel of that size."""
        return _left(rel_cell, self.bands, self.encoding)

    def hidden(self, rows: Tensor, offset: Tensor, phase: Tensor) -> Tensor:
        """The last hidden layer `[q * n, c]`."""
        first, *others, last = self.imnet.linears
        place = encoded(offset, phase.unsqueeze(1))
        x = rows + F.linear(place, single(first.weight[:, self.seen :]), single(first.bias))
        x = torch.relu(x).flatten(0, 1).to(last.weight.dtype)
        for i, layer in enumerate(others, 1):
            if isinstance(self.imnet, SkipMLP) and i == self.imnet.middle:
                x = torch.cat((x, place.flatten(0, 1).to(x.dtype)), 1)
            x = torch.relu(linear(layer, x))
        return x


class IPEMetaSR(MetaSR):
    """MetaSR whose MLP sees the integrated encoding of the pixel, in the cell that holds its first corner.

    Parameters
    ----------
    encoder
        Maps `[b, 3, h, w]` to `[b, out_dim, h, w]`.
    bands, encoding
        As in IPE-LIIF.
    """

    family = "IPE-MetaSR"

    def __init__(self, encoder: Encoder, bands: int = BANDS, encoding: Kind = "ipe"):
        self.bands, self.encoding, self.places = bands, encoding, 4 * bands
        super().__init__(encoder)

    def phases(self, rel_cell: Tensor) -> Tensor:
        """Half-edges `[q, 2]`, in half LR pixels."""
        return rel_cell / 2

    def place(self, offset: Tensor, phase: Tensor) -> Tensor:
        """The encoding `[q, 4 * bands]` of the pixel's area."""
        left = _left(2 * phase, self.bands, self.encoding)
        return encoded(offset - 1 + phase, left)


def _left(rel_cell: Tensor, bands: int, encoding: Kind) -> Tensor:
    left = fading(single(rel_cell) / 2, bands)
    return left if encoding == "ipe" else torch.ones_like(left)


def _deduced(state: State, channels: Channels) -> dict[str, Any]:
    """`local_ensemble` and `encoding` show in no tensor: the paper's own are taken."""
    layers = count(state, r"imnet\.layers\.(\d+)\.weight")
    hidden = [side(state, f"imnet.layers.{2 * i}.weight") for i in range(layers - 1)]
    inputs, known, middle = side(state, "imnet.layers.0.weight", 1), channels(), len(hidden) // 2
    unfold = inputs > 9 * known
    bands = (inputs - known * (9 if unfold else 1)) // 4
    skip = middle > 0 and side(state, f"imnet.layers.{2 * middle}.weight", 1) > hidden[middle - 1]
    return {"hidden_list": hidden, "feat_unfold": unfold, "bands": bands, "skip": skip}


def _widened(state: State) -> bool:
    """Whether a layer of the MLP sees more numbers than the one before it gives."""
    name, hidden = "imnet.layers.{}.weight", count(state, r"imnet\.layers\.(\d+)\.weight")
    pairs = [(name.format(2 * i), name.format(2 * i + 2)) for i in range(hidden - 1)]
    known = [(state[a], state[b]) for a, b in pairs if a in state and b in state]
    return any(a.ndim == b.ndim == 2 and b.shape[1] > a.shape[0] for a, b in known)


def _is_ipe_metasr(state: State) -> bool:
    first, last = (state.get(f"imnet.layers.{i}.weight") for i in (0, 2))
    if first is None or last is None or first.ndim != 2 or "imnet.layers.4.weight" in state:
        return False
    return len(first) == HIDDEN and first.shape[1] > 3 and len(last) % 27 == 0


_UNSEEN = {("local_ensemble", False): "the nearest cell alone", ("encoding", "pe"): "centres are encoded alone"}
ENTRIES = {
    "ipe-liif": Entry(
        IPELIIF,
        ("hidden_list", "local_ensemble", "feat_unfold", "bands", "encoding", "skip"),
        _widened,
        _deduced,
        inert=("out_dim",),
        unseen=_UNSEEN,
    ),
    "ipe-metasr": Entry(
        IPEMetaSR,
        ("bands", "encoding"),
        _is_ipe_metasr,
        lambda state, channels: {"bands": side(state, "imnet.layers.0.weight", 1) // 4},
        unseen=_UNSEEN,
    ),
}
