"""The pipeline as nodes: encode, latent, inverse, compose."""

from dataclasses import replace
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ..errors import BadValue
from ..pipeline import composition, features, render
from ..pipeline.features import check_image
from ..pipeline.fields import Draws, Gaussian, require
from ..pipeline.grid import Grid
from ..pipeline.latent import ArrayLatent, NoiseLatent, PriorLatent, check_latent, patch_origin
from ..pipeline.reference import encode_reference as encode_picture
from ..pipeline.render import Progress
from ..pipeline.size import output_size
from .amount import amount_of, detail_of
from .node import node
from .types import (
    AutoTemperature,
    Edges,
    Features,
    Frame,
    Image,
    Latent,
    Mask,
    Megapixels,
    Model,
    Origin,
    Scale,
    ScaleX,
    Seed,
    Side,
    Strength,
    Temperature,
    Texture,
    Tile,
)

LEVELS = {"standard deviation": None, "50 %": 0.5, "80 %": 0.8, "95 %": 0.95}


@node("Encode LR", ("features",))
def encode_lr(
    linf_model: Model,
    image: Image,
    tile: Tile = 0,
    edges: Edges = "usual",
    half: bool = False,
    progress: Progress | None = None,
) -> Features:
    """Encode a low-resolution picture; independent of scale, so encode once and query often.

    Parameters
    ----------
    linf_model
        From Load LINF Model.
    image
        The picture to be enlarged; grey, RGB, with or without alpha.
    half
        Hold the features in half precision: half the memory. Photographs change by a tenth of a grey level of 8 bits at
        most; harder pictures, such as halftones and pure noise, by more in places.
    """
    if edges == features.SEAMLESS:  # every window is encoded among its copies, when it is asked for
        check_image(image)
        return features.Features(linf_model, image, edges=edges)
    found = features.encode(linf_model, image, tile or render.AUTO_TILE, progress)
    return replace(found, maps=found.maps.half()) if half and found.maps is not None else found


@node("Sample Latent", ("latent",))
def sample_latent(
    features: Features,
    scale: Scale = 4.0,
    seed: Seed = 0,
    frame: Frame = 0,
    scale_x: ScaleX = 0.0,
    height: Side = 0,
    width: Side = 0,
    megapixels: Megapixels = 0.0,
    origin_y: Origin = 0,
    origin_x: Origin = 0,
) -> Latent:
    """Draw the latent z of every texture patch from a standard normal; the same seed always gives the same z.

    Parameters
    ----------
    features
        From Encode LR.
    """
    require(features.model, Draws, "Sample Latent")
    grid = _grid(features, output_size(features.lr_size, scale, scale_x, (height, width), megapixels))
    origin = patch_origin((origin_y, origin_x), grid.patch)
    return NoiseLatent(grid, features.model.hash, seed, frame, origin, features.model.dim)


@node("Learned Prior", ("latent",))
def learned_prior(
    features: Features,
    scale: Scale = 4.0,
    scale_x: ScaleX = 0.0,
    height: Side = 0,
    width: Side = 0,
    megapixels: Megapixels = 0.0,
) -> Latent:
    """Predict the latent z instead of drawing it (LINF-LP): no temperature to tune, no seed.

    Parameters
    ----------
    features
        From Encode LR, of a model with a learned prior.
    """
    require(features.model, Draws, "Learned Prior")
    if features.model.prior is None:
        raise BadValue(
            f"The model {features.model.name!r} has no learned prior: use Sample Latent, or load one with it."
        )
    grid = _grid(features, output_size(features.lr_size, scale, scale_x, (height, width), megapixels))
    return PriorLatent(grid, features.model.hash)


@node("Encode Reference", ("latent",))
def encode_reference(features: Features, reference: Image, tile: Tile = 0, progress: Progress | None = None) -> Latent:
    """Read the latent z out of a high-resolution picture of the same scene: `z = L^-1 (picture - bilinear - mean)`.

    Parameters
    ----------
    features
        From Encode LR.
    reference
        The high-resolution picture; its size is the output size.
    """
    require(features.model, Gaussian, "Encode Reference")
    check_image(reference)
    hr_size = (reference.shape[-2], reference.shape[-1])
    grid = _grid(features, output_size(features.lr_size, size=hr_size))
    z = encode_picture(features, grid, reference.float(), tile or None, progress)
    return ArrayLatent(grid, features.model.hash, z, "reference")


