"""Pictures out of latents, block by block: the generator that every host and driver runs on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import BadShape, OutOfMemory
from .blocks import Block, Plan, halves
from .cells import interpolate
from .device import is_out_of_memory
from .ensemble import Ensemble
from .features import Features, check_numbers, has_alpha
from .fields import Draws, Field, Gaussian, narrowed
from .grid import Grid
from .latent import Latent

AUTO_TILE = 512  # LR pixels: large enough for the halo to cost little, small enough for about 400 MB
FLOOR_TILE = 64
HELD_BYTES = 100e6  # of conditions that a learned prior keeps for one block

Progress = Callable[[int, int, Any], None]


@dataclass(frozen=True)
class Amount:
    """How much of the detail is added: a number, or a number times a mask `[b or 1, H, W]` on the output grid.

    `origin` is the pixel at which the mask begins, where it repeats to all sides from there on.
    """

    value: float = 1.0
    mask: Tensor | None = None
    origin: tuple[int, int] = (0, 0)

    def window(self, item: int, pixels: Block) -> Tensor | None:
        """The mask's window `[r, c]`, if there is a mask."""
        if self.mask is None:
            return None
        plane = self.mask[min(item, len(self.mask) - 1)]
        if self.origin == (0, 0):
            return plane[pixels.slices()]
        axes = zip(pixels, self.origin, plane.shape, strict=True)
        rows, cols = ((torch.arange(*s) - start).remainder(n).to(plane.device) for s, start, n in axes)
        return plane.index_select(0, rows).index_select(1, cols)


def plan_for(features: Features, latent: Latent, tile: int | None) -> Plan:
    """The lattice of blocks of a picture: `tile` LR pixels, or as many as are good for this machine's memory."""
    prior = features.model.prior
    if latent.kind != "learned" or prior is None:
        return Plan.of(latent.grid, tile or AUTO_TILE)
    per_patch = 4 * features.model.network.answers
    most = max(prior.align, int((HELD_BYTES / per_patch) ** 0.5))
    return Plan.of(latent.grid, tile or AUTO_TILE, prior.align, most)


def stream(
    features: Features, latent: Latent, item: int, amount: Amount, plan: Plan, pixels: Block | None = None
) -> Iterator[tuple[Block, Tensor]]:
    """Output pixels of one picture, block by block, as `(rectangle of pixels, values [c, r, s])`.

    A block that does not fit into memory is cut in four, down to 64 LR pixels a side.

    Parameters
    ----------
    amount
        Temperature of a drawn latent, strength of a learned one.
    pixels
        The rectangle that is asked for; whole blocks around it come.

    Raises
    ------
    OutOfMemory
        When even the smallest block does not fit.
    """
    field = features.field(item, latent.grid)
    # a reference is to be met, not its mean
    others = Ensemble(features, item, latent.grid) if features.passes > 1 and latent.kind != "reference" else None
    for block in plan if pixels is None else plan.over(pixels):
        parts = _retry(field, block, _align(features), lambda b: _texture(field, latent, item, amount, b, others))
        for part, picture in parts:
            where = part.pixels(latent.grid)
            base = field.base(where)
            yield where, finish(features.image[item], latent.grid, where, base, picture, features.origin)


def finish(
    image: Tensor, grid: Grid, pixels: Block, base: Tensor, texture: Tensor, origin: tuple[int, int] = (0, 0)
) -> Tensor:
    """A window of base and texture `[3, r, c]` with the channels of the input: the texture of grey is averaged, alpha
    enlarged bilinearly and joined.

    `origin` is the LR pixel at which `image` begins, where it is but a window of the grid's picture.
    """
    if image.shape[0] <= 2:  # the base is three times the same, so that only the texture's mean is to be rounded
        base, texture = base[:1], texture.mean(0, keepdim=True)
    picture = (base + texture).cpu()
    if has_alpha(image):
        y, x = (grid.pixels(axis, *run).shifted(origin[axis]) for axis, run in enumerate(pixels))
        alpha = interpolate(image[-1:], y, x)
        picture = torch.cat((picture, alpha.clamp(0, 1)))
    return picture


def check_mask(mask: Tensor, grid: Grid) -> Tensor:
    """A mask `[b, H, W]` on the output grid; one of another size is enlarged or reduced bilinearly.

    Raises
    ------
    BadShape, BadValue
        When it is not two- or three-dimensional, or neither of finite numbers nor of true and false.
    """
    mask = mask.float() if isinstance(mask, Tensor) and mask.dtype == torch.bool else mask
    check_numbers(mask, "mask")
    if mask.ndim not in (2, 3) or 0 in mask.shape:
        raise BadShape(f"The mask has shape {tuple(mask.shape)}: give [height, width] or [batch, height, width].")
    mask = mask.reshape(-1, *mask.shape[-2:]).float()
    if tuple(mask.shape[-2:]) == grid.hr_size:
        return mask
    return torch.nn.functional.interpolate(mask[:, None], grid.hr_size, mode="bilinear", antialias=True)[:, 0]


def _align(features: Features) -> int:
    return 1 if features.model.prior is None else features.model.prior.align


def _texture(field: Field, latent: Latent, item: int, amount: Amount, block: Block, others: Ensemble | None) -> Tensor:
    pixels = block.pixels(field.grid)
    mask = amount.window(item, pixels)
    flat = latent.kind != "reference" and field.is_flat(block)
    if flat or latent.kind == "faithful" or (mask is None and amount.value == 0):
        mu = field.mean(block)
        return mu if others is None else others.mean(pixels, mu)
    z, held = latent.window(field, item, block)
    if mask is None and others is None and latent.kind != "reference":
        return narrowed(field, Draws).draw(block, z if amount.value == 1 else z * amount.value, held)
    gaussian = narrowed(field, Gaussian)
    if latent.kind == "reference":
        mu, detail = gaussian.mean_and_reference(block, z)
        detail = detail * amount.value
    else:
        mu, detail = gaussian.mean_and_detail(block, z * amount.value, held)
        mu = mu if others is None else others.mean(pixels, mu)
    return mu + (detail if mask is None else detail * mask.to(field.model.device))


def _retry(field: Field, block: Block, align: int, work: Callable[[Block], Tensor]) -> Iterator[tuple[Block, Tensor]]:
    try:
        result = work(block)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        side = min(n * field.grid.patch / s for n, s in zip(block.size, field.grid.scale, strict=True))
        parts = halves(block, align)
        if side < 2 * FLOOR_TILE or len(parts) == 1:
            raise OutOfMemory(
                f"A block of {block.size[0]}x{block.size[1]} patches does not fit into the memory of "
                f"{field.model.device}: close other programs, use --device cpu, or a smaller --tile."
            ) from error
    else:
        yield block, result
        return
    for part in parts:
        yield from _retry(field, part, align, work)
