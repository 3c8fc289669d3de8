"""The values that travel between nodes, and the options that recur."""

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from ..pipeline.composition import Texture as TextureValue
from ..pipeline.features import Features as FeaturesValue
from ..pipeline.latent import Latent as LatentValue
from ..pipeline.model import LinfModel


@dataclass(frozen=True)
class Socket:
    """A value that is wired, not typed in: the name of its type, as graphs show it."""

    name: str


Image = Annotated[Tensor, Socket("IMAGE")]  # [b, c, h, w] float32, c = 1 to 4, nominal range [0, 1]
Mask = Annotated[Tensor, Socket("MASK")]  # [b, H, W] float32 on the output grid
Model = Annotated[LinfModel, Socket("LINF_MODEL")]
Features = Annotated[FeaturesValue, Socket("LINF_FEATURES")]
Latent = Annotated[LatentValue, Socket("LINF_LATENT")]
Texture = Annotated[TextureValue, Socket("LINF_TEXTURE")]

Scale = Annotated[float, {"min": 1.0, "max": 32.0, "step": 0.001}]
ScaleX = Annotated[float, {"min": 0.0, "max": 32.0, "step": 0.001}]  # 0: as the scale of y
Pixels = Annotated[int, {"min": 0, "max": 1 << 20, "step": 1}]
Megapixels = Annotated[float, {"min": 0.0, "max": 4096.0, "step": 0.01}]
Seed = Annotated[int, {"min": 0, "max": (1 << 64) - 1, "step": 1}]
Frame = Annotated[int, {"min": 0, "max": (1 << 32) - 1, "step": 1}]
Tile = Annotated[int, {"min": 0, "max": 8192, "step": 1}]  # LR pixels; 0: chosen automatically
Temperature = Annotated[float, {"min": 0.0, "max": 2.0, "step": 0.01}]
Strength = Annotated[float, {"min": 0.0, "max": 2.0, "step": 0.01}]