@node("Flow Inverse", ("texture",))
def flow_inverse(features: Features, latent: Latent, tile: Tile = 0, progress: Progress | None = None) -> Texture:
    """Turn a latent into texture in closed form, mean and detail apart: 24 bytes per output pixel.

    Parameters
    ----------
    features
        From Encode LR.
    latent
        From Sample Latent, Learned Prior or Encode Reference, made from the same features.
    """
    require(features.model, Gaussian, "Flow Inverse")
    check_latent(latent, _grid(features, latent.grid.hr_size), features.model.hash, features.model.name)
    return composition.flow_inverse(features, latent, tile or None, progress)


@node("Compose Texture + Bilinear", ("upscaled",))
def compose(
    texture: Texture,
    temperature: Temperature = 0.5,
    auto_temperature: AutoTemperature = True,
    strength: Strength = 1.0,
    mask: Mask | None = None,
    image: Image | None = None,
) -> Image:
    """Add the texture to the bilinear enlargement: `bilinear + mean + amount * detail`.

    Parameters
    ----------
    texture
        From Flow Inverse.
    mask
        Multiplies the amount pixel by pixel.
    image
        Not used, but what a bypassed node hands on: wire the small picture, and a bypass gives it as it is.
    """
    detail = detail_of("auto", temperature, auto_temperature, strength)
    amount = amount_of(texture.features, texture.grid, texture.kind, detail, mask)
    return composition.compose(texture, amount)


@node("Uncertainty", ("deviation",), aliases=("confidence", "error bars"))
def uncertainty(
    features: Features,
    scale: Scale = 4.0,
    scale_x: ScaleX = 0.0,
    height: Side = 0,
    width: Side = 0,
    megapixels: Megapixels = 0.0,
    tile: Tile = 0,
    level: Annotated[str, {"choices": tuple(LEVELS)}] = "standard deviation",
    display: Annotated[str, {"choices": ("values", "map")}] = "values",
    progress: Progress | None = None,
) -> Image:
    """Standard deviation of every output sample under the model, `sqrt(diag(L L^T))`, without drawing anything.

    It is measured against true pictures only where the model is calibrated (`linf info` says so).

    Parameters
    ----------
    features
        From Encode LR.
    level
        50 %, 80 % or 95 %: half the width of the interval that holds so many of the true samples, by the factors on the
        weights' card; an uncalibrated model has none, and gives that of a normal distribution, which is only its guess.
    display
        values: the deviations themselves, nearly black to look at; map: the three colours' together as a heat map, one
        scale for the batch, in grey levels of 255, which stands below.
    """
    require(features.model, Gaussian, "Uncertainty")
    grid = _grid(features, output_size(features.lr_size, scale, scale_x, (height, width), megapixels))
    share = LEVELS[level]
    widening = 1.0 if share is None else features.model.interval(max(grid.scale), share)
    deviation = composition.uncertainty(features, grid, tile or None, progress) * widening
    return deviation if display == "values" else _map(deviation)


def _map(deviation: Tensor) -> Tensor:
    """Deviations `[b, 3, h, w]` as heat maps: all but the highest half of a percent lie on the scale."""
    from ..pictures.heat import heat_map

    levels = 255 * deviation.square().mean(1).sqrt().numpy()
    high = float(np.percentile(levels[..., :: 1 + levels.shape[-1] // 1024], 99.5))
    maps = [torch.from_numpy(heat_map(plane, high, "of 255")).movedim(-1, 0) for plane in levels]
    return torch.stack(maps)


def _grid(features: Features, hr_size: tuple[int, int]) -> Grid:
    return Grid(features.lr_size, hr_size, features.model.patch)
