"""All that the measures need of one picture, from a single pass over its conditions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models.flow import Condition
from ..pipeline.blocks import Block, Span
from ..pipeline.features import Features, colour
from ..pipeline.grid import Grid
from ..pipeline.latent import Latent, NoiseLatent, PriorLatent
from ..pipeline.model import LinfModel
from ..pipeline.render import plan_for
from ..pipeline.scene import Scene, fold, unfold
from ..pipeline.texture import HALF
from .calibration import Calibration
from .pairs import Example

TILE = 256  # LR pixels: several samples of a block are held at once


@dataclass(frozen=True, eq=False)
class Enlargement:
    """`mean [3, H, W]`, the base included, and `details [k, 3, H, W]`, one for each latent, in picture units."""

    mean: Tensor
    details: Tensor
    calibration: Calibration
    grey: bool = False

    def picture(self, amount: float, sample: int = 0) -> Tensor:
        """`[3, H, W]`, unclipped; without detail, an inverse that exploded does no harm. Grey is averaged back."""
        picture = self.mean if amount == 0 else self.mean + amount * self.details[sample]
        return picture.mean(0, keepdim=True).expand(3, -1, -1) if self.grey else picture

    def pictures(self, amount: float) -> Tensor:
        """`[k, 3, H, W]`: every sample."""
        return torch.stack([self.picture(amount, k) for k in range(len(self.details))])


def latents_of(model: LinfModel, grid: Grid, seeds: Sequence[int], learned: bool) -> list[Latent]:
    """The learned latent, or a drawn one for every seed."""
    if learned:
        return [PriorLatent(grid, model.hash)]
    return [NoiseLatent(grid, model.hash, seed, dim=model.dim) for seed in seeds]


@torch.inference_mode()
def enlarge(model: LinfModel, example: Example, latents: Sequence[Latent], tile: int | None = None) -> Enlargement:
    """Mean, details and calibration of an example, block by block; `latents` are of one kind and one grid.

    Beside one block, `12 (1 + k)` bytes per output pixel are held.
    """
    grid = latents[0].grid
    features = Features(model, example.lr[None])
    scene = features.scene(0, grid)
    mean = torch.empty(3, *grid.hr_size)
    details = torch.empty(len(latents), *mean.shape)
    calibration = Calibration(model.dim)
    for block in plan_for(features, latents[0], tile or TILE):
        pixels = block.pixels(grid)
        window = (slice(None), *pixels.slices())
        base = scene.base(pixels)
        z, held = _latents(scene, block, latents)
        truth = unfold(colour(example.hr)[window].to(base) - base, grid.patch) / HALF
        mu, detail = torch.empty_like(z[0]), torch.empty_like(z)
        _push(scene, block, held, truth, z, mu, detail, calibration, len(example.lr) == 1)
        h, w = pixels.size
        mean[window] = (base + HALF * fold(mu, grid.patch)[:, :h, :w]).cpu()
        for k, texture in enumerate(detail):
            details[(k, *window)] = (HALF * fold(texture, grid.patch)[:, :h, :w]).cpu()
    return Enlargement(mean, details, calibration, grey=len(example.lr) == 1)


def _latents(scene: Scene, block: Block, latents: Sequence[Latent]) -> tuple[Tensor, Condition | None]:
    """`[k, rows, cols, d]` on the model's device, and the block's condition if it came along."""
    windows = [latent.window(scene, 0, block) for latent in latents]
    return torch.stack([z for z, _ in windows]).to(scene.model.device), windows[0][1]


def _push(
    scene: Scene,
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
    flow, grid = scene.model.linf.imnet, scene.grid
    whole = [n // grid.patch for n in grid.hr_size]  # patches that do not hang over the edge
    for run, condition in scene.conditions(block) if held is None else _rows(block, held):
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
    """A held condition row by row, as `Scene.conditions` gives it."""
    for i, row in enumerate(range(block.rows.start, block.rows.stop)):
        yield Block(Span(row, row + 1), block.cols), Condition(*(t[i] for t in held))
