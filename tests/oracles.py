"""Families as their papers write them, in float64: every matrix made, nothing moved out of a sum."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from linf_nodes.models.contract import Network

Array = NDArray[np.float64]
Size = tuple[int, int]


def oracle(network: Network, picture: torch.Tensor, hr_size: Size) -> Array:
    """The picture `[3, H, W]` in [0, 1] of an LR picture `[3, h, w]`, query by query."""
    double = network.double()
    lr = picture.double()
    with torch.no_grad():
        features = double.encode(2 * lr[None] - 1)[0].numpy()
        answer = ORACLES[network.family](double, features, picture.shape[1:], hr_size)
        base = F.interpolate(2 * lr[None] - 1, hr_size, mode="bilinear", align_corners=False)[0].numpy()
    network.float()
    rows: Array = np.array([[answer(y, x) for x in range(hr_size[1])] for y in range(hr_size[0])])
    return 0.5 + 0.5 * (rows.transpose(2, 0, 1) + (base if network.over_bilinear else 0))


def _weights(network: Network) -> dict[str, Array]:
    return {name: t.detach().double().numpy() for name, t in network.named_parameters()}


def _mlp(w: dict[str, Array], x: Array, prefix: str) -> Array:
    names = sorted((n for n in w if n.startswith(prefix) and n.endswith("weight")), key=lambda n: int(n.split(".")[-2]))
    for i, name in enumerate(names):
        x = w[name].reshape(len(w[name]), -1) @ x + w[name.replace("weight", "bias")]
        x = np.maximum(x, 0) if i < len(names) - 1 else x
    return x


def _around(at: float, n: int) -> tuple[int, int]:
    low = int(np.floor(at))
    return min(max(low, 0), n - 1), min(max(low + 1, 0), n - 1)


def _corners(y: int, x: int, lr: Size, hr: Size) -> list[tuple[int, int, float, float, float]]:
    """Cells around an output pixel with the offsets, 2 per LR pixel, and the area of the opposite one."""
    at = [(i + 0.5) * n / m - 0.5 for i, n, m in zip((y, x), lr, hr, strict=True)]
    ys, xs = (_around(a, n) for a, n in zip(at, lr, strict=True))
    found = [(r, c, 2 * (at[0] - r), 2 * (at[1] - c)) for r in ys for c in xs]
    areas = [abs(a * b) + 1e-9 for _, _, a, b in found]
    return [(*cell, areas[3 - i] / sum(areas)) for i, cell in enumerate(found)]


def _unfolded(features: Array, r: int, c: int) -> Array:
    padded = np.pad(features, ((0, 0), (1, 1), (1, 1)))
    return padded[:, r : r + 3, c : c + 3].ravel()


def _liif(network: Any, features: Array, lr: Size, hr: Size) -> Callable[[int, int], Array]:
    w, size = _weights(network), [2 * n / m for n, m in zip(lr, hr, strict=True)]

    def answer(y: int, x: int) -> Array:
        total = np.zeros(3)
        for r, c, dy, dx, area in _corners(y, x, lr, hr):
            total += area * _mlp(w, np.array([*_unfolded(features, r, c), dy, dx, *size]), "imnet.layers")
        return total

    return answer


def _metasr(network: Any, features: Array, lr: Size, hr: Size) -> Callable[[int, int], Array]:
    w = _weights(network)

    def answer(y: int, x: int) -> Array:
        r, c = y * lr[0] // hr[0], x * lr[1] // hr[1]
        seen = np.array([y * lr[0] / hr[0] - r, x * lr[1] / hr[1] - c, lr[0] / hr[0]])
        return _unfolded(features, r, c) @ _mlp(w, seen, "imnet.layers").reshape(-1, 3)

    return answer


def _lte(paired: bool, prefix: str) -> Any:
    def make(network: Any, features: Array, lr: Size, hr: Size) -> Callable[[int, int], Array]:
        w, size = _weights(network), np.array([2 * n / m for n, m in zip(lr, hr, strict=True)])
        shown = torch.from_numpy(features)[None]
        parts = [(torch.from_numpy(w[f"{n}.weight"]), torch.from_numpy(w[f"{n}.bias"])) for n in ("coef", "freq")]
        maps = [F.conv2d(shown, weight, bias, padding=1)[0].numpy() for weight, bias in parts]
        phase = w["phase.weight"] @ size

        def answer(y: int, x: int) -> Array:
            total = np.zeros(3)
            for r, c, dy, dx, area in _corners(y, x, lr, hr):
                coef, freq = (m[:, r, c] for m in maps)
                fy, fx = (freq[::2], freq[1::2]) if paired else (freq[: len(freq) // 2], freq[len(freq) // 2 :])
                angle = np.pi * (fy * dy + fx * dx + phase)
                total += area * _mlp(w, coef * np.concatenate([np.cos(angle), np.sin(angle)]), prefix)
            return total

        return answer

    return make


def _area(y: float, x: float, half: list[float], bands: int) -> Array:
    """The mean of every wave over a pixel around a centre, by numerical integration of both axes."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    parts = []
    for centre, h in zip((y, x), half, strict=True):
        for wave in (np.sin, np.cos):
            parts.append([0.5 * weights @ wave(2.0**k * (centre + h * nodes)) for k in range(bands)])
    return np.concatenate(parts)


def _ipe_liif(network: Any, features: Array, lr: Size, hr: Size) -> Callable[[int, int], Array]:
    w, half = _weights(network), [n / m for n, m in zip(lr, hr, strict=True)]

    def answer(y: int, x: int) -> Array:
        total = np.zeros(3)
        for r, c, dy, dx, area in _corners(y, x, lr, hr):
            place = _area(dy, dx, half, network.bands)
            hidden = np.concatenate([_unfolded(features, r, c), place])
            for i in range(3):
                if i == 1:  # two hidden layers: the encoding enters the second again
                    hidden = np.concatenate([hidden, place])
                hidden = w[f"imnet.layers.{2 * i}.weight"] @ hidden + w[f"imnet.layers.{2 * i}.bias"]
                hidden = np.maximum(hidden, 0) if i < 2 else hidden
            total += area * hidden
        return total

    return answer


def _ipe_metasr(network: Any, features: Array, lr: Size, hr: Size) -> Callable[[int, int], Array]:
    w, half = _weights(network), [n / m for n, m in zip(lr, hr, strict=True)]

    def answer(y: int, x: int) -> Array:
        r, c = y * lr[0] // hr[0], x * lr[1] // hr[1]
        cy, cx = [2 * ((i + 0.5) * n / m - (cell + 0.5)) for i, n, m, cell in zip((y, x), lr, hr, (r, c), strict=True)]
        place = _area(cy, cx, half, network.bands)
        return _unfolded(features, r, c) @ _mlp(w, place, "imnet.layers").reshape(-1, 3)

    return answer


ORACLES = {"LIIF": _liif, "MetaSR": _metasr, "LTE": _lte(True, "imnet.layers"), "LTE fast": _lte(False, "layers")}
ORACLES |= {"IPE-LIIF": _ipe_liif, "IPE-MetaSR": _ipe_metasr}
