"""LINF's field in closed form: `m = mu + L z`, pushed through the layers run by run (DESIGN section 1).

Where the LR picture is constant `mu` and `L` are both multiplied by the share `S` of `flatness.py`, a number for each
colour of a patch, so that all stays closed: `m = S mu + S L z`.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ...errors import BadShape
from ...models.flow import AffineFlow, Condition
from ...models.linf import LINF
from ..blocks import Block
from .field import HALF, Gaussian
from .local import LocalField
from .patches import fold


class AffineField(LocalField, Gaussian):
    """What a LINF answers."""

    @property
    def flow(self) -> AffineFlow:
        network = self.model.network
        if not isinstance(network, LINF):
            raise TypeError(f"{type(network).__name__} has no affine flow.")
        return network.imnet

    def conditions(self, block: Block, again: int | None = None) -> Iterator[tuple[Block, Condition]]:
        """The flow's condition `[q, layers, d]` of every patch of `block`, run by run; `again` as in `answers`."""
        for run, answers in self.answers(block, again):
            yield run, self.flow.condition(answers)

    def draw(self, block: Block, z: Tensor, held: Condition | None = None) -> Tensor:
        return self._shared(block, self._map(block, lambda c, q: self.flow.inverse(q, c), z, held))

    def mean(self, block: Block) -> Tensor:
        if self.is_flat(block):
            return self.nothing(block)
        return self.draw(block, torch.zeros(*block.size, self.model.dim))

    def mean_and_detail(self, block: Block, z: Tensor, held: Condition | None = None) -> tuple[Tensor, Tensor]:
        mu, lz = self._apart(block, z, held)
        return self._shared(block, mu), self._shared(block, lz)

    def mean_and_reference(self, block: Block, z: Tensor) -> tuple[Tensor, Tensor]:
        mu, lz = self._apart(block, z, None)
        kept, whole = self._shared(block, mu), self._picture(block, mu)
        return kept, (whole - kept) + self._picture(block, lz)

    def deviation(self, block: Block, grey: bool = False) -> Tensor:
        if self.is_flat(block):
            return self.nothing(block)
        z = torch.zeros(*block.size, self.model.dim)

        def push(condition: Condition, _: Tensor) -> Tensor:
            factor = self.flow.covariance_factor(condition)  # q d d
            if grey:
                colours = factor.view(len(factor), 3, -1, factor.shape[-1])
                factor = colours.mean(1, keepdim=True).expand_as(colours).flatten(1, 2)
            return factor.square().sum(-1).sqrt()

        return self._shared(block, self._map(block, push, z, None))

    def whiten(self, block: Block, residual: Tensor) -> Tensor:
        return self._map(block, lambda c, q: self.flow(q, c)[0], residual / HALF, None)

    def whiten_and_hold(self, block: Block, residual: Tensor, inner: Block) -> tuple[Tensor, Condition]:
        z = residual.new_empty(*block.size, self.model.dim, device=self.model.device)
        held: Condition | None = None
        margin = max(inner.cols.start - block.cols.start, block.cols.stop - inner.cols.stop)
        for run, condition in self.conditions(block, inner.cols.stop - margin):
            part = run.within(block)
            texture = (residual[part] / HALF).flatten(0, 1)
            z[part] = self.flow(texture, condition)[0].view(*run.size, -1)
            if held is None:
                held = Condition(*(t.new_empty(*inner.size, *t.shape[1:]) for t in condition))
            shared = run.shared(inner)
            if min(shared.size) > 0:
                for whole, t in zip(held, condition, strict=True):
                    whole[shared.within(inner)] = t.view(*run.size, *t.shape[1:])[shared.within(run)]
        if held is None:
            raise BadShape(f"The block {block} holds no patch.")
        return z, held

    def _apart(self, block: Block, z: Tensor, held: Condition | None) -> tuple[Tensor, ...]:
        """`mu` and `L z`, each `[rows, cols, d]`."""
        both = self._map(block, lambda c, q: torch.cat((self.flow.mean(c), self.flow.detail(q, c)), -1), z, held)
        return both.chunk(2, -1)

    def _shared(self, block: Block, textures: Tensor) -> Tensor:
        """`_picture` of what patches keep of their textures; where that is nothing, nothing can overflow."""
        share = self.share(block)
        if share is None:
            return self._picture(block, textures)
        kept = share.permute(1, 2, 0).repeat_interleave(textures.shape[-1] // 3, -1)
        return self._picture(block, torch.where(kept > 0, textures * kept, 0.0))

    def _picture(self, block: Block, textures: Tensor) -> Tensor:
        """Textures `[rows, cols, d]` as a picture `[3, r, c]` in picture units, cut at the picture's edge."""
        rows, cols = block.pixels(self.grid).size
        return fold(textures, self.grid.patch).mul_(HALF)[:, :rows, :cols]

    def _map(
        self, block: Block, push: Callable[[Condition, Tensor], Tensor], z: Tensor, held: Condition | None
    ) -> Tensor:
        z = z.to(self.model.device)
        if held is not None:
            flat = Condition(*(t.flatten(0, 1) for t in held))
            return push(flat, z.flatten(0, 1)).view(*block.size, -1)
        out: Tensor | None = None
        for run, condition in self.conditions(block):
            part = run.within(block)
            pushed = push(condition, z[part].reshape(-1, z.shape[-1])).view(*run.size, -1)
            out = z.new_empty(*block.size, pushed.shape[-1]) if out is None else out
            out[part] = pushed
        if out is None:
            raise BadShape(f"The block {block} holds no patch.")
        return out
