"""The plan: a fixed lattice of blocks over the output patches, and the LR window that each one reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .grid import Grid, Size


class Span(NamedTuple):
    """A half-open run `start..stop` of one axis."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start

    def grown(self, margin: int, limit: int) -> "Span":
        """The run with a margin on both sides, clipped to `0..limit`."""
        return Span(max(0, self.start - margin), min(limit, self.stop + margin))

    def shared(self, other: "Span") -> "Span":
        """What two runs share; of negative size where that is nothing."""
        return Span(max(self.start, other.start), min(self.stop, other.stop))

    def halves(self, align: int = 1) -> "tuple[Span, Span]":
        """The run cut in the middle, at a multiple of `align` from its start; the second half may be empty."""
        middle = min(self.stop, self.start + _up(-(-self.size // 2), align))
        return Span(self.start, middle), Span(middle, self.stop)

    def within(self, outer: "Span") -> slice:
        """Where this run lies inside `outer`."""
        return slice(self.start - outer.start, self.stop - outer.start)

    def scaled(self, factor: int, limit: int) -> "Span":
        """The run in units `factor` times finer, clipped to `0..limit`."""
        return Span(self.start * factor, min(limit, self.stop * factor))


class Block(NamedTuple):
    """A rectangle of patches (or of pixels): a run of rows and a run of columns."""

    rows: Span
    cols: Span

    @property
    def size(self) -> Size:
        return self.rows.size, self.cols.size

    def grown(self, margin: int, limit: Size) -> "Block":
        """The rectangle with a margin on all sides, clipped to `limit`."""
        return Block(self.rows.grown(margin, limit[0]), self.cols.grown(margin, limit[1]))

    def shared(self, other: "Block") -> "Block":
        """What two rectangles share; of negative size where that is nothing."""
        return Block(self.rows.shared(other.rows), self.cols.shared(other.cols))

    def within(self, outer: "Block") -> tuple[slice, slice]:
        """Where this rectangle lies inside `outer`."""
        return self.rows.within(outer.rows), self.cols.within(outer.cols)

    def slices(self, origin: tuple[int, int] = (0, 0)) -> tuple[slice, slice]:
        """Where the rectangle lies in an array that begins at `origin`."""
        rows, cols = (slice(s.start - o, s.stop - o) for s, o in zip(self, origin, strict=True))
        return rows, cols

    def cut(self) -> "tuple[Block, Block]":
        """The halves of its longer side."""
        rows, cols = self
        if rows.size >= cols.size:
            a, b = rows.halves()
            return Block(a, cols), Block(b, cols)
        a, b = cols.halves()
        return Block(rows, a), Block(rows, b)

    def pixels(self, grid: Grid) -> "Block":
        """The output pixels of a rectangle of patches, clipped to the picture."""
        rows, cols = (s.scaled(grid.patch, n) for s, n in zip(self, grid.hr_size, strict=True))
        return Block(rows, cols)


@dataclass(frozen=True)
class Plan:
    """A lattice of blocks of `step` patches over a grid. It depends on the grid and the tile alone, never on what part
    of the output is asked for, so that however the output is stored, the same blocks are computed.
    """

    grid: Grid
    step: Size

    @classmethod
    def of(cls, grid: Grid, tile: int, align: int = 1, most: int | None = None) -> "Plan":
        """Equal blocks of at most `tile` LR pixels and `most` patches a side, rounded up to a multiple of `align`."""
        steps = []
        for lr, patches in zip(grid.lr_size, grid.patches, strict=True):
            cuts = -(-lr // tile)
            if most is not None:
                cuts = max(cuts, -(-patches // most))
            steps.append(_up(-(-patches // cuts), align))
        return cls(grid, (steps[0], steps[1]))

    def __iter__(self) -> Iterator[Block]:
        return self.over(Block(Span(0, self.grid.hr_size[0]), Span(0, self.grid.hr_size[1])))

    def __len__(self) -> int:
        rows, cols = (-(-n // s) for n, s in zip(self.grid.patches, self.step, strict=True))
        return rows * cols

    def over(self, pixels: Block) -> Iterator[Block]:
        """The lattice blocks that touch a rectangle of output pixels, row by row."""
        first = [s.start // self.grid.patch // step for s, step in zip(pixels, self.step, strict=True)]
        for r in range(first[0] * self.step[0], -(-pixels.rows.stop // self.grid.patch), self.step[0]):
            for c in range(first[1] * self.step[1], -(-pixels.cols.stop // self.grid.patch), self.step[1]):
                rows = Span(r, min(r + self.step[0], self.grid.patches[0]))
                yield Block(rows, Span(c, min(c + self.step[1], self.grid.patches[1])))


def halves(block: Block, align: int) -> list[Block]:
    """A block cut in up to four, at multiples of `align`; just the block where it cannot be cut."""
    rows, cols = ([half for half in s.halves(align) if half.size > 0] for s in block)
    return [Block(r, c) for r in rows for c in cols]


def _up(n: int, align: int) -> int:
    return -(-n // align) * align
