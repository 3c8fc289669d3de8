"""Every model of the registry trains through the one trainer, on what its papers train it on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from linf_nodes.errors import BadValue
from linf_nodes.models.checkpoint import build, read_weights
from linf_nodes.models.contract import Network
from linf_nodes.models.registry import NETWORKS
from linf_nodes.pipeline.model import LoadedModel, prepare
from linf_nodes.training.batch import Sampler
from linf_nodes.training.crops import generator_of
from linf_nodes.training.grid_batch import grid_batch
from linf_nodes.training.loss import answers, mean_picture, query_terms
from linf_nodes.training.run import Run

from .models import EDSR, enlarge, make_network, picture
from .models import NETWORKS as SIZES
from .test_training import CPU, home, pack, recipe, same, trained

__all__ = ["home"]
each = pytest.mark.parametrize("name", NETWORKS)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    return repr(value).replace("'", '"')


def described(name: str) -> str:
    return f'[model]\nname = "{name}"\nargs = {toml({**SIZES.get(name, {}), "encoder_spec": EDSR})}\n'


@each
def test_it_learns_and_its_weights_enlarge(home: Path, name: str) -> None:
    y, x = np.mgrid[:60, :50] / 6
    for i in range(2):
        waves = 128 + 60 * np.stack([np.sin(y + k + i) + np.cos(x * (1 + k / 3)) for k in range(3)], -1)
        Image.fromarray(waves.astype(np.uint8)).save(home / "data" / f"{i}.png")
    asked = recipe(home, described(name), nll=0.0, steps=80, lr=5e-3, scales=[2.0, 3.0], queries=60)
    ran = Run(asked, CPU)
    before = float(ran.task.terms(ran.task.sampler(pack(home))(999, 0.0), 0)["l1"].detach())
    ran.train()
    assert float(ran.task.terms(ran.task.sampler(pack(home))(999, 0.0), 0)["l1"].detach()) < 0.8 * before
    ran.export(home / "out.safetensors", {"name": "out"}, {})
    network, prior = build(read_weights(home / "out.safetensors"))
    model = LoadedModel(*prepare(network, prior, CPU, torch.float32), "out", "0", CPU, torch.float32)
    image = picture(16, 14)
    found = enlarge(model, image, (40, 36), amount=0.0)
    assert (found - torch.nn.functional.interpolate(image, (40, 36), mode="bilinear")).abs().mean() < 0.2


@each
def test_a_run_that_was_stopped_goes_on_as_if_it_was_not(home: Path, name: str) -> None:
    whole = trained(recipe(home, described(name), "whole"))
    trained(recipe(home, described(name), "parts"), stop=3)
    parts = trained(recipe(home, described(name), "parts"), resume=True)
    assert parts["step"] == 6
    assert same(parts, whole)


@each
@pytest.mark.parametrize(("lr", "hr"), [(12, 30), (9, 36)])
def test_previews_show_what_inference_gives(name: str, lr: int, hr: int) -> None:
    model, image = make_network(name), picture(lr, lr)
    batch = grid_batch(picture(hr, hr), image, model.patch, model.network.asked)
    with torch.no_grad():
        assert (
            mean_picture(model.network, batch, None) - enlarge(model, image, (hr, hr), amount=0.0)
        ).abs().max() < 2e-6


@pytest.mark.parametrize("name", [n for n, e in NETWORKS.items() if not getattr(e.build, "over_bilinear", True)])
def test_a_query_s_target_is_the_pixel_that_it_asks_for(home: Path, name: str) -> None:
    ran = Run(recipe(home, described(name), scales=[3.0, 3.0]), CPU)
    sampler = ran.task.sampler(pack(home))
    assert isinstance(sampler, Sampler)
    batch = sampler(4)
    net = ran.task.net
    assert isinstance(net, Network)
    crops = sampler._resident.draw(generator_of(sampler.seed, 4), sampler.batch, lambda u: 36)
    model = LoadedModel(*prepare(net, None, CPU, torch.float32), "t", "0", CPU, torch.float32)
    with torch.no_grad():
        found = answers(model.network, batch.lr, batch.rel_cell, batch.corners, None).view(sampler.batch, -1, 3)
    for item in range(sampler.batch):
        whole = 2 * enlarge(model, (batch.lr[item : item + 1] + 1) / 2, (36, 36))[0] - 1
        pixels = (2 * crops.pixels[item] - 1).flatten(1).T
        targets = batch.texture.view(sampler.batch, -1, 3)[item]
        at = torch.cdist(targets, pixels).argmin(1)
        torch.testing.assert_close(pixels[at], targets, atol=1e-5, rtol=0)
        torch.testing.assert_close(whole.flatten(1).T[at], found[item], atol=5e-5, rtol=0)


def test_models_without_latents_refuse_what_needs_them(home: Path) -> None:
    with pytest.raises(BadValue, match="A perceptual term draws pictures, but the model is a LIIF"):
        Run(recipe(home, described("liif"), perceptual=("trunk.safetensors",)), CPU)
    ran = Run(recipe(home, described("liif")), CPU)
    ran.export(home / "liif.safetensors", {"name": "liif"}, {})
    with pytest.raises(BadValue, match="A prior predicts latents, but the model is a LIIF"):
        Run(recipe(home, 'kind = "prior"\ninit = "liif.safetensors"\n[prior]\nname = "unet"\n'), CPU)
    assert isinstance(ran.task.net, Network)
    assert set(query_terms(ran.task.net, ran.task.sampler(pack(home))(0, 0.0), None)) == {"l1"}
