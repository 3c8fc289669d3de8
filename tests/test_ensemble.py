"""The mean over flips and turns: what it is, and that tiles, edges and detail stay what they are."""

from typing import Any

import pytest
import torch
from torch import Tensor

from linf_nodes.catalogue import NODES
from linf_nodes.errors import BadValue
from linf_nodes.pipeline.ensemble import TURNS
from linf_nodes.pipeline.model import LoadedModel

from .models import EDSR, SMFANET, make_model, picture

SIZE = {"height": 47, "width": 61}


def upscaled(model: LoadedModel, image: Tensor, **options: Any) -> Tensor:
    options = {"temperature": 0.0, "auto_temperature": False} | options
    found: Tensor = NODES["LINFUpscale"].function(model, image, **options)
    return found


@pytest.mark.parametrize("passes", [2, 3, 8])
@pytest.mark.parametrize("encoder", [EDSR, SMFANET], ids=["edsr", "smfanet"])
def test_it_is_the_mean_of_the_turned_pictures_turned_back(encoder: dict[str, Any], passes: int) -> None:
    model, image = make_model(encoder), picture(19, 25)
    size = (SIZE["height"], SIZE["width"])
    found = []
    for turn in TURNS[:passes]:
        height, width = turn.size(size)
        found.append(turn.back(upscaled(model, turn.picture(image).contiguous(), height=height, width=width)))
    wanted = torch.stack(found).mean(0)
    averaged = upscaled(model, image, passes=passes, **SIZE)
    assert (averaged - wanted).abs().max() < 2e-6
    assert (averaged - found[0]).abs().max() > 1e-3


def test_turns_are_all_there_are_and_go_back() -> None:
    x = torch.arange(12.0).view(1, 3, 4)
    turned = [turn.picture(x) for turn in TURNS]
    assert len({(t.shape, *t.flatten().tolist()) for t in turned}) == 8
    for turn, t in zip(TURNS, turned, strict=True):
        assert torch.equal(turn.back(t), x)
        assert tuple(t.shape[1:]) == turn.size((3, 4))


@pytest.mark.parametrize("kind", ["faithful", "drawn", "learned"])
@pytest.mark.parametrize("encoder", [EDSR, SMFANET], ids=["edsr", "smfanet"])
def test_tiles_change_nothing(encoder: dict[str, Any], kind: str) -> None:
    model, image = make_model(encoder, prior="unet" if kind == "learned" else None), picture(40, 34)
    options = {"passes": 8, "latent": kind, "temperature": 0.7, "scale": 2.3}
    whole = upscaled(model, image, **options)
    assert (upscaled(model, image, tile=9, **options) - whole).abs().max() < 2e-6


@pytest.mark.parametrize("mask", [None, torch.linspace(0, 1, 50 * 42).view(1, 50, 42)])
def test_detail_is_added_as_without(mask: Tensor | None) -> None:
    model, image = make_model(), picture(25, 21, 4)
    drawn = {"temperature": 0.6, "latent": "drawn", "mask": mask, "scale": 2.0}
    details = [upscaled(model, image, **drawn, passes=n) - upscaled(model, image, scale=2.0, passes=n) for n in (1, 8)]
    assert details[0].abs().max() > 1e-2
    assert (details[0] - details[1]).abs().max() < 1e-6


@pytest.mark.parametrize("encoder", [EDSR, SMFANET], ids=["edsr", "smfanet"])
def test_seamless_edges_stay_seamless(encoder: dict[str, Any]) -> None:
    model, image = make_model(encoder), picture(16, 24)
    whole = upscaled(model, image.repeat(1, 1, 3, 3), scale=1.5, passes=8)
    found = upscaled(model, image, scale=1.5, passes=8, edges="seamless")
    assert torch.equal(found, whole[..., 24:48, 36:72])


def test_constant_stays_constant_and_a_count_is_checked() -> None:
    model = make_model()
    flat = torch.full((1, 3, 30, 30), 0.4)
    assert (upscaled(model, flat, scale=2.0, passes=8) == 0.4).all()
    with pytest.raises(BadValue, match="passes is 9: give a number from 1 to 8"):
        NODES["LINFUpscale"]({"linf_model": model, "image": flat, "passes": 9})
