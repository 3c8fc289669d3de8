"""Latents that can be held, saved, wired and asked for by window."""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from ..errors import BadShape, BadValue
from ..models.flow import Condition
from .blocks import Block
from .fields import Field, Gaussian, narrowed
from .grid import Grid
from .model import LoadedModel
from .noise import normal
from .prior import learned_latent

Kind = Literal["faithful", "drawn", "learned", "reference"]


class Latent(Protocol):
    """The latent of every patch of a grid, for the pictures of a batch.

    `kind` says what it is: `drawn` from the standard normal, where temperature scales it; `learned`, predicted by a
    prior, or `reference`, encoded from a picture, where strength does; `faithful`, of which there is none.
    """

    @property
    def kind(self) -> Kind: ...

    @property
    def grid(self) -> Grid: ...

    @property
    def model_hash(self) -> str: ...

    def window(self, field: Field, item: int, block: Block) -> tuple[Tensor, Condition | None]:
        """Latents `[rows, cols, d]` of a block for picture `item`, and the block's condition if it came along."""
        ...


@dataclass(frozen=True)
class NoLatent:
    """What stands for a latent where only the mean is wanted, of any model."""

    grid: Grid
    model_hash: str
    kind: Kind = "faithful"

    def window(self, field: Field, item: int, block: Block) -> tuple[Tensor, Condition | None]:
        return torch.zeros(*block.size, field.model.dim), None


@dataclass(frozen=True)
class NoiseLatent:
    """Standard normal noise, computed where it is asked for: it costs no memory.

    `origin` is the patch row and column of this picture's first patch within a whole that it was cropped from.
    """

    grid: Grid
    model_hash: str
    seed: int = 0
    frame: int = 0
    origin: tuple[int, int] = (0, 0)
    dim: int = 27
    kind: Kind = "drawn"

    def window(self, field: Field, item: int, block: Block) -> tuple[Tensor, Condition | None]:
        rows, cols = (range(o + s.start, o + s.stop) for o, s in zip(self.origin, block, strict=True))
        return normal(self.seed, self.frame, rows, cols, self.dim), None


@dataclass(frozen=True)
class PriorLatent:
    """The learned prior's latent, predicted where it is asked for."""

    grid: Grid
    model_hash: str
    kind: Kind = "learned"

    def window(self, field: Field, item: int, block: Block) -> tuple[Tensor, Condition | None]:
        return learned_latent(narrowed(field, Gaussian, "a learned prior"), block)


@dataclass(frozen=True)
class ArrayLatent:
    """Latents `z [b, rows, cols, d]` in memory: 12 bytes per output pixel and picture."""

    grid: Grid
    model_hash: str
    z: Tensor
    kind: Kind

    def window(self, field: Field, item: int, block: Block) -> tuple[Tensor, Condition | None]:
        return self.z[(min(item, len(self.z) - 1), *block.slices())], None


def latent_for(
    kind: str, grid: Grid, model: LoadedModel, seed: int = 0, frame: int = 0, origin: tuple[int, int] = (0, 0)
) -> Latent:
    """The latent of a kind of detail (`Detail.kind`); a draw begins at patch `origin`."""
    if kind == "learned":
        return PriorLatent(grid, model.hash)
    if kind == "drawn":
        return NoiseLatent(grid, model.hash, seed, frame, origin, model.dim)
    return NoLatent(grid, model.hash)


def patch_origin(pixels: tuple[int, int], patch: int) -> tuple[int, int]:
    """Patch row and column of a crop's first output pixel.

    Raises
    ------
    BadValue
        When the crop does not start at a patch.
    """
    for name, value in zip("yx", pixels, strict=True):
        if value < 0 or value % patch:
            near = max(0, round(value / patch)) * patch
            raise BadValue(f"The crop origin {name} = {value} is not a multiple of the patch of {patch}: use {near}.")
    return pixels[0] // patch, pixels[1] // patch


def check_latent(latent: Latent, grid: Grid, model_hash: str, model_name: str) -> None:
    """Refuse a latent of another model or grid, naming both."""
    if latent.model_hash != model_hash:
        raise BadValue(
            f"The latent was made with the model {latent.model_hash}, the features with {model_name} ({model_hash}): "
            "sample the latent from these features."
        )
    if latent.grid != grid:
        raise BadShape(
            f"The latent is for {latent.grid.lr_size} -> {latent.grid.hr_size}, the features for "
            f"{grid.lr_size} -> {grid.hr_size}: use one scale for both."
        )
