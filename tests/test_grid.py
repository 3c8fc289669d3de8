"""Coordinates against exact fractions and torch's own interpolation; sizes and refusals."""

import math
from fractions import Fraction

import pytest
import torch

from linf_nodes.errors import BadValue
from linf_nodes.pipeline.cells import cells_of, corners_of_rectangle, interpolate
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.size import checked_size, output_size, scaled_size

from .models import picture


@pytest.mark.parametrize(("lr", "hr"), [(1, 1), (1, 5), (7, 7), (10, 33), (48, 96), (5, 160), (97, 230), (4001, 9999)])
def test_cells_are_the_exact_neighbours(lr: int, hr: int) -> None:
    index = list(range(-2, hr + 2)) if hr < 300 else [0, 1, hr // 2, hr - 1, hr]
    cells = cells_of(torch.tensor(index), lr, hr)
    for n, i in enumerate(index):
        position = Fraction(2 * i + 1, 2) * Fraction(lr, hr) - Fraction(1, 2)
        low = min(max(math.floor(position), 0), lr - 1)
        high = min(max(math.floor(position) + 1, 0), lr - 1)
        assert (int(cells.low[n]), int(cells.high[n])) == (low, high)
        assert float(cells.rel_low[n]) == pytest.approx(float(2 * (position - low)), rel=1e-6, abs=1e-6)
        assert float(cells.rel_high[n]) == pytest.approx(float(2 * (position - high)), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("hr", [(9, 14), (18, 28), (21, 31), (40, 29), (9, 400)])
def test_base_is_torchs_bilinear(hr: tuple[int, int]) -> None:
    image = picture(9, 14)
    grid = Grid((9, 14), hr)
    ours = interpolate(image[0], grid.pixels(0, 0, hr[0]), grid.pixels(1, 0, hr[1]))
    theirs = torch.nn.functional.interpolate(image.double(), hr, mode="bilinear", align_corners=False)[0]
    assert (ours - theirs).abs().max() < 1e-6


def test_weights_sum_to_one_and_swap_areas() -> None:
    grid = Grid((6, 5), (20, 17), 3)
    corners = corners_of_rectangle(grid.centres(0, 0, 7), grid.centres(1, 0, 6), 5)
    torch.testing.assert_close(corners.weight.sum(-1), torch.ones(42))
    inside = corners.weight[corners.rel_y.abs().amax(-1) < 2]
    area = (corners.rel_y * corners.rel_x).abs()[corners.rel_y.abs().amax(-1) < 2] + 1e-9
    torch.testing.assert_close(inside[:, 0], area[:, 3] / area.sum(-1))


def test_the_last_patch_is_extended_linearly() -> None:
    grid = Grid((10, 12), (40, 48), 3)  # 40 = 13 * 3 + 1: the published grid puts the picture's centre here
    steps = grid.centres(0, 0, 14)
    position = steps.low + steps.rel_low / 2
    torch.testing.assert_close(position.diff(), torch.full((13,), 0.75), atol=1e-5, rtol=0)


def test_sizes() -> None:
    assert scaled_size((10, 12), 3.3) == (33, 40)
    assert scaled_size((10, 12), (2, 3.3)) == (20, 40)
    assert scaled_size((5, 3), 1.5) == (8, 5)  # floor(n s + 1/2), not banker's rounding
    assert output_size((10, 20), size=(0, 50)) == (25, 50)
    assert output_size((10, 20), size=(30, 0)) == (30, 60)
    assert output_size((1000, 2000), megapixels=8) == (2000, 4000)
    assert output_size((10, 20), 2.0, 3.0) == (20, 60)


@pytest.mark.parametrize("scale", [0, -2, math.nan, 0.5, 1e9, math.inf, 32.1])
def test_impossible_scales_are_refused_with_the_value(scale: float) -> None:
    with pytest.raises(BadValue, match=r"1 to 32"):
        scaled_size((10, 10), scale)


def test_impossible_sizes_are_refused_with_the_value() -> None:
    with pytest.raises(BadValue, match="height 9 is smaller than the input's 10"):
        checked_size((10, 10), (9, 20))
    with pytest.raises(BadValue, match="width 321 is more than 32 times"):
        checked_size((10, 10), (320, 321))
    with pytest.raises(BadValue, match="megapixels"):
        output_size((10, 10), megapixels=math.nan)
