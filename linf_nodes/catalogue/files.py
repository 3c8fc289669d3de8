"""Latents in and out of files."""

from pathlib import Path

from ..pipeline import latent_file
from .node import node
from .types import Features, Latent


@node("Save Latent", ("path",))
def save_latent(features: Features, latent: Latent, path: str = "latent.safetensors") -> str:
    """Write a latent to a safetensors file that names its model and grid: 12 bytes per output pixel.

    Parameters
    ----------
    features
        From Encode LR: the pictures that the latent belongs to.
    latent
        From Sample Latent, Learned Prior or Encode Reference.
    path
        File to write; an older one is replaced.
    """
    latent_file.save_latent(Path(path), features, latent)
    return path


@node("Load Latent", ("latent",))
def load_latent(path: str = "latent.safetensors") -> Latent:
    """Read a latent that Save Latent wrote; it fits the model and the grid that it was made for.

    Parameters
    ----------
    path
        File to read.
    """
    return latent_file.load_latent(Path(path))
