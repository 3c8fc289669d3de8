"""Filters on pictures whose answer is known."""

import torch

from linf_nodes.catalogue import NODES


def test_background_goes_and_smaller_objects_stay() -> None:
    y, x = torch.meshgrid(torch.arange(80.0), torch.arange(80.0), indexing="ij")
    slope = 0.1 + 0.1 * x / 79
    disc = 0.4 * ((y - 40) ** 2 + (x - 40) ** 2 < 6**2)
    for dark in (False, True):
        picture = (1 - slope - disc) if dark else (slope + disc)
        found = NODES["LINFRemoveBackground"]({"image": picture[None, None], "radius": 30.0, "dark_objects": dark})[
            0, 0
        ]
        wanted = (1 - disc) if dark else disc
        assert (found - wanted)[10:-10, 10:-10].abs().max() < 0.02


def test_denoising_keeps_what_lies_outside_black_and_white() -> None:
    picture = torch.rand(1, 1, 24, 28, generator=torch.Generator().manual_seed(0))
    for shift in (-3.0, 0.0, 5.0):
        for method in ("total variation", "non-local means", "bilateral"):
            found = NODES["LINFDenoise"]({"image": picture + shift, "method": method, "strength": 0.1})
            still = NODES["LINFDenoise"]({"image": picture, "method": method, "strength": 0.1})
            assert (found - shift - still).abs().max() < 0.01
