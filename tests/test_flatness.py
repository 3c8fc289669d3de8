"""Constant in, constant out: whatever detail is asked for, to the last bit, in tiles of any size."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from linf_nodes.catalogue import chain, oneclick
from linf_nodes.catalogue.loading import load_model
from linf_nodes.pipeline import features
from linf_nodes.pipeline.blocks import Plan
from linf_nodes.pipeline.flatness import FAR, NEAR
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.model import LoadedModel
from linf_nodes.stacks.volume import Output

from . import tiny
from .stacks import stack, volume

KINDS: list[dict[str, Any]] = [
    {"temperature": 0.0, "auto_temperature": False},
    {"temperature": 1.5, "auto_temperature": False},
    {"latent": "learned"},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("flat")
    tiny.write_models(folder)
    found: LoadedModel = load_model(str(folder / "learned.safetensors"), device="cpu")
    return found


def picture(c: int = 3, h: int = 60, w: int = 50) -> Tensor:
    """One value everywhere but in a noisy square in the middle."""
    image = torch.tensor([0.1, 0.6, 0.3, 0.8])[:c, None, None].repeat(1, h, w)
    image[:, 25:35, 20:30] = torch.rand(c, 10, 10, generator=torch.Generator().manual_seed(1))
    return image[None]


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_constant_picture_stays_itself(model: LoadedModel, options: dict[str, Any], channels: int) -> None:
    image = picture(channels)[..., :20, :]
    result = oneclick.upscale(model, image, 2.7, **options)
    assert torch.equal(result, image[..., :1, :1].expand_as(result))


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_constant_region_stays_itself_in_tiles_of_any_size(model: LoadedModel, options: dict[str, Any]) -> None:
    image = picture(1)
    results = [oneclick.upscale(model, image, 3.0, tile=tile, **options) for tile in (0, 16)]
    constant = torch.ones(60, 50, dtype=torch.bool)
    constant[25 - FAR - 2 : 35 + FAR + 2, 20 - FAR - 2 : 30 + FAR + 2] = False
    for result in results:
        inside = result[0, 0][constant.repeat_interleave(3, 0).repeat_interleave(3, 1)]
        assert bool((inside == image[0, 0, 0, 0]).all())
    whole, tiles = results
    assert torch.allclose(whole, tiles, atol=1e-5)
    assert len(results[0].unique()) > 1000


def test_an_empty_colour_stays_empty(model: LoadedModel) -> None:
    image = picture()
    image[:, 2] = 0
    result = oneclick.upscale(model, image, 3.0, temperature=1.0, auto_temperature=False)
    assert bool((result[:, 2] == 0).all())
    assert bool((result[:, :2, 80:100, 65:85] - 0.3).abs().max() > 0.1)


def test_texture_near_a_change_is_whole_and_fades_beyond(model: LoadedModel) -> None:
    grid = Grid((60, 50), (180, 150), model.patch)
    field = features.Features(model, picture()).field(0, grid)
    share = field.share(next(iter(Plan.of(grid, 512))))
    assert share is not None
    row = share[0, :, 25]  # a patch is one LR pixel
    assert bool((row[25 - NEAR : 35 + NEAR] == 1).all())
    assert bool((row[: 25 - FAR - 1] == 0).all())
    assert bool((row[:30].diff() >= 0).all())
    assert row.unique().numel() > 3


def test_the_chain_does_as_the_one_click_and_a_reference_is_kept(model: LoadedModel) -> None:
    image, z = picture(), None
    seen = features.Features(model, image)
    for z in (chain.sample_latent(seen, 2.7), chain.learned_prior(seen, 2.7)):
        texture = chain.flow_inverse(seen, z)
        assert not texture.mean[..., :30, :].any()
        assert not texture.detail[..., :30, :].any()
    assert not chain.uncertainty(seen, 2.7)[..., :30, :].any()
    wanted = torch.rand(1, 3, 162, 135)
    texture = chain.flow_inverse(seen, chain.encode_reference(seen, wanted))
    assert torch.allclose(chain.compose(texture), wanted, atol=1e-4)
    assert not texture.mean[..., :30, :].any()


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("u1", 255),
        ("u2", 0),
        ("u2", 700),
        (">u2", 700),
        ("i2", -3),
        ("u4", 4_000_000_007),
        ("f4", 0.1),
        ("f8", -1e5 / 3),
    ],
)
def test_constant_stacks_keep_their_sample(model: LoadedModel, tmp_path: Path, dtype: str, value: float) -> None:
    tiny.write_models(tmp_path)
    source = np.full((2, 20, 15), value, dtype)
    v = volume(source, (41, 37), model=str(tmp_path / "learned.safetensors"))
    assert np.array_equal(v.plane((1,)), np.full((41, 37), value, dtype))
    assert not v.plane((1,), Output.DEVIATION).any()


def test_a_background_between_cells_keeps_its_sample(tmp_path: Path) -> None:
    tiny.write_models(tmp_path)
    source = np.full((60, 50), 0.37, np.float32)
    source[25:35, 20:30] = stack(10, 10, dtype=np.float32, high=3000)
    for tile in (0, 16):
        v = volume(source, (150, 131), model=str(tmp_path / "tiny.safetensors"), tile=tile, temperature=1.0)
        assert np.unique(v.plane()[:35]).tolist() == [np.float32(0.37)]


def test_nothing_is_computed_for_a_constant_plane(tmp_path: Path) -> None:
    tiny.write_models(tmp_path)
    v = volume(np.zeros((60, 50), np.uint16), (150, 131), model=str(tmp_path / "learned.safetensors"))
    calls: list[Any] = []
    handle = v.settings.load().network.encoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        v.plane()
        assert not calls
        volume(stack(60, 50), (150, 131), model=v.settings.model).plane()
        assert calls
    finally:
        handle.remove()
