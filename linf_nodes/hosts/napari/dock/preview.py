"""A piece of a result whose detail is held apart, so that its amount changes without the network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..layers.options import Options
from ..layers.view import Index, Rectangle

if TYPE_CHECKING:
    from ....pipeline.blocks import Block
    from ....pipeline.model import LoadedModel
    from ....stacks.plane import Plane
    from ....stacks.volume import Volume

MOST = 1024  # pixels a side that are held: 24 bytes each


@dataclass(frozen=True, eq=False)
class Held:
    """Bilinear enlargement with the mean, and the detail, of a rectangle of one plane: each `[1 or 3, r, c]` float32.

    `kind` says which detail it is, of `model` at `scale`. `alpha` holds finished samples.
    """

    volume: "Volume"
    index: Index
    steady: NDArray[np.float32]
    detail: NDArray[np.float32]
    alpha: NDArray[Any] | None
    kind: str
    model: "LoadedModel"
    scale: float

    def amount(self, options: Options) -> float:
        """What the options make of the detail that is held."""
        return options.detail.amount(self.model, self.scale, self.kind)

    def picture(self, amount: float) -> NDArray[Any]:
        """`steady + amount * detail` in the source's intensities, type and order of axes, without looped ones."""
        levels = self.volume.levels_at(self.index)
        values = levels.samples(self.steady + np.float32(amount) * self.detail, self.volume.source_dtype)
        return self.volume.axes.from_planes(values if self.alpha is None else np.concatenate((values, self.alpha)))

    def shown(self, amount: float) -> NDArray[Any]:
        """The picture with looped axes of length 1, as a layer holds it."""
        return np.expand_dims(self.picture(amount), self.volume.axes.looped)


def hold(volume: "Volume", index: Index, view: Rectangle) -> Held:
    """Compute what is to be held of a rectangle of result pixels: one pass of the network."""
    from ....pipeline.blocks import Block, Span
    from ....pipeline.fields import Gaussian
    from ....stacks.levels import full_range
    from ....stacks.plane import Plane

    model = volume.settings.load()
    plane = Plane(volume, index, model)
    grid, latent = plane.grid, plane.latent
    pixels = Block(Span(view.top, view.bottom), Span(view.left, view.right))
    patches = Block(*(Span(s.start // grid.patch, -(-s.stop // grid.patch)) for s in pixels))
    window = plane.read(_seen(patches, plane, whole=latent.kind == "learned"))
    field = window.features.field(0, grid)
    rows, cols = pixels.within(patches.pixels(grid))
    if isinstance(field, Gaussian):
        both = field.mean_and_detail(patches, *latent.window(field, 0, patches))
    else:
        both = field.mean(patches), field.nothing(patches)
    mean, detail = (t[:, rows, cols].cpu() for t in both)
    steady = field.base(pixels).cpu() + mean
    if window.features.image.shape[1] == 1:
        steady, detail = steady.mean(0, keepdim=True), detail.mean(0, keepdim=True)
    still = steady.numpy() if window.excess is None else steady.numpy() + window.enlarged(window.excess, grid, pixels)
    alpha = None
    if window.alpha is not None:
        dtype = volume.source_dtype
        alpha = full_range(dtype).samples(window.enlarged(window.alpha, grid, pixels), dtype)
    kind = volume.settings.detail.kind(model)
    return Held(volume, index, still, detail.numpy(), alpha, kind, model, max(grid.scale))


def _seen(patches: "Block", plane: "Plane", whole: bool) -> "Block":
    """The rectangle of source pixels that a block of patches depends on; for a learned prior, the plane."""
    from ....pipeline.blocks import Block, Span
    from ....pipeline.prior import seen

    grid, model = plane.grid, plane.model
    if whole:
        return Block(*(Span(0, n) for n in grid.lr_size))
    return seen(model, grid, patches, learned=False)
