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
