"""Latents on disk: safetensors with a header that names the model, the grid and the kind."""

import json
from pathlib import Path
from typing import cast, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..atomic import atomic_write
from ..errors import BadValue
from .canvas import canvas_of
from .features import Features
from .grid import Grid
from .latent import ArrayLatent, Kind, Latent, NoiseLatent

FORMAT = "linf-latent/1"


@torch.inference_mode()
def materialise(features: Features, latent: Latent) -> Tensor:
    """Every latent of a batch in memory, `[b, rows, cols, d]` float32."""
    if isinstance(latent, ArrayLatent):
        return latent.z
    canvas = canvas_of(features, latent)
    z = torch.empty(len(features.image), *latent.grid.patches, features.model.dim)
    for item in range(len(z)):
        field = canvas.field(item)
        for block in canvas:
            found, (rows, cols) = canvas.patches(block)
            z[item, rows, cols] = canvas.latent.window(field, item, block)[0][found].cpu()
    return z


def save_latent(path: Path, features: Features, latent: Latent) -> None:
    """Write a latent whole or not at all: 12 bytes per output pixel and picture."""
    header = {
        "format": FORMAT,
        "model": latent.model_hash,
        "kind": latent.kind,
        "lr_size": json.dumps(latent.grid.lr_size),
        "hr_size": json.dumps(latent.grid.hr_size),
        "patch": str(latent.grid.patch),
    }
    if isinstance(latent, NoiseLatent):
        header |= {"seed": str(latent.seed), "frame": str(latent.frame), "origin": json.dumps(latent.origin)}
    z = materialise(features, latent)
    with atomic_write(path) as part:
        save_file({"z": z.contiguous()}, part, header)


def load_latent(path: Path) -> ArrayLatent:
    """Read a latent.

    Raises
    ------
    BadValue
        When the file is missing, damaged, or not a latent.
    """
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT or header.get("kind") not in get_args(Kind):
                raise BadValue(f"{path} is not a latent saved by this program ({FORMAT}): choose another file.")
            z = file.get_tensor("z")
        (h, w), (height, width) = json.loads(header["lr_size"]), json.loads(header["hr_size"])
        sides = h, w, height, width, int(header["patch"])
        if not all(isinstance(n, int) and n > 0 for n in sides):
            raise ValueError(f"it states the sides {sides}")
        grid, model, kind = Grid((h, w), (height, width), sides[-1]), header["model"], cast(Kind, header["kind"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, BadValue):
            raise
        raise BadValue(f"The latent file {path} cannot be read ({error}): choose another file.") from error
    if tuple(z.shape[1:3]) != grid.patches:
        raise BadValue(f"The latent file {path} holds {tuple(z.shape[1:3])} patches, its header says {grid.patches}.")
    return ArrayLatent(grid, model, z, kind)
