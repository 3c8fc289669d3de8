"""Textures of a block in closed form: `m = mu + L z`, pushed through the layers run by run (DESIGN section 1)."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import BadShape
from ..models.flow import Condition
from .blocks import Block
from .scene import Scene, fold

HALF = 0.5  # networks work in [-1, 1], pictures in [0, 1]


def inverse(scene: Scene, block: Block, z: Tensor, held: Condition | None = None) -> Tensor:
    """Texture `mu + L z` of the latents `z [rows, cols, d]`, as a picture `[3, r, c]` in units of the LR picture."""
    return _picture(scene, block, _map(scene, block, lambda c, q: scene.model.linf.imnet.inverse(q, c), z, held))


def mean(scene: Scene, block: Block, held: Condition | None = None) -> Tensor:
    """`mu` as a picture `[3, r, c]`."""
    z = torch.zeros(*block.size, scene.model.dim)
    return inverse(scene, block, z, held)


def mean_and_detail(scene: Scene, block: Block, z: Tensor, held: Condition | None = None) -> tuple[Tensor, Tensor]:
    """`mu` and `L z` apart, each a picture `[3, r, c]`, from one pass of the network."""
    flow = scene.model.linf.imnet
    both = _map(scene, block, lambda c, q: torch.cat((flow.mean(c), flow.detail(q, c)), -1), z, held)
    mu, lz = both.chunk(2, -1)
    return _picture(scene, block, mu), _picture(scene, block, lz)


def deviation(scene: Scene, block: Block, held: Condition | None = None, grey: bool = False) -> Tensor:
    """Standard deviation of every output sample at temperature 1, `sqrt(diag(L L^T))`, as a picture `[3, r, c]`.

    With `grey` it is that of the mean of the three colours, which vary together, three times over.
    """
    flow = scene.model.linf.imnet
    z = torch.zeros(*block.size, scene.model.dim)

    def push(condition: Condition, _: Tensor) -> Tensor:
        factor = flow.covariance_factor(condition)  # q d d
        if grey:
            colours = factor.view(len(factor), 3, -1, factor.shape[-1])
            factor = colours.mean(1, keepdim=True).expand_as(colours).flatten(1, 2)
        return factor.square().sum(-1).sqrt()

    return _picture(scene, block, _map(scene, block, push, z, held))


def whiten(scene: Scene, block: Block, residual: Tensor) -> Tensor:
    """Latents `z = L^-1 (m - mu)`, `[rows, cols, d]`, of a texture `residual [rows, cols, d]` in picture units."""
    flow = scene.model.linf.imnet
    return _map(scene, block, lambda c, q: flow(q, c)[0], residual / HALF, None)


def whiten_and_hold(scene: Scene, block: Block, residual: Tensor, inner: Block) -> tuple[Tensor, Condition]:
    """`whiten`, and on the way the condition `[rows, cols, layers, d]` of `inner`, a part of the block.

    It is held in 8 * layers * d bytes for each patch of `inner`; what lies around is dropped at once.
    """
    flow = scene.model.linf.imnet
    z = residual.new_empty(*block.size, scene.model.dim, device=scene.model.device)
    held: Condition | None = None
    margin = max(inner.cols.start - block.cols.start, block.cols.stop - inner.cols.stop)
    for run, condition in scene.conditions(block, inner.cols.stop - margin):
        part = run.within(block)
        texture = (residual[part] / HALF).flatten(0, 1)
        z[part] = flow(texture, condition)[0].view(*run.size, -1)
        if held is None:
            held = Condition(*(t.new_empty(*inner.size, *t.shape[1:]) for t in condition))
        shared = run.shared(inner)
        if min(shared.size) > 0:
            for whole, t in zip(held, condition, strict=True):
                whole[shared.within(inner)] = t.view(*run.size, *t.shape[1:])[shared.within(run)]
    if held is None:
        raise BadShape(f"The block {block} holds no patch.")
    return z, held


def _picture(scene: Scene, block: Block, textures: Tensor) -> Tensor:
    """Textures `[rows, cols, d]` as a picture `[3, r, c]` in picture units, cut at the picture's edge."""
    rows, cols = block.pixels(scene.grid).size
    return fold(textures, scene.grid.patch).mul_(HALF)[:, :rows, :cols]


def _map(
    scene: Scene, block: Block, push: Callable[[Condition, Tensor], Tensor], z: Tensor, held: Condition | None
) -> Tensor:
    z = z.to(scene.model.device)
    if held is not None:
        flat = Condition(*(t.flatten(0, 1) for t in held))
        return push(flat, z.flatten(0, 1)).view(*block.size, -1)
    out: Tensor | None = None
    for run, condition in scene.conditions(block):
        part = run.within(block)
        pushed = push(condition, z[part].reshape(-1, z.shape[-1])).view(*run.size, -1)
        out = z.new_empty(*block.size, pushed.shape[-1]) if out is None else out
        out[part] = pushed
    if out is None:
        raise BadShape(f"The block {block} holds no patch.")
    return out
