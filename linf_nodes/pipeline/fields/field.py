"""What a family answers for a window of the output: all have a mean, some draw, some are Gaussian in closed form."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ...models.flow import Condition
from ..blocks import Block
from ..cells import interpolate
from ..device import trim_heap
from ..flatness import texture_share
from ..grid import Grid
from ..model import LoadedModel

HALF = 0.5  # networks work in [-1, 1], pictures in [0, 1]


class Field(ABC):
    """Answers for any rectangle of patches of one picture; holds the LR picture and nothing of the output's size.

    What it answers is texture: what is to be added to the bilinear enlargement, `base`. Where the LR picture is
    constant there is none: it is multiplied by the share `S` of `flatness.py`.

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

    does = "gives one picture"

    def __init__(
        self,
        model: LoadedModel,
        picture: Tensor,
        grid: Grid,
        features: Tensor | None = None,
        origin: tuple[int, int] = (0, 0),
    ):
        self.model, self.grid, self.origin = model, grid, origin
        self.picture = picture.to(model.device)
        self._features = features
        self._share: tuple[Block, Tensor | None] | None = None

    @abstractmethod
    def mean(self, block: Block) -> Tensor:
        """The most likely texture `[3, r, c]` of a block, in units of the LR picture."""

    def base(self, pixels: Block) -> Tensor:
        """Bilinear enlargement `[3, r, c]` of the LR picture at a rectangle of output pixels."""
        y, x = self.grid.pixels(0, *pixels.rows), self.grid.pixels(1, *pixels.cols)
        return interpolate(self.picture, y.shifted(self.origin[0]), x.shifted(self.origin[1]))

    def nothing(self, block: Block) -> Tensor:
        """The texture `[3, r, c]` of a block that is flat."""
        return torch.zeros(3, *block.pixels(self.grid).size, device=self.model.device)

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


class Draws(Field):
    """A field whose texture depends on a latent `z [rows, cols, dim]`, too.

    `held` is the block's condition, where it was computed before.
    """

    does = "draws from latents"

    @abstractmethod
    def draw(self, block: Block, z: Tensor, held: Condition | None = None) -> Tensor:
        """The texture `[3, r, c]` of a latent."""


class Gaussian(Draws):
    """A field whose texture is `S (mu + L z)` with `mu, L` that the LR picture fixes (DESIGN section 1)."""

    does = "is Gaussian in closed form"

    @abstractmethod
    def mean_and_detail(self, block: Block, z: Tensor, held: Condition | None = None) -> tuple[Tensor, Tensor]:
        """`S mu` and `S L z` apart, each `[3, r, c]`, from one pass of the network."""

    @abstractmethod
    def mean_and_reference(self, block: Block, z: Tensor) -> tuple[Tensor, Tensor]:
        """`S mu`, and what a reference's latent adds: `(1 - S) mu + L z`, so that both give the reference back."""

    @abstractmethod
    def deviation(self, block: Block, grey: bool = False) -> Tensor:
        """Standard deviation `[3, r, c]` of every output sample at temperature 1, `sqrt(diag(L L^T))`.

        With `grey` it is that of the mean of the three colours, which vary together, three times over.
        """

    @abstractmethod
    def whiten(self, block: Block, residual: Tensor) -> Tensor:
        """Latents `z = L^-1 (m - mu)`, `[rows, cols, d]`, of a texture `residual [rows, cols, d]` in picture units."""

    @abstractmethod
    def whiten_and_hold(self, block: Block, residual: Tensor, inner: Block) -> tuple[Tensor, Condition]:
        """`whiten`, and on the way the condition `[rows, cols, layers, d]` of `inner`, a part of the block.

        It is held in 8 * layers * d bytes for each patch of `inner`; what lies around is dropped at once.
        """
