"""Pictures cut into patches, and rectangles of patches cut into runs."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..blocks import Block, Span


def fold(texture: Tensor, patch: int) -> Tensor:
    """Picture `[3, r * patch, c * patch]` of the textures `[r, c, 3 * patch**2]` of a rectangle of patches."""
    r, c, _ = texture.shape
    return texture.view(r, c, 3, patch, patch).permute(2, 0, 3, 1, 4).reshape(3, r * patch, c * patch)


def unfold(picture: Tensor, patch: int) -> Tensor:
    """The inverse of `fold`; a picture that ends inside a patch is continued with zeros."""
    _, h, w = picture.shape
    r, c = -(-h // patch), -(-w // patch)
    whole = torch.nn.functional.pad(picture, (0, c * patch - w, 0, r * patch - h))
    return whole.view(3, r, patch, c, patch).permute(1, 3, 0, 2, 4).reshape(r, c, -1)


def strips(block: Block, height: float) -> Iterator[Block]:
    """Cut a block into bands of about `height` rows."""
    step = max(1, int(height))
    for r in range(block.rows.start, block.rows.stop, step):
        yield Block(Span(r, min(r + step, block.rows.stop)), block.cols)


def runs(block: Block, queries: int) -> Iterator[Block]:
    """Cut a block into rectangles of at most `queries` patches: whole rows where they fit."""
    width = min(block.cols.size, queries)
    for band in strips(block, queries // width):
        for c in range(block.cols.start, block.cols.stop, width):
            yield Block(band.rows, Span(c, min(c + width, block.cols.stop)))
