"""LPIPS v0.1 (Zhang et al., CVPR 2018), of AlexNet or SqueezeNet features: the weights file decides."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..errors import BadShape, UnsupportedWeights
from .metrics import quantised

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # ImageNet's statistics for inputs in [-1, 1]
_EPSILON = 1e-10

Weights = Mapping[str, Tensor]
Step = Callable[[Weights, Tensor], Tensor]


def _conv(name: str, stride: int = 1, padding: int = 0) -> Step:
    def step(w: Weights, x: Tensor) -> Tensor:
        return F.relu(F.conv2d(x, w[f"net.{name}.weight"], w[f"net.{name}.bias"], stride, padding))

    return step


def _fire(name: str) -> Step:
    squeeze, one, three = _conv(f"{name}.squeeze"), _conv(f"{name}.expand1x1"), _conv(f"{name}.expand3x3", padding=1)

    def step(w: Weights, x: Tensor) -> Tensor:
        x = squeeze(w, x)
        return torch.cat((one(w, x), three(w, x)), 1)

    return step


def _pool(ceil: bool) -> Step:
    return lambda _, x: F.max_pool2d(x, 3, 2, ceil_mode=ceil)


# Stages of each network; the features after each are compared under the head `lin0`, `lin1`, ...
_ALEX: tuple[tuple[Step, ...], ...] = (
    (_conv("0", 4, 2),),
    (_pool(ceil=False), _conv("3", padding=2)),
    (_pool(ceil=False), _conv("6", padding=1)),
    (_conv("8", padding=1),),
    (_conv("10", padding=1),),
)
_SQUEEZE: tuple[tuple[Step, ...], ...] = (
    (_conv("0", 2),),
    (_pool(ceil=True), _fire("3"), _fire("4")),
    (_pool(ceil=True), _fire("6"), _fire("7")),
    (_pool(ceil=True), _fire("9")),
    (_fire("10"),),
    (_fire("11"),),
    (_fire("12"),),
)
_NETWORKS = {"alex": (_ALEX, "net.10.weight", 31), "squeeze": (_SQUEEZE, "net.12.squeeze.weight", 17)}


class Lpips:
    """Perceptual distance of RGB pictures: 0 for equal ones. `name` is `alex` or `squeeze`.

    The file holds the network as `net.*`, under torchvision's numbers, and the heads as `lin0`, `lin1`, ...

    Raises
    ------
    UnsupportedWeights
        When the file cannot be read, or is of another network.
    """

    def __init__(self, path: Path, device: torch.device | None = None):
        try:
            tensors = load_file(path, str(device or "cpu"))
        except (OSError, SafetensorError) as error:
            raise UnsupportedWeights(f"The LPIPS file '{path}' cannot be read: {error}.") from error
        names = [name for name, (_, sign, _) in _NETWORKS.items() if sign in tensors]
        if len(names) != 1:
            raise UnsupportedWeights(f"'{path}' is no LPIPS network of {' or '.join(_NETWORKS)}: give one that is.")
        self.name = names[0]
        self._stages, _, self._least = _NETWORKS[self.name]
        self._weights = {name: t.float() for name, t in tensors.items()}
        try:
            self(*torch.zeros(2, 3, self._least, self._least))
        except (KeyError, RuntimeError) as error:
            raise UnsupportedWeights(f"'{path}' is no whole LPIPS file ({error}): copy it again.") from error

    @torch.inference_mode()
    def __call__(self, picture: Tensor, reference: Tensor) -> float:
        """Distance of two pictures `[3, h, w]` in [0, 1], rounded to 8 bits first.

        Raises
        ------
        BadShape
            When they differ in size, or are too small for the network.
        """
        if picture.shape != reference.shape or min(picture.shape[1:]) < self._least:
            raise BadShape(
                f"Pictures of {tuple(picture.shape)} and {tuple(reference.shape)} cannot be compared by LPIPS "
                f"({self.name}): give equal sizes of at least {self._least} pixels a side."
            )
        device = self._weights["lin0"].device
        x = torch.stack([quantised(p).float().to(device) for p in (picture, reference)])
        shift, scale = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (_SHIFT, _SCALE))
        x = (2 * x - 1 - shift) / scale
        distance = 0.0
        for i, stage in enumerate(self._stages):
            for step in stage:
                x = step(self._weights, x)
            unit = x / (x.square().sum(1, keepdim=True).sqrt() + _EPSILON)
            distance += float(F.conv2d((unit[:1] - unit[1:]).square(), self._weights[f"lin{i}"]).mean())
        return distance
