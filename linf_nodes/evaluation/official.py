"""The published evaluation grid, float32 rounding and defects included, so that reference vectors can be met.

The product never uses it: the last patch row or column of this grid can carry the picture centre's coordinate, whole
extra patch rows pass through the latent module, and SwinIR's padded features are stretched over the picture.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.clit import Near
from ..models.corners import Corners
from ..pipeline.cells import Cells, corners_of

_SHIFT, _EDGE = 1e-6, 1 - 1e-6


def official_corners(coord: Tensor, feature_size: tuple[int, int]) -> Corners:
    """Corners of queries at `coord [q, 2]` (y, x in [-1, 1]) in a feature map of `feature_size`."""
    y, x = (_cells(coord[:, axis], n) for axis, n in enumerate(feature_size))
    return corners_of(y, x, feature_size[1])


def official_edges(coord: Tensor, cell: Tensor, feature_size: tuple[int, int]) -> Corners:
    """The cells that hold the first corners of queries at `coord [q, 2]` of sizes `cell [q or 1, 2]` (MetaSR)."""
    corner = coord - cell / 2
    axes: list[Cells] = []
    for axis, n in enumerate(feature_size):
        at = (corner[:, axis] + _SHIFT).clamp(-_EDGE, _EDGE)
        index = (((at + 1) * n - 1) / 2).round().long().clamp(0, n - 1)
        edge = (-1 + 1 / n) + (2 / n) * index.float() - 1 / n
        offset = (corner[:, axis] - edge) * n
        axes.append(Cells(index, index, offset, offset))
    return corners_of(axes[0], axes[1], feature_size[1])


def official_near(coord: Tensor, feature_size: tuple[int, int], r: int) -> Near:
    """The cells around queries at `coord [q, 2]` (CLIT), the ways to them in float32 as the published code has them."""
    axes, ways = [], []
    for axis, n in enumerate(feature_size):
        at = coord[:, axis]
        index = (((at + 1) * n - 1) / 2).round().long().clamp(0, n - 1)
        centre = (-1 + 1 / n) + (2 / n) * index.float()
        neighbours = centre.unsqueeze(1) + torch.linspace(-r, r, 2 * r + 1) * 2 / n
        axes.append(index)
        ways.append((at.unsqueeze(1) - neighbours) * n)
    return Near(torch.zeros_like(axes[0]), axes[0], axes[1], ways[0], ways[1])


def official_base(picture: Tensor, coord: Tensor) -> Tensor:
    """Bilinear samples `[q, 3]` of `picture [1, 3, h, w]` at `coord [q, 2]`, border repeated."""
    at = coord.to(picture.dtype).flip(-1)[None, None]
    return F.grid_sample(picture, at, mode="bilinear", padding_mode="border", align_corners=False)[0, :, 0].T


def official_initial_residual(picture: Tensor, hr_size: tuple[int, int]) -> Tensor:
    """`up(x) - up(down(up(x)))` of `picture [1, 3, h, w]`, each step bilinear without antialiasing."""

    def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
        return F.interpolate(x, size, mode="bilinear", align_corners=False)

    up = resize(picture, hr_size)
    return up - resize(resize(up, (picture.shape[-2], picture.shape[-1])), hr_size)


def pad_symmetric(picture: Tensor, window: int) -> Tensor:
    """Append 1 to `window` mirrored rows and columns, the edge repeated, up to a multiple of `window`."""
    for axis in (2, 3):
        n = picture.shape[axis]
        extra = (n // window + 1) * window - n
        picture = torch.cat((picture, picture.flip(axis)), axis).narrow(axis, 0, n + extra)
    return picture


def _cells(coord: Tensor, n: int) -> Cells:
    """Nearest cells below and above, looked up half a cell away in float32, as the published code does."""
    found = []
    for side in (-1, 1):
        shifted = (coord + (side / n + _SHIFT)).clamp(-_EDGE, _EDGE)
        index = (((shifted + 1) * n - 1) / 2).round().long().clamp(0, n - 1)
        centre = (-1 + 1 / n) + (2 / n) * index.float()
        found.append((index, (coord - centre) * n))
    (low, rel_low), (high, rel_high) = found
    return Cells(low, high, rel_low, rel_high)


def sampled(maps: Tensor, coord: Tensor) -> Tensor:
    """Bilinear samples `[q, c]` of `maps [1, c, h, w]` at `coord [q, 2]`, zeros beyond."""
    at = coord.to(maps.dtype).flip(-1)[None, None]
    return F.grid_sample(maps, at, mode="bilinear", padding_mode="zeros", align_corners=False)[0, :, 0].T
