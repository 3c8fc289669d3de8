"""What networks promise to those who run them."""

from abc import abstractmethod
from typing import Any, Literal

from torch import Tensor, nn

from .corners import Corners

Size = tuple[int, int]


class Encoder(nn.Module):
    """LR pictures `[b, 3, h, w]` in [-1, 1] to features `[b, out_dim, h, w]`.

    Attributes
    ----------
    out_dim
        Channels of the features.
    receptive_field
        LR pixels to each side that a feature depends on at most.
    halo
        LR pixels around a window that it is given: `receptive_field`, or less where a measurement says that no output
        moves by more than 1/512 (docs/tiling.md).
    align
        Windows start at multiples of it, and end there or at the picture's edge.
    copies
        Feature maps that it holds at its widest, in units of its output: a peak measured on a CPU.
    """

    out_dim: int
    receptive_field: int
    halo: int
    align: int = 1
    copies: int

    def padded(self, x: Tensor) -> Tensor:
        """The picture as the network takes it: the bottom and the right may be filled up."""
        return x


class Network(nn.Module):
    """An encoder, and a head that answers query points of the output from the LR cells around them.

    What a whole picture needs is known from a rectangle of LR cells (`cells`), from the size of an output pixel
    (`phases`) and from where a query lies (`at`): so that any window can be asked for alone.

    Attributes
    ----------
    family
        Its name, for people.
    encoder
        Gives the features.
    patch_size
        Output pixels a side that one query answers for.
    dim
        Components of a query's latent; 0 where the answer is the picture itself.
    answers
        Numbers that `at` gives for a query.
    width
        Numbers that `cells` gives for an LR cell.
    queries
        Query points that are answered at a time: a speed, measured (docs/benchmark.md).
    reach
        LR cells to each side whose features `cells` reads for one.
    around
        LR cells to each side of a query's corners that `at` looks at.
    asked
        Where a query lies among the cells: between the four "around" its pixel's centre, or in the one that holds its
        pixel's first "corner".
    over_bilinear
        Whether the bilinear enlargement is added to its answers, or they are the picture.
    single
        Children that compute in float32 in every precision.
    """

    family: str
    encoder: Encoder
    patch_size: int = 1
    dim: int = 0
    answers: int = 3
    width: int
    queries: int = 1024
    reach: int = 1
    around: int = 0
    asked: Literal["around", "corner"] = "around"
    over_bilinear: bool = True
    single: tuple[str, ...] = ()

    def encode(self, x: Tensor) -> Tensor:
        """Features `[b, c, h, w]` of a picture `[b, 3, h, w]` in [-1, 1]."""
        features: Tensor = self.encoder(x)
        return features

    @abstractmethod
    def cells(self, feat: Tensor, part: tuple[slice, slice] = (slice(None), slice(None))) -> Tensor:
        """What is known `[b * cells, width]` of the LR cells in `part` (rows, columns), whatever is asked there."""

    @abstractmethod
    def phases(self, rel_cell: Tensor) -> Tensor:
        """What is known `[q, ...]` of cell sizes `rel_cell [q, 2]` (y, x), 2 per LR pixel."""

    @abstractmethod
    def at(self, cells: Tensor, phase: Tensor, corners: Corners, work: Any = None, size: Size = (0, 0)) -> Tensor:
        """The answers at q query points, `[q, answers]`, in the [-1, 1] domain where they are colours.

        `phase` is `[1 or q, ...]`; `work` comes from `workspace`, in inference; `size` are the rows and columns of
        the map, or of each of the maps one below the other, that `cells` holds: what lies beyond is not the picture.
        """

    def workspace(self, queries: int, cells: Tensor) -> Any:
        """Arrays for `at` to write over, for at most so many queries; None where it needs none."""
        return None
