"""Perceptual distance: features of the first layers of an image classifier, compared."""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import UnsupportedWeights

# Each block's convolutions, by the position that they have in VGG16; a block ends in the activation that is compared.
_VGG16 = (("net.0", "net.2"), ("net.5", "net.7"))
# VGG19 in its normalised form: its first 1x1 convolution holds the normalisation, and it repeats by reflection.
# A file may end early.
_VGG19 = (
    ("conv11",),
    ("conv12", "P", "conv21"),
    ("conv22", "P", "conv31"),
    ("conv32", "conv33", "conv34", "P", "conv41"),
    ("conv42", "conv43", "conv44", "P", "conv51"),
)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PerceptualNetwork(nn.Module):
    """Frozen features of pictures `[b, 3, h, w]` in [0, 1]: VGG16 to relu2_2, or normalised VGG19 to relu5_1 at most.

    The VGG19 may have fewer channels, or end at relu3_1.
    """

    def __init__(self, tensors: dict[str, Tensor]):
        super().__init__()
        self.reflects = "conv0.weight" in tensors
        self.blocks = tuple(b for b in _VGG19 if f"{b[-1]}.weight" in tensors) if self.reflects else _VGG16
        self.names = ["conv0"] * self.reflects + [n for block in self.blocks for n in block if n != "P"]
        for name in self.names:
            weight, bias = (tensors[f"{name}.{kind}"].float() for kind in ("weight", "bias"))
            layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], padding=0 if self.reflects else 1)
            layer.load_state_dict({"weight": weight, "bias": bias})
            self.add_module(name.replace(".", "_"), layer)
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Activations at the end of each block."""
        if self.reflects:
            return self._vgg19(x)
        mean, std = (torch.tensor(v, device=x.device).view(3, 1, 1) for v in (_MEAN, _STD))
        x, taps = (x - mean) / std, list[Tensor]()
        for block in _VGG16:
            x = F.max_pool2d(x, 2) if taps else x
            for name in block:
                x = self._conv(name, x).relu()
            taps.append(x)
        return taps

    def _vgg19(self, x: Tensor) -> list[Tensor]:
        x, taps = self._conv("conv0", x), list[Tensor]()
        for block in self.blocks:
            for name in block:
                x = F.max_pool2d(x, 2) if name == "P" else self._conv(name, F.pad(x, (1,) * 4, "reflect")).relu()
            taps.append(x)
        return taps

    def _conv(self, name: str, x: Tensor) -> Tensor:
        y: Tensor = self.get_submodule(name.replace(".", "_"))(x)
        return y


def read_perceptual(path: Path, device: torch.device) -> PerceptualNetwork:
    """Read a perceptual network.

    Raises
    ------
    UnsupportedWeights
        When the file cannot be read or holds another network.
    """
    try:
        trunk = PerceptualNetwork(load_file(path))
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise UnsupportedWeights(
            f"'{path}' is no perceptual network known here ({error}): give VGG16 to relu2_2 (net.0 to net.7) or "
            "normalised VGG19 to relu3_1 or deeper (conv0 to conv31 or conv51) as .safetensors."
        ) from error
    return trunk.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def perceptual_distance(trunk: PerceptualNetwork, picture: Tensor, target: Tensor) -> Tensor:
    """Mean |difference| of the features over their mean, summed over the blocks. Pictures `[b, 3, h, w]` in [0, 1]."""
    with torch.no_grad():
        wanted = trunk(target.contiguous(memory_format=torch.channels_last))
    seen = trunk(picture.contiguous(memory_format=torch.channels_last))
    distances = [
        (a - b).abs().float().mean() / (b.abs().float().mean() + 1e-6) for a, b in zip(seen, wanted, strict=True)
    ]
    return torch.stack(distances).sum()
