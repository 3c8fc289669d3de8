"""The output grid: the one owner of every coordinate."""

from dataclasses import dataclass

import torch

from .cells import Cells, cells_of, corner_cells_of

Size = tuple[int, int]


@dataclass(frozen=True)
class Grid:
    """`lr_size (h, w)` pixels become `hr_size (H, W)`, synthesised in patches of `patch` x `patch` output pixels.

    The true ratio is `hr_size / lr_size`, not the scale that was asked for. Patch (i, j) covers the output pixels from
    `(patch i, patch j)`; its coordinate is its centre's, extended linearly where the last patch hangs over the edge.
    """

    lr_size: Size
    hr_size: Size
    patch: int = 1

    @property
    def patches(self) -> Size:
        """Rows and columns of patches."""
        return -(-self.hr_size[0] // self.patch), -(-self.hr_size[1] // self.patch)

    @property
    def rel_cell(self) -> tuple[float, float]:
        """Size of an output pixel in units of half an LR pixel, `(y, x)`: `2 h / H, 2 w / W`."""
        return 2 * self.lr_size[0] / self.hr_size[0], 2 * self.lr_size[1] / self.hr_size[1]

    @property
    def scale(self) -> tuple[float, float]:
        """True magnification `(y, x)`."""
        return self.hr_size[0] / self.lr_size[0], self.hr_size[1] / self.lr_size[1]

    def centres(self, axis: int, start: int, stop: int) -> Cells:
        """Cells around the centres of the patches `start..stop` of one axis (0 = y)."""
        index = torch.arange(start, stop) * self.patch + self.patch // 2
        return cells_of(index, self.lr_size[axis], self.hr_size[axis])

    def corners(self, axis: int, start: int, stop: int) -> Cells:
        """Cells that hold the first corner of the patches `start..stop` of one axis (0 = y)."""
        return corner_cells_of(torch.arange(start, stop) * self.patch, self.lr_size[axis], self.hr_size[axis])

    def pixels(self, axis: int, start: int, stop: int) -> Cells:
        """Cells around the output pixels `start..stop` of one axis (0 = y)."""
        return cells_of(torch.arange(start, stop), self.lr_size[axis], self.hr_size[axis])
