"""The mean over a picture's flips and turns (geometric self-ensemble; Timofte et al., CVPR 2016).

A model errs a little differently on a picture that is mirrored. Every turned picture is computed as the whole picture
that it is, so that tiles change nothing here either, and its grid of patches begins at another corner.
"""

from itertools import islice, product
from typing import NamedTuple

from torch import Tensor

from .blocks import Block, Span
from .features import Features, colour
from .fields import Field, field_class
from .grid import Grid, Size


class Turn(NamedTuple):
    """Mirrored down and across, and then, with `swap`, rows and columns exchanged."""

    swap: bool
    down: bool
    across: bool

    def picture(self, x: Tensor) -> Tensor:
        """A picture `[..., h, w]`, turned."""
        x = x.flip(self._axes)
        return x.mT if self.swap else x

    def back(self, x: Tensor) -> Tensor:
        """The inverse of `picture`."""
        return (x.mT if self.swap else x).flip(self._axes)

    def size(self, size: Size) -> Size:
        """Of the turned picture."""
        return (size[1], size[0]) if self.swap else size

    def block(self, block: Block, whole: Size) -> Block:
        """Where a rectangle of the whole picture lies in the turned one."""
        rows, cols = (
            Span(n - span.stop, n - span.start) if mirrored else span
            for span, n, mirrored in zip(block, whole, (self.down, self.across), strict=True)
        )
        return Block(cols, rows) if self.swap else Block(rows, cols)

    @property
    def _axes(self) -> list[int]:
        return [axis for axis, mirrored in ((-2, self.down), (-1, self.across)) if mirrored]


TURNS = tuple(Turn(*bits) for bits in product((False, True), repeat=3))
"""The first is the picture as it is, the second mirrored."""


class Ensemble:
    """The other turns of picture `item` of a batch on a grid, as many as its features ask for."""

    def __init__(self, features: Features, item: int, grid: Grid):
        self.grid, self.others = grid, []
        kind = field_class(features.model)
        image = colour(features.image[item])
        near = Block(*(Span(o, o + n) for o, n in zip(features.origin, image.shape[-2:], strict=True)))
        for turn in islice(TURNS, 1, features.passes):
            turned = Grid(turn.size(grid.lr_size), turn.size(grid.hr_size), grid.patch)
            rows, cols = turn.block(near, grid.lr_size)
            picture = turn.picture(image).contiguous()
            self.others.append((turn, kind(features.model, picture, turned, None, (rows.start, cols.start))))

    def mean(self, pixels: Block, own: Tensor) -> Tensor:
        """The mean over all turns of `S mu`, `[3, r, c]`; `own` is that of the picture as it is."""
        total = own
        for turn, field in self.others:
            total = total + turn.back(_at(field, turn.block(pixels, self.grid.hr_size)))
        return total / (1 + len(self.others))


def _at(field: Field, pixels: Block) -> Tensor:
    """`S mu` at a rectangle of output pixels, out of the patches that lie on it."""
    patch = field.grid.patch
    rows, cols = (Span(span.start // patch, -(-span.stop // patch)) for span in pixels)
    block = Block(rows, cols)
    return field.mean(block)[(slice(None), *pixels.within(block.pixels(field.grid)))]
