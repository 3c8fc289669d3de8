"""One picture under one model on one grid, asked for by window."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..models.flow import Condition
from ..models.fourier import Corners, Workspace
from .blocks import Block, Span
from .cells import corners_of_rectangle, interpolate
from .device import trim_heap
from .encoding import Encoding
from .flatness import texture_share
from .grid import Grid
from .model import LinfModel

# Patches per pass of the MLP, measured (docs/benchmark.md): a pixel-wise flow asks for far fewer numbers per query.
QUERIES, PIXEL_QUERIES = 1024, 4096
CELLS = 16384  # LR pixels whose amplitudes and frequencies are held at once, 8 * hidden bytes each


class Scene:
    """Answers for any rectangle of patches; holds the LR picture and nothing of the output's size.

    Parameters
    ----------
    model
        On its device.
    picture
        LR picture `[3, h, w]`, float32, nominal range [0, 1].
    grid
        Of the picture's size and the model's patch.
    features
        `[1, c, h, w]` of the whole picture, when they were encoded before; else windows are encoded as needed.
    origin
        LR row and column of the picture's first pixel, where it is but a window of the grid's picture: one that holds
        all that will be asked for, halo included.
    """

    def __init__(
        self,
        model: LinfModel,
        picture: Tensor,
        grid: Grid,
        features: Tensor | None = None,
        origin: tuple[int, int] = (0, 0),
    ):
        self.model, self.grid, self.origin = model, grid, origin
        self.picture = picture.to(model.device)
        self._features = features
        self._encoding = Encoding(model, self.picture, grid.lr_size, origin)
        self._share: tuple[Block, Tensor | None] | None = None

    def conditions(self, block: Block, again: int | None = None) -> Iterator[tuple[Block, Condition]]:
        """The flow's condition `[q, layers, d]` of every patch of `block`, in runs of a fixed size.

        `again` is the column of patches from which on a neighbour will ask once more.
        """
        linf, device = self.model.linf, self.model.device
        x = self.grid.centres(1, *block.cols)
        cols = Span(*x.span())
        x = x.shifted(cols.start)
        whole = Block(Span(*self.grid.centres(0, *block.rows).span()), cols)
        near, features = self._features_around(whole, again)
        self.tidy(block)
        phase = linf.phases(torch.tensor([self.grid.rel_cell], dtype=torch.float32, device=device))
        queries = PIXEL_QUERIES if self.grid.patch == 1 else QUERIES
        work: Workspace | None = None
        for strip in _strips(block, CELLS // cols.size * self.grid.scale[0] / self.grid.patch):
            y = self.grid.centres(0, *strip.rows)
            lr = Block(Span(*y.span()), cols)
            wide = lr.grown(1, self.grid.lr_size)
            fields = linf.fields(features[(..., *wide.within(near))], lr.within(wide))
            work = work or Workspace(queries, fields)
            y = y.shifted(lr.rows.start)
            for run in _runs(strip, queries):
                r, c = run.within(strip)
                corners = corners_of_rectangle(y.part(r), x.part(c), cols.size)
                moved = Corners(*(t.to(device) for t in corners))
                yield run, linf.imnet.condition(linf.info(fields, phase, moved, work).float())

    def share(self, block: Block) -> Tensor | None:
        """How much of its texture each patch keeps, `[3, rows, cols]` (`flatness.py`); None: all of it."""
        if self._share is None or self._share[0] != block:
            y, x = (self.grid.centres(axis, *run) for axis, run in enumerate(block))
            self._share = block, texture_share(self.picture, y, x, self.grid.lr_size, self.origin)
        return self._share[1]

    def is_flat(self, block: Block) -> bool:
        """Whether no patch of a block keeps any texture, so that nothing needs to be computed."""
        share = self.share(block)
        return share is not None and not bool(share.any())

    def tidy(self, block: Block) -> None:
        """Between two parts of the work on a block: give back what the first has freed, where blocks are many."""
        if block.size != self.grid.patches:
            trim_heap()

    def base(self, pixels: Block) -> Tensor:
        """Bilinear enlargement `[3, r, c]` of the LR picture at a rectangle of output pixels."""
        y, x = self.grid.pixels(0, *pixels.rows), self.grid.pixels(1, *pixels.cols)
        return interpolate(self.picture, y.shifted(self.origin[0]), x.shifted(self.origin[1]))

    def _features_around(self, lr: Block, again: int | None) -> tuple[Block, Tensor]:
        """Features of a rectangle of LR pixels and of one more to each side, and that rectangle."""
        wide = lr.grown(1, self.grid.lr_size)
        if self._features is None:
            first = None if again is None else max(0, self.grid.centres(1, again, again + 1).span()[0] - 1)
            return wide, self._encoding.features(wide, first)
        features = self._features[(..., *wide.slices())]
        return wide, features.to(self.model.device, self.model.dtype, memory_format=torch.channels_last)


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


def _strips(block: Block, height: float) -> Iterator[Block]:
    """Cut a block into bands of about `height` rows."""
    step = max(1, int(height))
    for r in range(block.rows.start, block.rows.stop, step):
        yield Block(Span(r, min(r + step, block.rows.stop)), block.cols)


def _runs(block: Block, queries: int) -> Iterator[Block]:
    """Cut a block into rectangles of at most `queries` patches: whole rows where they fit."""
    width = min(block.cols.size, queries)
    for band in _strips(block, queries // width):
        for c in range(block.cols.start, block.cols.stop, width):
            yield Block(band.rows, Span(c, min(c + width, block.cols.stop)))
