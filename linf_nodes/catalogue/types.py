"""The values that travel between nodes, and the options that recur."""

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from ..pipeline.composition import Texture as TextureValue
from ..pipeline.detail import CHOICES, FORMER
from ..pipeline.ensemble import TURNS
from ..pipeline.features import EDGES
from ..pipeline.features import Features as FeaturesValue
from ..pipeline.latent import Latent as LatentValue
from ..pipeline.model import LoadedModel
from ..pipeline.size import ASPECTS


@dataclass(frozen=True)
class Socket:
    """A value that is wired, not typed in: the name of its type, as graphs show it."""

    name: str


Image = Annotated[Tensor, Socket("IMAGE")]  # [b, c, h, w] float32, c = 1 to 4, nominal range [0, 1]
Mask = Annotated[Tensor, Socket("MASK")]  # [b, H, W] float32 on the output grid
Model = Annotated[LoadedModel, Socket("LINF_MODEL")]
Features = Annotated[FeaturesValue, Socket("LINF_FEATURES")]
Latent = Annotated[LatentValue, Socket("LINF_LATENT")]
Texture = Annotated[TextureValue, Socket("LINF_TEXTURE")]

# Options that recur carry their own help; a docstring's Parameters section says the rest.
Scale = Annotated[
    float,
    {
        "min": 1.0,
        "max": 32.0,
        "step": 0.001,
        "tooltip": "Enlargement, any number from 1 to 32; of the height alone when scale_x is given.",
    },
]
ScaleX = Annotated[
    float, {"min": 0.0, "max": 32.0, "step": 0.001, "tooltip": "Enlargement of the width; 0: the same as scale."}
]
_SIZE = {"min": 0, "max": 1 << 20, "step": 1}
Pixels = Annotated[int, _SIZE]
Side = Annotated[
    int,
    _SIZE | {"tooltip": "Exact output size in pixels, instead of the scale; one alone keeps the aspect; 0: not used."},
]
Origin = Annotated[
    int,
    _SIZE | {"tooltip": "First output pixel of this crop within the whole picture; a multiple of the patch."},
]
Megapixels = Annotated[
    float,
    {
        "min": 0.0,
        "max": 4096.0,
        "step": 0.01,
        "tooltip": "Output size in millions of pixels, aspect kept, instead of every other size; 0: not used.",
    },
]
OnlyEnlarge = Annotated[
    bool, {"tooltip": "A picture that is already as large as asked passes through unchanged, instead of an error."}
]
LongestSide = Annotated[
    int,
    _SIZE | {"tooltip": "Longer side of the output in pixels, aspect kept; after megapixels it decides; 0: not used."},
]
ShortestSide = Annotated[
    int,
    _SIZE | {"tooltip": "Shorter side of the output in pixels, aspect kept; after longest_side; 0: not used."},
]
MultipleOf = Annotated[
    int,
    {
        "min": 1,
        "max": 1024,
        "step": 1,
        "tooltip": "Both sides become the nearest multiple of this, of 8 for many other models; 1: any size.",
    },
]
Aspect = Annotated[
    str,
    {
        "choices": ASPECTS,
        "tooltip": "Height and width together: stretch to them; fit within them; fill them, and cut what stands out. "
        "fill also cuts, instead of stretching, to a multiple.",
    },
]
Reduce = Annotated[
    bool,
    {
        "tooltip": "A picture larger than asked is reduced, with antialiasing and without the model, instead of an "
        "error; only_enlarge goes before it."
    },
]
Seed = Annotated[
    int, {"min": 0, "max": (1 << 64) - 1, "step": 1, "tooltip": "Names the draw; it means the same on every device."}
]
Frame = Annotated[
    int,
    {
        "min": 0,
        "max": (1 << 32) - 1,
        "step": 1,
        "tooltip": "Another draw of the same seed, for frames of a film or planes of a stack.",
    },
]
Passes = Annotated[
    int,
    {
        "min": 1,
        "max": len(TURNS),
        "step": 1,
        "tooltip": "Self-ensemble: the mean of so many of the picture's 8 flips and turns. 8 is 0.2 dB better and "
        "takes 8 times as long; detail is added as with 1.",
    },
]
Tile = Annotated[
    int,
    {
        "min": 0,
        "max": 8192,
        "step": 1,
        "tooltip": "Side of the tiles in input pixels; 0 chooses. The picture does not depend on it.",
    },
]
Temperature = Annotated[
    float,
    {
        "min": 0.0,
        "max": 2.0,
        "step": 0.01,
        "tooltip": "Amount of detail, drawn or learned, unless auto_temperature is on: 0 is the faithful picture.",
    },
]
AutoTemperature = Annotated[
    bool,
    {
        "tooltip": "On: temperature is not used; drawn detail takes the value on the weights' card for this scale, "
        "learned detail is added whole. Off: temperature is obeyed."
    },
]
Strength = Annotated[
    float,
    {"min": 0.0, "max": 2.0, "step": 0.01, "tooltip": "Multiplies the amount of detail, of every kind."},
]
Edges = Annotated[
    str,
    {
        "choices": EDGES,
        "tooltip": "seamless: the picture wraps round, so that a texture that repeats without a seam still does when "
        "it is enlarged.",
    },
]

LatentKind = Annotated[
    str,
    {
        "choices": CHOICES,
        "formerly": FORMER,
        "tooltip": "faithful: no detail; learned: predicted by the learned prior; drawn: from the seed; auto: learned "
        "where the model has a prior and auto_temperature is on, else drawn.",
    },
]
