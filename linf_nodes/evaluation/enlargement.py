"""All that the measures need of one picture, from a single pass over its conditions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models.flow import Condition
from ..pipeline.blocks import Block, Plan, Span
from ..pipeline.features import Features, colour
from ..pipeline.fields import HALF, Field
from ..pipeline.fields.affine import AffineField
from ..pipeline.fields.patches import fold, unfold
from ..pipeline.grid import Grid
from ..pipeline.latent import Latent, latent_for
from ..pipeline.model import LoadedModel
from ..pipeline.render import plan_for
from .calibration import Calibration
from .pairs import Example

TILE = 256  # LR pixels: several samples of a block are held at once


@dataclass(frozen=True, eq=False)
class Enlargement:
    """`mean [3, H, W]`, the base included, and `details [k, 3, H, W]`, one for each latent, in picture units."""

    mean: Tensor
    details: Tensor
    calibration: Calibration | None
    grey: bool = False

    def picture(self, amount: float, sample: int = 0) -> Tensor:
        """`[3, H, W]`, unclipped; without detail, an inverse that exploded does no harm. Grey is averaged back."""
        picture = self.mean if amount == 0 else self.mean + amount * self.details[sample]
        return picture.mean(0, keepdim=True).expand(3, -1, -1) if self.grey else picture

    def pictures(self, amount: float) -> Tensor:
        """`[k, 3, H, W]`: every sample."""
        return torch.stack([self.picture(amount, k) for k in range(len(self.details))])


def latents_of(model: LoadedModel, grid: Grid, seeds: Sequence[int], learned: bool) -> list[Latent]:
    """The learned latent, or a drawn one for every seed; of a model without latents, what stands for one."""
    if learned or not model.dim:
        return [latent_for("learned" if learned else "faithful", grid, model)]
    return [latent_for("drawn", grid, model, seed) for seed in seeds]


@torch.inference_mode()
def enlarge(model: LoadedModel, example: Example, latents: Sequence[Latent], tile: int | None = None) -> Enlargement:
    """Mean, details and calibration of an example, block by block; `latents` are of one kind and one grid.

    Beside one block, `12 (1 + k)` bytes per output pixel are held.
    """
    grid = latents[0].grid
    features = Features(model, example.lr[None])
    field = features.field(0, grid)
    if not isinstance(field, AffineField):
        return _plain(field, example, tile)
    mean = torch.empty(3, *grid.hr_size)
    details = torch.empty(len(latents), *mean.shape)
    calibration = Calibration(model.dim)
    for block in plan_for(features, latents[0], tile or TILE):
        pixels = block.pixels(grid)
        window = (slice(None), *pixels.slices())
        base = field.base(pixels)
        z, held = _latents(field, block, latents)
        truth = unfold(colour(example.hr)[window].to(base) - base, grid.patch) / HALF
        mu, detail = torch.empty_like(z[0]), torch.empty_like(z)
        _push(field, block, held, truth, z, mu, detail, calibration, len(example.lr) == 1)
        h, w = pixels.size
        mean[window] = (base + HALF * fold(mu, grid.patch)[:, :h, :w]).cpu()
        for k, texture in enumerate(detail):
            details[(k, *window)] = (HALF * fold(texture, grid.patch)[:, :h, :w]).cpu()
    return Enlargement(mean, details, calibration, grey=len(example.lr) == 1)


def _plain(field: Field, example: Example, tile: int | None) -> Enlargement:
    """Of a model that has a mean alone."""
    mean = torch.empty(3, *field.grid.hr_size)
    for block in Plan.of(field.grid, tile or TILE):
        pixels = block.pixels(field.grid)
        mean[(slice(None), *pixels.slices())] = (field.base(pixels) + field.mean(block)).cpu()
    return Enlargement(mean, torch.zeros(1, *mean.shape), None, grey=len(example.lr) == 1)


def _latents(field: AffineField, block: Block, latents: Sequence[Latent]) -> tuple[Tensor, Condition | None]:
    """`[k, rows, cols, d]` on the model's device, and the block's condition if it came along."""
    windows = [latent.window(field, 0, block) for latent in latents]
    return torch.stack([z for z, _ in windows]).to(field.model.device), windows[0][1]


def _push(
    field: AffineField,
    block: Block,
    held: Condition | None,
    truth: Tensor,
    z: Tensor,
    mu: Tensor,
    detail: Tensor,
    calibration: Calibration,
    grey: bool,
) -> None:
    """Fill `mu [rows, cols, d]` and `detail [k, rows, cols, d]`, and observe the true textures of whole patches."""
    flow, grid = field.flow, field.grid
    whole = [n // grid.patch for n in grid.hr_size]  # patches that do not hang over the edge
    for run, condition in field.conditions(block) if held is None else _rows(block, held):
        part = run.within(block)
        mu[part] = flow.mean(condition).view(*run.size, -1)
        for k in range(len(z)):
            detail[(k, *part)] = flow.detail(z[(k, *part)].flatten(0, 1), condition).view(*run.size, -1)
        rows, cols = (torch.arange(s.start, s.stop) < n for s, n in zip(run, whole, strict=True))
        inside = (rows[:, None] & cols).flatten().to(truth.device)
        if bool(inside.any()):
            seen = Condition(*(t[inside] for t in condition))
            calibration.observe(flow, truth[part].flatten(0, 1)[inside], seen, grey)


def _rows(block: Block, held: Condition) -> Iterator[tuple[Block, Condition]]:
    """A held condition row by row, as `AffineField.conditions` gives it."""
    for i, row in enumerate(range(block.rows.start, block.rows.stop)):
        yield Block(Span(row, row + 1), block.cols), Condition(*(t[i] for t in held))
