"""Seamless edges: a picture among copies of itself, in every part of the pipeline."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from linf_nodes.catalogue import NODES
from linf_nodes.pipeline.blocks import Block, Span
from linf_nodes.pipeline.latent import ArrayLatent, NoiseLatent
from linf_nodes.pipeline.latent_file import load_latent, materialise, save_latent
from linf_nodes.pipeline.model import LoadedModel
from linf_nodes.pipeline.noise import normal

from .models import EDSR, SMFANET, make_model, picture

SET: dict[str, Any] = {"auto_temperature": False, "temperature": 0.7, "seed": 5}


def enlarged(model: LoadedModel, image: Tensor, edges: str = "seamless", **options: object) -> Tensor:
    found: Tensor = NODES["LINFUpscale"].function(model, image, edges=edges, **options)
    return found


def middle(large: Tensor, size: torch.Size) -> Tensor:
    h, w = size[-2:]
    return large[..., h : 2 * h, w : 2 * w]


@pytest.mark.parametrize("scale", [3.0, 1.5, 4.5])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["faithful", "learned"])
def test_it_is_the_middle_of_a_repetition_to_the_bit(kind: str, channels: int, scale: float) -> None:
    model = make_model(prior="unet" if kind == "learned" else None)
    image = picture(16, 22, channels)
    found = enlarged(model, image, latent=kind, scale=scale)
    repeated = enlarged(model, image.repeat(1, 1, 3, 3), "usual", latent=kind, scale=scale)
    assert torch.equal(found, middle(repeated, found.shape))


@pytest.mark.parametrize("tile", [0, 20])
def test_drawn_detail_begins_anew_with_every_copy(tile: int) -> None:
    model, image = make_model(), picture(16, 22)
    found = enlarged(model, image, latent="drawn", scale=3.0, tile=tile, **SET)
    z = normal(5, 0, range(16), range(22), 27).repeat(3, 3, 1)[None]
    features = NODES["LINFEncodeLr"].function(model, image.repeat(1, 1, 3, 3))
    grid = NODES["LINFSampleLatent"].function(features, scale=3.0).grid
    texture = NODES["LINFFlowInverse"].function(features, ArrayLatent(grid, model.hash, z, "drawn"), tile)
    repeated = NODES["LINFCompose"].function(texture, temperature=0.7, auto_temperature=False)
    assert torch.allclose(found, middle(repeated, found.shape), atol=1e-6)


@pytest.mark.parametrize("encoder", [EDSR, SMFANET], ids=["edsr", "smfanet"])
@pytest.mark.parametrize("kind", ["faithful", "drawn"])
def test_a_turned_texture_gives_the_turned_result(kind: str, encoder: dict[str, Any]) -> None:
    """By whole squares of the encoder, and with the noise of the crop that it then is."""
    model, image = make_model(encoder), picture(24, 32)
    found = enlarged(model, image, latent=kind, scale=3.0, **SET)
    turned = enlarged(model, image.roll((8, 16), (-2, -1)), latent=kind, scale=3.0, **SET)
    same = torch.allclose(turned, found.roll((24, 48), (-2, -1)), atol=1e-5)
    assert same == (kind == "faithful")  # the noise lies where it lies


@pytest.mark.parametrize("scale", [2.0, math.pi, 4.0])
@pytest.mark.parametrize("prior", [None, "unet"])
def test_the_step_across_the_border_is_the_usual_one(scale: float, prior: str | None) -> None:
    y, x = torch.meshgrid(torch.arange(40) * math.tau / 40, torch.arange(50) * math.tau / 50, indexing="ij")
    wave = 0.5 + 0.2 * torch.sin(2 * y + 1) + 0.2 * torch.cos(3 * x + y)
    image = wave.expand(1, 3, -1, -1).contiguous()
    model = make_model(prior=prior)

    def steps(edges: str) -> float:
        large = enlarged(model, image, edges, latent="faithful" if prior is None else "learned", scale=scale)
        across = (large[..., 0] - large[..., -1]).abs().mean() + (large[..., 0, :] - large[..., -1, :]).abs().mean()
        within = large.diff(dim=-1).abs().mean() + large.diff(dim=-2).abs().mean()
        return float(across / within)

    assert steps("seamless") < 1.6
    assert steps("usual") > steps("seamless")


def test_the_chain_and_uncertainty_are_seamless_too() -> None:
    model, image = make_model(), picture(14, 18, 4)
    mask = torch.rand(1, 42, 54, generator=torch.Generator().manual_seed(3))
    features = NODES["LINFEncodeLr"].function(model, image, edges="seamless")
    latent = NODES["LINFSampleLatent"].function(features, scale=3.0, seed=5)
    texture = NODES["LINFFlowInverse"].function(features, latent)
    masks: list[dict[str, Any]] = [{}, {"mask": mask}]
    for more in masks:
        once = enlarged(model, image, latent="drawn", scale=3.0, **SET, **more)
        chain = NODES["LINFCompose"].function(texture, temperature=0.7, auto_temperature=False, **more)
        assert torch.allclose(once, chain, atol=1e-6)
    repeated = NODES["LINFEncodeLr"].function(model, image.repeat(1, 1, 3, 3))
    deviation = NODES["LINFUncertainty"].function(features, scale=3.0)
    assert torch.equal(deviation, middle(NODES["LINFUncertainty"].function(repeated, scale=3.0), deviation.shape))


@pytest.mark.parametrize("size", [(42, 54), (43, 55)])
def test_a_reference_is_read_out_among_its_copies(size: tuple[int, int]) -> None:
    model, image = make_model(), picture(14, 18)
    once = enlarged(model, image, latent="drawn", height=size[0], width=size[1], **(SET | {"temperature": 1.0}))
    features = NODES["LINFEncodeLr"].function(model, image, edges="seamless")
    found = NODES["LINFEncodeReference"].function(features, once)
    whole = Block(Span(0, size[0] // 3), Span(0, size[1] // 3))  # patches that do not hang over the edge
    drawn = NoiseLatent(found.grid, model.hash, 5, dim=27).window(None, 0, whole)[0]  # type: ignore[arg-type]  # noise needs no field
    assert torch.allclose(found.z[(0, *whole.slices())], drawn, atol=1e-3)


def test_features_in_half_precision_change_next_to_nothing() -> None:
    model, image = make_model(), picture(14, 18)
    found = [NODES["LINFEncodeLr"].function(model, image, half=half) for half in (False, True)]
    assert found[1].maps.dtype == torch.float16
    full, half = (
        NODES["LINFCompose"].function(
            NODES["LINFFlowInverse"].function(f, NODES["LINFSampleLatent"].function(f, scale=3.0)), 0.5, False
        )
        for f in found
    )
    assert (full - half).abs().max() < 0.2 / 255


@pytest.mark.parametrize("scale", [3.0, 2.0])
@pytest.mark.parametrize("node", ["LINFLearnedPrior", "LINFSampleLatent"])
def test_a_latent_that_was_saved_is_seamless_too(node: str, scale: float, tmp_path: Path) -> None:
    """At x2 the last patches hang over the border."""
    model, image = make_model(prior="unet"), picture(14, 19)
    features = NODES["LINFEncodeLr"].function(model, image, edges="seamless")
    latent = NODES[node].function(features, scale=scale)
    save_latent(tmp_path / "z.safetensors", features, latent)
    again = load_latent(tmp_path / "z.safetensors")
    detail, found = (NODES["LINFFlowInverse"].function(features, z).detail for z in (latent, again))
    assert torch.allclose(found, detail, atol=1e-6)
    if node == "LINFLearnedPrior" and scale == 3.0:
        three = NODES["LINFEncodeLr"].function(model, image.repeat(1, 1, 3, 3))
        z = materialise(three, NODES[node].function(three, scale=scale))
        assert torch.allclose(again.z, z[:, 14:28, 19:38], atol=1e-6)
