"""Textures of a block in closed form: `m = mu + L z`, pushed through the layers run by run (DESIGN section 1).

Where the LR picture is constant there is none: `mu` and `L` are both multiplied by the share `S` of `flatness.py`, a
number for each colour of a patch, so that all stays closed: `m = S mu + S L z`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import BadShape
from ..models.flow import Condition
from .blocks import Block
from .scene import Scene, fold

HALF = 0.5  # networks work in [-1, 1], pictures in [0, 1]


def inverse(scene: Scene, block: Block, z: Tensor, held: Condition | None = None) -> Tensor:
    """Texture `S (mu + L z)` of latents `z [rows, cols, d]`, as a picture `[3, r, c]` in units of the LR picture."""
    return _shared(scene, block, _map(scene, block, lambda c, q: scene.model.linf.imnet.inverse(q, c), z, held))


def mean(scene: Scene, block: Block, held: Condition | None = None) -> Tensor:
    """`S mu` as a picture `[3, r, c]`."""
    if scene.is_flat(block):
        return nothing(scene, block)
    z = torch.zeros(*block.size, scene.model.dim)
    return inverse(scene, block, z, held)


def mean_and_detail(scene: Scene, block: Block, z: Tensor, held: Condition | None = None) -> tuple[Tensor, Tensor]:
    """`S mu` and `S L z` apart, each a picture `[3, r, c]`, from one pass of the network."""
    mu, lz = _apart(scene, block, z, held)
    return _shared(scene, block, mu), _shared(scene, block, lz)


def mean_and_reference(scene: Scene, block: Block, z: Tensor) -> tuple[Tensor, Tensor]:
    """`S mu`, and what a reference's latent `z` adds: `(1 - S) mu + L z`, so that both give the reference back."""
    mu, lz = _apart(scene, block, z, None)
    kept, whole = _shared(scene, block, mu), _picture(scene, block, mu)
    return kept, (whole - kept) + _picture(scene, block, lz)


def nothing(scene: Scene, block: Block) -> Tensor:
    """The texture `[3, r, c]` of a block that is flat."""
    return torch.zeros(3, *block.pixels(scene.grid).size, device=scene.model.device)


def deviation(scene: Scene, block: Block, held: Condition | None = None, grey: bool = False) -> Tensor:
    """Standard deviation of every output sample at temperature 1, `sqrt(diag(L L^T))`, as a picture `[3, r, c]`.

    With `grey` it is that of the mean of the three colours, which vary together, three times over.
    """
    if scene.is_flat(block):
        return nothing(scene, block)
    flow = scene.model.linf.imnet
    z = torch.zeros(*block.size, scene.model.dim)

    def push(condition: Condition, _: Tensor) -> Tensor:
        factor = flow.covariance_factor(condition)  # q d d
        if grey:
            colours = factor.view(len(factor), 3, -1, factor.shape[-1])
            factor = colours.mean(1, keepdim=True).expand_as(colours).flatten(1, 2)
        return factor.square().sum(-1).sqrt()

    return _shared(scene, block, _map(scene, block, push, z, held))


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


def _apart(scene: Scene, block: Block, z: Tensor, held: Condition | None) -> tuple[Tensor, ...]:
    """`mu` and `L z`, each `[rows, cols, d]`."""
    flow = scene.model.linf.imnet
    both = _map(scene, block, lambda c, q: torch.cat((flow.mean(c), flow.detail(q, c)), -1), z, held)
    return both.chunk(2, -1)


def _shared(scene: Scene, block: Block, textures: Tensor) -> Tensor:
    """`_picture` of what patches keep of their textures; where that is nothing, nothing can overflow."""
    share = scene.share(block)
    if share is None:
        return _picture(scene, block, textures)
    kept = share.permute(1, 2, 0).repeat_interleave(textures.shape[-1] // 3, -1)
    return _picture(scene, block, torch.where(kept > 0, textures * kept, 0.0))


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
