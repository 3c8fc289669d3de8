"""What newer cores count when they free memory: the tensors of a cached value, by a method of their own name."""

from torch import Tensor

from ...pipeline.composition import Texture
from ...pipeline.features import Features
from ...pipeline.latent import ArrayLatent

METHOD = "_comfy_cache_tensors"


def features_tensors(value: Features) -> list[Tensor]:
    """The small pictures, and their features where they are held."""
    return [t for t in (value.image, value.maps) if t is not None]


def texture_tensors(value: Texture) -> list[Tensor]:
    """Mean and detail; what the features hold is counted where they are."""
    return [value.mean, value.detail]


def latent_tensors(value: ArrayLatent) -> list[Tensor]:
    return [value.z]


def register() -> None:
    """Give the values that travel between nodes the method that ComfyUI's cache asks for."""
    for kind, found in ((Features, features_tensors), (Texture, texture_tensors), (ArrayLatent, latent_tensors)):
        setattr(kind, METHOD, found)
