"""Training: loss terms against float64, exact resume, degradations against Pillow, and what a user gets wrong."""

import csv
import errno
import importlib.util
import itertools
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from linf_nodes.errors import BadPicture, BadValue, Cancelled, LinfError, UnsupportedWeights
from linf_nodes.hosts.cli.main import main
from linf_nodes.models.checkpoint import build, read_weights, weights_hash, write_weights
from linf_nodes.models.latent_front import LatentPrior
from linf_nodes.models.registry import build_network, build_prior
from linf_nodes.models.spec import Spec
from linf_nodes.models.unfilled import Unfilled
from linf_nodes.pipeline.cells import cells_of, corners_of
from linf_nodes.pipeline.model import LoadedModel, prepare
from linf_nodes.training import checkpoint, precision
from linf_nodes.training import picture_set as packing
from linf_nodes.training import run as checkpoint_user
from linf_nodes.training.batch import Sampler
from linf_nodes.training.card import licence_family, licences
from linf_nodes.training.clock import Clock
from linf_nodes.training.compiling import compile_chains, wanted
from linf_nodes.training.crops import Crops, Resident, generator_of
from linf_nodes.training.degradation import Degradation, through_jpeg
from linf_nodes.training.grid_batch import GridSampler, grid_batch
from linf_nodes.training.log import Log
from linf_nodes.training.loss import (
    condition,
    initial_prior,
    predict,
    prior_terms,
    texture_terms,
    to_pictures,
    to_rows,
)
from linf_nodes.training.perceptual import PerceptualNetwork, perceptual_distance, read_perceptual
from linf_nodes.training.picture_set import PictureSet, load_picture_set, picture_files
from linf_nodes.training.prefetch import Prefetch
from linf_nodes.training.preview import write_preview
from linf_nodes.training.recipe import Recipe
from linf_nodes.training.resampling import enlarge as enlarge_bilinearly
from linf_nodes.training.resampling import reduce
from linf_nodes.training.run import Run
from linf_nodes.training.scales import Scales
from linf_nodes.training.schedule import learning_rate
from linf_nodes.training.spectrum import pattern_excess, spectra, texture_deficit

from .models import enlarge, linf_of, make_model, picture
from .tiny import weights

ROOT = Path(__file__).parents[1]
CPU = torch.device("cpu")

Array = NDArray[np.float64]

MODEL = """
[model]
name = "linf-patch"
[model.args]
patch_size = 3
flow_layers = 2
num_layer = 2
hidden_dim = 16
encoder_spec = { name = "edsr-baseline", args = { n_resblocks = 1, n_feats = 8 } }
"""
EDSR = '{ name = "edsr-baseline", args = { n_resblocks = 1, n_feats = 8 } }'
RRDB = '{ name = "rrdb", args = { nf = 8, nb = 1, gc = 4 } }'
PRIOR = """
kind = "prior"
init = "tiny.safetensors"
perceptual = "trunk.safetensors"
latent = 0.1
settle = 0.5
[prior]
name = "unet"
args = { depth = 1, dim = 8 }
"""
STAGE_2 = 'perceptual = "trunk.safetensors"' + MODEL
KINDS = {"textures": MODEL, "pictures": STAGE_2, "prior": PRIOR}


def smooth(h: int, w: int, seed: int = 0) -> NDArray[np.uint8]:
    return (picture(h, w, seed=seed)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)


def tiny_trunk() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    tensors = {}
    for name, a, b in (("net.0", 3, 4), ("net.2", 4, 4), ("net.5", 4, 6), ("net.7", 6, 6)):
        tensors[f"{name}.weight"] = torch.randn(b, a, 3, 3, generator=random) * 0.3
        tensors[f"{name}.bias"] = torch.randn(b, generator=random) * 0.1
    return tensors


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with two pictures, a trunk and weights."""
    (tmp_path / "data").mkdir()
    for i in range(2):
        Image.fromarray(smooth(60, 50, i)).save(tmp_path / "data" / f"{i}.png")
    save_file(tiny_trunk(), tmp_path / "trunk.safetensors")
    write_weights(tmp_path / "tiny.safetensors", weights())
    return tmp_path


def recipe(home: Path, text: str = MODEL, out: str = "run", **changes: Any) -> Recipe:
    small: dict[str, Any] = {
        "steps": 6,
        "batch": 2,
        "crop": 12,
        "hr": 24,
        "queries": 20,
        "warmup": 2,
        "save_every": 100,
        "bfloat16": False,
    }
    path = home / "recipe.toml"
    path.write_text('data = ["data"]\nout = "run"\n' + text)
    return Recipe.read(path, **{**small, "out": out, **changes})


def pack(home: Path) -> PictureSet:
    return load_picture_set([home / "data"], 24, CPU)


# Loss terms


def flow_in_numpy(flow: Any, scale: Array, shift: Array, x: Array) -> tuple[Array, Array]:
    """Latents and log-densities of textures `x [q, d]`, straight from the paper."""
    logdet = np.zeros(len(x))
    for i, layer in enumerate(flow.linears):
        w = layer._weight.detach().double().numpy()
        x = (x @ w.T + layer.bias.detach().double().numpy()) * scale[:, i] + shift[:, i]
        logdet += np.log(scale[:, i]).sum(1) + np.linalg.slogdet(w)[1]
    w = flow.last._weight.detach().double().numpy()
    z = x @ w.T + flow.last.bias.detach().double().numpy()
    logdet += np.linalg.slogdet(w)[1]
    return z, logdet - 0.5 * (z**2 + np.log(2 * np.pi)).sum(1)


def mean_in_numpy(flow: Any, scale: Array, shift: Array) -> Array:
    w, b = flow.last._weight.detach().double().numpy(), flow.last.bias.detach().double().numpy()
    x = np.linalg.solve(w, -np.broadcast_to(b, (len(scale), len(b))).T).T
    for i in reversed(range(len(flow.linears))):
        layer = flow.linears[i]
        x = (x - shift[:, i]) / scale[:, i] - layer.bias.detach().double().numpy()
        x = np.linalg.solve(layer._weight.detach().double().numpy(), x.T).T
    return x


def test_the_terms_of_textures_are_those_of_float64(home: Path) -> None:
    model = make_model()
    sampler = Sampler(pack(home), 1, 2, 12, 30, 3, Scales((1.0, 3.0)))
    batch = sampler(0)
    terms = texture_terms(linf_of(model), batch, None)
    cond = condition(linf_of(model), batch.lr, batch.rel_cell, batch.corners, None)
    scale, shift = (t.detach().double().numpy() for t in cond)
    texture = batch.texture.double().numpy()
    assert float(terms["nll"]) == pytest.approx(
        -flow_in_numpy(linf_of(model).imnet, scale, shift, texture)[1].mean(), 1e-5
    )
    assert float(terms["l1"]) == pytest.approx(
        np.abs(mean_in_numpy(linf_of(model).imnet, scale, shift) - texture).mean(), 1e-5
    )


def convolved(x: Array, weight: Array, bias: Array) -> Array:
    _, h, w = x.shape
    wide = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    taps = np.stack([wide[:, i : i + h, j : j + w] for i in range(3) for j in range(3)])
    summed: Array = np.einsum("ochk,hkcyx->oyx", weight, taps.reshape(3, 3, *x.shape)) + bias[:, None, None]
    return np.maximum(summed, 0)


def distance_in_numpy(tensors: dict[str, torch.Tensor], a: Array, b: Array) -> float:
    mean, std = (np.array(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    total, both = 0.0, [(x - mean) / std for x in (a, b)]
    for block in (("net.0", "net.2"), ("net.5", "net.7")):
        for name in block:
            w, bias = (tensors[f"{name}.{kind}"].double().numpy() for kind in ("weight", "bias"))
            both = [convolved(x, w, bias) for x in both]
        total += float(np.abs(both[0] - both[1]).mean() / np.abs(both[1]).mean())
        both = [x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).max((2, 4)) for x in both]
    return total


def test_the_perceptual_distance_is_that_of_float64() -> None:
    a, b = picture(12, 16, seed=1), 0.3 * picture(12, 16, seed=2)
    wanted = distance_in_numpy(tiny_trunk(), a[0].double().numpy(), b[0].double().numpy())
    assert float(perceptual_distance(PerceptualNetwork(tiny_trunk()), a, b)) == pytest.approx(wanted, 1e-5)
    turned = distance_in_numpy(tiny_trunk(), b[0].double().numpy(), a[0].double().numpy())
    assert turned != pytest.approx(wanted, 0.05)  # the second picture is the wanted one


def test_the_perceptual_distance_of_dark_pictures_is_finite() -> None:
    assert bool(perceptual_distance(PerceptualNetwork(tiny_trunk()), picture(8, 8), torch.zeros(1, 3, 8, 8)).isfinite())


@pytest.mark.parametrize("name", ["vgg16_relu2_2", "vgg19n_relu3_1", "vgg19_cd16x_5SE"])
def test_trunks_agree_with_the_shared_tool(shared: Path, name: str) -> None:
    code = (shared / "tools" / "perceptual_features.py").read_text("utf-8")
    tool: dict[str, Any] = {"__name__": "tool", "__file__": str(shared / "tools" / "perceptual_features.py")}
    exec(compile(code, "perceptual_features.py", "exec"), tool)
    kinds = {"vgg16_relu2_2": ("vgg16", 2), "vgg19n_relu3_1": ("vgg19", 3), "vgg19_cd16x_5SE": ("cd", 5)}
    feats = tool["Feats"](kinds[name][0])
    x = picture(40, 36)
    assert len(feats(x)) == kinds[name][1]
    for ours, theirs in zip(read_perceptual(shared / "metrics" / f"{name}.safetensors", CPU)(x), feats(x), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_training_and_inference_of_a_prior_give_one_picture() -> None:
    model = make_model(prior="unet")
    assert model.prior is not None
    batch = grid_batch(picture(48, 48), picture(15, 15, seed=2), 3)
    with torch.no_grad():
        cond = condition(linf_of(model), 2 * batch.lr - 1, batch.rel_cell, batch.corners, None)
        initial = linf_of(model).imnet(to_rows(2 * initial_prior(batch), 3), cond)[0]
        learned = predict(model.prior, initial, batch, None)
        trained = to_pictures(linf_of(model).imnet.inverse(learned, cond), batch, 3)
    upscaled = enlarge(model, batch.lr, (48, 48), amount=1.0)
    torch.testing.assert_close(trained, upscaled, atol=2e-5, rtol=1e-4)


def test_the_terms_of_a_prior_are_those_of_its_picture(home: Path) -> None:
    model = make_model(prior="unet")
    assert model.prior is not None
    batch = GridSampler(pack(home), 1, 1, 24, 3, Scales((2.0, 2.0)))(0)
    trunk = PerceptualNetwork(tiny_trunk())
    terms = prior_terms(
        linf_of(model), model.prior, batch, lambda a, b: perceptual_distance(trunk, a, b), None, latent=True
    )
    seen, wanted = (enlarge(model, batch.lr, (24, 24), amount=1.0).double(), batch.hr.double())
    assert float(terms["l1"]) == pytest.approx(float(2 * (seen - wanted).abs().mean()), 1e-4)
    expected = distance_in_numpy(tiny_trunk(), seen[0].numpy(), wanted[0].numpy())
    assert float(terms["perceptual"].detach()) == pytest.approx(expected, 1e-4)
    assert terms["latent"] > 0


def test_balanced_terms_are_relative_to_the_enlarged_lr_picture(home: Path) -> None:
    model, batch = make_model(prior="unet"), GridSampler(pack(home), 1, 1, 48, 3, Scales((2.0, 2.0)))(0)
    assert model.prior is not None
    trunk = PerceptualNetwork(tiny_trunk())
    plain, balanced = (
        prior_terms(
            linf_of(model),
            model.prior,
            batch,
            lambda a, b: perceptual_distance(trunk, a, b),
            None,
            texture=True,
            pattern=True,
            balanced=balanced,
        )
        for balanced in (False, True)
    )
    assert set(plain) == set(balanced) == {"l1", "perceptual", "pattern", "texture"}
    unit = distance_in_numpy(tiny_trunk(), batch.base[0].numpy(), batch.hr[0].numpy()) + 0.05
    for name, term in plain.items():
        assert float(balanced[name]) == pytest.approx(float(term) / unit, 1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pattern": 1.0}, "too small for 'pattern'"),
        ({"texture": 1.0}, "too small for 'texture'"),
        ({"balanced": True}, "name a network as 'perceptual'"),
    ],
)
def test_terms_of_a_prior_that_cannot_be(home: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        Run(recipe(home, PRIOR, **{"perceptual": (), **changes}), CPU)


def excess_of(picture: torch.Tensor, target: torch.Tensor) -> float:
    return float(pattern_excess(spectra(picture), spectra(target)))


def deficit_of(picture: torch.Tensor, target: torch.Tensor) -> float:
    return float(texture_deficit(spectra(picture), spectra(target)))


def test_a_pattern_is_a_frequency_that_stands_out() -> None:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    target = picture(64, 64)
    assert excess_of(target, target) == 0
    assert excess_of(0.7 * target + 0.1, target) == 0  # neither less contrast nor brightness is a pattern
    smooth = 0.5 + 0.2 * torch.sin(x / 9).expand(1, 3, 64, 64)
    assert excess_of(smooth + torch.cos(2.5 * x) / 1020, smooth) < 1e-3  # too faint
    for wave in (torch.cos(torch.pi * x), torch.cos(2 * torch.pi / 3 * (x + y)), torch.cos(2.2 * x - 0.9 * y)):
        found = [excess_of(smooth + a * wave, smooth) for a in (0.01, 0.02, 0.04)]
        assert 0.01 < found[0] < found[1] < found[2]
    noise = 0.05 * torch.randn(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert excess_of(smooth + noise[0], smooth + noise[1]) < 0.02  # texture of the same kind passes
    assert excess_of(smooth + noise[0], smooth) > 0.5


def test_missing_texture_counts_whatever_its_grains() -> None:
    grains = torch.randn(3, 1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    smooth = 0.5 + 0.2 * torch.sin(torch.arange(64.0) / 9).expand(1, 3, 64, 64)
    target = smooth + 0.04 * grains[0]
    assert deficit_of(target, target) == 0
    assert deficit_of(smooth + 0.08 * grains[1], target) < 1e-3  # more than enough
    found = [deficit_of(smooth + a * grains[1], target) for a in (0.04, 0.02, 0.01, 0.0)]
    assert found == sorted(found)
    assert found[0] < 0.15 < 1 < found[1]
    assert deficit_of(smooth, smooth + grains[2] / 2550) < 0.02  # a tenth of a grey level


def windowed_power(x: NDArray[Any]) -> NDArray[Any]:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(32) / 31)
    window = np.outer(hann, hann)
    power: NDArray[Any] = np.abs(np.fft.fft2((x - x.mean()) * window / window.sum())) ** 2
    return power


def windows_of(x: torch.Tensor, b: int, c: int) -> list[NDArray[Any]]:
    return [windowed_power(x[b, c, i : i + 32, j : j + 32].numpy()) for i in (0, 16) for j in (0, 16)]


def test_missing_texture_against_an_oracle() -> None:
    found, wanted = picture(48, 48, batch=2).double(), picture(48, 48, batch=3)[1:].double()
    noise = 2.25 / (255 * 32) ** 2
    each = []
    for b, c in itertools.product(range(2), range(3)):
        for seen, true in zip(windows_of(found, b, c), windows_of(wanted, b, c), strict=True):
            near, needed = (scipy.ndimage.uniform_filter(p, size=5, mode="wrap") for p in (seen, true))
            each.append(np.mean(np.maximum(np.log((needed + noise) / (near + noise)), 0) ** 2))
    assert deficit_of(found, wanted) == pytest.approx(np.mean(each), 1e-5)
    assert np.mean(each) > 0.01


def test_patterns_against_an_oracle() -> None:
    found, wanted = picture(48, 48, batch=2).double(), picture(48, 48, batch=3)[1:].double()

    def excess(a: NDArray[Any], b: NDArray[Any]) -> float:
        near, wave = scipy.ndimage.maximum_filter(b, size=5, mode="wrap"), (0.25 / 255) ** 2
        return float(np.mean(np.maximum(np.log((a + wave) / (near + wave)), 0) ** 2))

    alone, together = [], []
    for b, c in itertools.product(range(2), range(3)):
        seen, true = windows_of(found, b, c), windows_of(wanted, b, c)
        alone += [excess(s, t) for s, t in zip(seen, true, strict=True)]
        together.append(excess(np.mean(seen, 0), np.mean(true, 0)))
    assert excess_of(found, wanted) == pytest.approx(np.mean(alone) + np.mean(together), 1e-5)
    assert min(np.mean(alone), np.mean(together)) > 1e-4


def test_textures_fold_into_the_picture_they_come_from() -> None:
    batch = grid_batch(picture(24, 24, batch=2), picture(9, 9, batch=2), 3)
    rows = to_rows(2 * (batch.hr - batch.base), 3)
    torch.testing.assert_close(to_pictures(rows, batch, 3), batch.hr)


# Degradations


@pytest.mark.parametrize(("size", "out"), [((48, 48), (12, 12)), ((50, 37), (21, 15)), ((20, 20), (20, 20))])
def test_reduction_is_pillows_bicubic(size: tuple[int, int], out: tuple[int, int]) -> None:
    pixels = smooth(*size)
    ours = reduce(torch.from_numpy(pixels).permute(2, 0, 1) / 255, out).permute(1, 2, 0).numpy() * 255
    planes = [
        np.asarray(Image.fromarray(pixels[..., c].astype(np.float32)).resize(out[::-1], Image.Resampling.BICUBIC))
        for c in range(3)
    ]
    exact = np.stack(planes, -1).clip(0, 255)
    assert np.abs(ours - exact).max() < 0.5 + 1e-3
    assert np.abs(ours - np.asarray(Image.fromarray(pixels).resize(out[::-1], Image.Resampling.BICUBIC))).max() <= 1.001


def test_enlargement_is_torchs_bilinear() -> None:
    x = picture(7, 9)
    theirs = torch.nn.functional.interpolate(x, size=(20, 23), mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarge_bilinearly(x, (20, 23)), theirs, atol=1e-5, rtol=1e-5)


def made_worse(
    wear: Degradation, hr: torch.Tensor, size: int, random: torch.Generator, levels: float = 255
) -> torch.Tensor:
    b, n = len(hr), hr.shape[-1]
    return wear.crops(Crops(hr, (n,) * b, torch.full((b, 1, 1, 1), levels)), size, n, random)


def test_wear_is_off_by_default_and_draws_nothing(home: Path) -> None:
    random = torch.Generator().manual_seed(1)
    before, hr = random.get_state(), picture(24, 24, batch=2)
    assert torch.equal(made_worse(Degradation(), hr, 11, random), reduce(hr, (11, 11)))
    assert torch.equal(random.get_state(), before)
    asked = recipe(home)
    assert (asked.blur, asked.noise, asked.jpeg) == ((), (), ())


@pytest.mark.parametrize(
    "wear",
    [Degradation((0.5, 2.0)), Degradation(noise=(1.0, 9.0)), Degradation(jpeg=(20, 60)), Degradation((1, 1), (5, 5))],
)
def test_worn_batches_repeat_and_keep_their_hr_pictures(home: Path, wear: Degradation) -> None:
    plain, worn = (GridSampler(pack(home), 3, 2, 24, 3, Scales((1.0, 4.0)), w) for w in (Degradation(), wear))
    assert torch.equal(worn(1).lr, worn(1).lr)
    assert torch.equal(worn(1).hr, plain(1).hr)
    assert 0 < (worn(1).lr - plain(1).lr).abs().max() < 0.7
    assert torch.equal(worn(1).lr, worn(1).lr.mul(255).round().div(255))
    textures = Sampler(pack(home), 3, 2, 12, 30, 3, Scales((1.0, 3.0)), wear)
    assert torch.equal(textures(2).texture, textures(2).texture)


def test_blur_is_gaussian_and_noise_and_quality_are_as_told() -> None:
    point, random = torch.zeros(1, 1, 41, 41), torch.Generator().manual_seed(1)
    point[..., 20, 20] = 1
    at = torch.arange(41.0) - 20
    spread = made_worse(Degradation((2, 2)), point, 41, random, 1e9)
    assert float((spread.sum(2)[0, 0] * at**2).sum()) == pytest.approx(4.0, 1e-3)
    white = torch.ones(1, 3, 9, 9)
    torch.testing.assert_close(made_worse(Degradation((5, 5)), white, 9, random, 1e9), white)
    grey = torch.full((1, 3, 64, 64), 0.5)
    noisy = made_worse(Degradation(noise=(10, 10)), grey, 64, random)
    assert float(noisy.std()) * 255 == pytest.approx(10, 0.05)
    x = picture(32, 32)[0].mean(0, keepdim=True).expand(3, -1, -1)  # JPEG halves the colours' resolution
    errors = [float((through_jpeg(x, quality) - x).abs().mean()) for quality in (100, 50, 5)]
    assert errors == sorted(errors)
    assert errors[0] < 0.01


@pytest.mark.parametrize("sides", [(12, 30), (30, 12), (12, 12)])
def test_each_crop_is_blurred_and_reduced_as_if_alone(sides: tuple[int, int]) -> None:
    longest, size = max(sides), 10
    pixels = picture(longest, longest, batch=2)
    crops = Crops(pixels, sides, torch.full((2, 1, 1, 1), 65535.0))
    found = Degradation(blur=(1, 1)).crops(crops, size, 32, torch.Generator().manual_seed(1))
    for crop, side, ours in zip(pixels.double().numpy(), sides, found, strict=True):
        away = np.subtract.outer(np.arange(side), np.arange(side)) * size / side  # in LR pixels
        gauss = np.exp(-0.5 * away**2)
        gauss /= gauss.sum(1, keepdims=True)
        alone = (gauss @ crop[:, :side, :side] @ gauss.T).astype(np.float32)
        wanted = [Image.fromarray(plane).resize((size, size), Image.Resampling.BICUBIC) for plane in alone]
        np.testing.assert_allclose(ours.numpy(), np.stack([np.asarray(plane) for plane in wanted]), atol=2e-5)


# Batches


def test_a_batch_depends_on_seed_and_step_alone(home: Path) -> None:
    sampler = GridSampler(pack(home), 3, 2, 24, 3, Scales((1.0, 4.0)))
    direct = [sampler(k) for k in range(4)]
    with Prefetch(sampler) as ahead:
        fetched = [ahead(k) for k in (0, 1, 2, 3, 1)]
    for a, b in zip([*direct, direct[1]], fetched, strict=True):
        assert a.grid == b.grid
        assert torch.equal(a.hr, b.hr)
    assert not torch.equal(direct[0].hr, direct[1].hr)


def turned(picture: torch.Tensor) -> list[torch.Tensor]:
    flips: list[list[int]] = [[], [1], [2], [1, 2]]
    both = [picture.flip(axes) for axes in flips]
    return [*both, *(p.transpose(1, 2) for p in both)]


def test_crops_are_parts_of_the_pictures_in_all_eight_positions() -> None:
    random = torch.Generator().manual_seed(1)
    kinds = [(3, torch.uint8), (1, torch.uint8), (3, torch.uint16), (1, torch.uint16)]
    pictures = [
        torch.randint(0, 1 + torch.iinfo(kind).max, (c, 9 + i, 11), generator=random, dtype=torch.int32).to(kind)
        for i, (c, kind) in enumerate(kinds)
    ]
    crops = Resident(pictures).draw(random, 400, lambda u: 3 + int(4 * u))
    seen = set()
    for pixels, side, levels in zip(crops.pixels, crops.sides, crops.levels.flatten(), strict=True):
        crop = pixels[:, :side, :side]
        beyond = torch.arange(crops.pixels.shape[-1]).clamp(max=side - 1)
        assert torch.equal(pixels, crop[:, beyond][:, :, beyond])
        found = [
            (which, turn, y, x)
            for which, whole in enumerate(pictures)
            if levels == torch.iinfo(whole.dtype).max
            for y in range(whole.shape[1] - side + 1)
            for x in range(whole.shape[2] - side + 1)
            for turn, part in enumerate(turned(whole[:, y : y + side, x : x + side].float().expand(3, -1, -1)))
            if torch.equal(part / levels, crop)
        ]
        assert len(found) == 1  # of noise, no two places are alike
        seen.add(found[0])
    assert {turn for _, turn, *_ in seen} == set(range(8))
    assert {which for which, *_ in seen} == set(range(4))
    assert all({y for w, _, y, _ in seen if w == which} == set(range(9 + which - 2)) for which in range(4))


def test_pictures_of_a_folder_lie_in_one_storage_that_is_not_copied(home: Path) -> None:
    found = pack(home).pictures
    assert len({p.untyped_storage().data_ptr() for p in found}) == 1
    assert Resident(found).flat.data_ptr() == found[0].data_ptr()
    assert torch.equal(found[1].permute(1, 2, 0), torch.from_numpy(smooth(60, 50, 1)))


@pytest.mark.parametrize("top", [1.0, 3.0])
@pytest.mark.parametrize("patch", [1, 3])
def test_a_batch_of_textures_is_that_of_its_crops_one_by_one(home: Path, top: float, patch: int) -> None:
    sampler = Sampler(pack(home), 1, 5, 12, 30, patch, Scales((1.0, top)))
    batch, random, half = sampler(4), generator_of(1, 4), patch // 2
    crops = Resident(sampler.pack.pictures).draw(random, 5, lambda u: round(12 * (1 + (top - 1) * u)))
    places = torch.rand(2, 5, 30, generator=random, dtype=torch.float64)
    assert (len(set(crops.sides)) > 2) == (top > 1)
    for i, side in enumerate(crops.sides):
        hr = crops.pixels[i, :, :side, :side]
        lr = reduce(hr, (12, 12))
        torch.testing.assert_close(batch.lr[i], 2 * lr - 1, atol=1e-6, rtol=0)
        wide = 2 * (hr - enlarge_bilinearly(lr, (side, side)))
        for k in range(30):
            y, x = (half + int(places[axis, i, k] * (side - 2 * half)) for axis in (0, 1))
            around = wide[:, y - half : y + half + 1, x - half : x + half + 1]
            at = 30 * i + k
            torch.testing.assert_close(batch.texture[at], around.flatten(), atol=1e-5, rtol=0)
            rows, columns = (cells_of(torch.tensor([v]), 12, side) for v in (y, x))
            wanted = corners_of(rows, columns, 12)
            assert torch.equal(batch.corners.cell[at], wanted.cell[0] + 144 * i)
            assert torch.equal(batch.corners.rel_x[at], wanted.rel_x[0])
            torch.testing.assert_close(batch.corners.weight[at], wanted.weight[0])
            assert batch.rel_cell[at].tolist() == pytest.approx([24 / side] * 2)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_unlike_kinds_are_put_in_a_row_once(home: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    made: list[Resident] = []

    def kept(pictures: Sequence[torch.Tensor]) -> Resident:
        made.append(Resident(pictures))
        return made[-1]

    monkeypatch.setattr(packing, "Resident", kept)
    tifffile.imwrite(home / "data" / "deep.tif", 257 * smooth(60, 50).astype(np.uint16), photometric="rgb")
    Run(recipe(home, KINDS[kind], bfloat16="auto", preview_every=2), CPU).train(stop=2)  # timing, previews, batches
    assert len(made) == 1


def test_an_error_in_the_background_is_raised() -> None:
    def fail(step: int) -> int:
        raise BadPicture("no")

    with pytest.raises(BadPicture, match="no"), Prefetch(fail) as ahead:
        ahead(0)


def test_cumulative_scales_begin_small_and_alternate_after() -> None:
    scales = Scales((1.0, 8.0), (1.0, 4.0), 0.5)
    assert [scales.at(k, k / 20) for k in (0, 9)] == [(1.0, 4.0)] * 2
    assert [scales.at(k, k / 20) for k in (10, 11, 12)] == [(1.0, 4.0), (4.0, 8.0), (1.0, 4.0)]


def test_learning_rates(home: Path) -> None:
    cosine = recipe(home, steps=100, warmup=10, lr=1.0)
    assert [learning_rate(cosine, k / 100) for k in (0, 10, 55, 100)] == pytest.approx([0.1, 1.0, 0.5, 0.0])
    steps = recipe(home, steps=100, warmup=0, lr=1.0, schedule="multistep")
    assert [learning_rate(steps, k / 100) for k in (0, 50, 75, 95)] == pytest.approx([1.0, 0.5, 0.25, 0.125])


# Time


class Hands:
    """A clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tick: float = 6.0):
        self.now, self.tick = 1000.0, tick
        monkeypatch.setattr(time, "monotonic", self)

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def test_a_run_by_the_clock_ends_with_its_minutes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Hands(monkeypatch)
    ran = Run(recipe(home, minutes=1.0, steps=10**6, warmup=0), CPU)
    rates = []
    ran.train(lambda done, total, text: rates.append(ran.optimizer.param_groups[0]["lr"]))
    assert ran.step == 10
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.05 * rates[0]
    longer = Run(recipe(home, minutes=2.0, steps=10**6), CPU)
    assert longer.resume()
    assert longer.clock.seconds == pytest.approx(60)
    longer.train()
    assert longer.step == 20


def test_a_pause_is_gone_on_from(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Hands(monkeypatch)
    first = Run(recipe(home, minutes=1.0, steps=10**6), CPU)
    first.train(pause=0.35)
    assert first.step == 4
    second = Run(recipe(home, minutes=1.0, steps=10**6), CPU)
    assert second.resume()
    second.train()
    assert second.step == 10


def test_a_clock_that_jumps_counts_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    hands, clock = Hands(monkeypatch), Clock(100, minutes=10.0)
    clock.start()
    for jump in (0.0, 1e6, -2e6, 0.0):
        hands.now += jump
        clock.tick()
    assert clock.seconds == pytest.approx(12)
    assert clock.done(3) == pytest.approx(0.02)
    assert clock.total(3) == 150
    assert Clock(100).done(25) == 0.25


def test_steps_that_are_slow_are_training(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(100, minutes=60.0)
    Hands(monkeypatch, tick=400.0)
    clock.start()
    for _ in range(5):
        clock.tick()
    assert clock.seconds == 1600  # one long gap might be a jump


def test_a_run_by_steps_goes_on_by_the_clock(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Hands(monkeypatch)
    Run(recipe(home), CPU).train(stop=4)
    ran = Run(recipe(home, minutes=1.0), CPU)
    assert ran.resume()
    assert ran.clock.done(4) == pytest.approx(0.4)
    ran.train()
    assert ran.step == 10


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_a_run_goes_on_in_the_precision_that_it_took(home: Path, precision: str) -> None:
    ran = Run(recipe(home, bfloat16="auto"), CPU)
    ran.remark, ran.task.autocast = "timed", torch.bfloat16 if precision == "bfloat16" else None
    ran.train(stop=3)
    later = Run(recipe(home, bfloat16="auto"), CPU)
    assert later.resume()
    later.train()
    assert later.remark == f"goes on in {precision}"
    forced = Run(recipe(home, out="forced", bfloat16=precision == "bfloat16"), CPU)
    forced.train()
    assert same(timeless(checkpoint.load_state(later.path, CPU)), timeless(checkpoint.load_state(forced.path, CPU)))
    elsewhere = {**checkpoint.load_state(later.path, CPU), "device": "cuda", "step": 3}
    checkpoint.save_state(later.path, elsewhere)
    moved = Run(recipe(home, bfloat16="auto"), CPU)
    assert moved.resume()
    moved.prepare(moved.pack())
    assert "is taken" in moved.remark  # another device, another choice


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("text", [MODEL, MODEL.replace(EDSR, RRDB)], ids=["edsr", "rrdb"])
def test_a_checkpoint_with_a_state_for_each_parameter_goes_on(home: Path, share: float, text: str) -> None:
    asked = recipe(home, text, encoder_rate=share)
    state = trained(asked, stop=3)
    ran = Run(asked, CPU)
    assert ran.resume()
    known: dict[Any, dict[str, torch.Tensor]] = {}
    for flat in ran.flats:
        whole = ran.optimizer.state[flat.value]
        for name in ("exp_avg", "exp_avg_sq"):
            for parameter, part in zip(flat.parameters, flat.parts(whole[name]), strict=True):
                known.setdefault(parameter, {"step": whole["step"]})[name] = part
    split: dict[bool, list[Any]] = {}  # all parameters, also those that are not trained and have no state
    for name, parameter in ran.model.named_parameters():
        split.setdefault(share < 1 and name.startswith("encoder."), []).append(parameter)
    order = [*split.get(False, []), *split.get(True, [])]
    assert len(known) < len(order)
    places = iter(range(len(order)))
    groups = [
        {**group, "params": list(itertools.islice(places, len(split[inside])))}
        for inside, group in zip(sorted(split), state["optimizer"]["param_groups"], strict=True)
    ]
    single = {i: known[parameter] for i, parameter in enumerate(order) if parameter in known}
    older = {**state, "optimizer": {"state": single, "param_groups": groups}}
    checkpoint.save_state(home / "run" / "state.pt", older)
    assert same(trained(asked, resume=True), trained(recipe(home, text, out="whole", encoder_rate=share)))


@pytest.mark.parametrize("minutes", ["0", "-3", "nan", "soon"])
def test_minutes_that_are_none_are_refused(home: Path, minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    recipe(home)
    assert main(["train", str(home / "recipe.toml"), "--minutes", minutes]) == 2
    assert f"'{minutes}' is no time to train" in capsys.readouterr().err


@pytest.mark.parametrize(("half", "single"), [(0.5, 0.7), (0.7, 0.5)])
def test_the_faster_precision_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch, half: float, single: float) -> None:
    seconds = {torch.bfloat16: half, None: single}
    monkeypatch.setattr(precision, "_seconds", lambda task, batch, device: seconds[task.autocast])
    ran = Run(recipe(home, bfloat16="auto"), CPU)
    ran.prepare(ran.pack())
    assert ran.task.autocast == (torch.bfloat16 if half < single else None)


@pytest.mark.parametrize("kind", KINDS)
def test_timing_the_precisions_changes_nothing_else(home: Path, kind: str) -> None:
    ran = Run(recipe(home, KINDS[kind], bfloat16="auto"), CPU)
    before = {name: value.clone() for name, value in ran.model.state_dict().items()}
    ran.prepare(ran.pack())
    taken = "float32" if ran.task.autocast is None else "bfloat16"
    assert re.fullmatch(rf"bfloat16 takes \S+ s a step, float32 \S+ s: {taken} is taken", ran.remark)
    assert same(ran.model.state_dict(), before)
    assert all(p.grad is None for p in ran.model.parameters())


def test_an_encoder_may_learn_more_slowly(home: Path) -> None:
    ran = Run(recipe(home, encoder_rate=0.25, warmup=0, lr=1e-3), CPU)
    ran.train(stop=1)
    rest, inside = (group["lr"] for group in ran.optimizer.param_groups)
    assert inside == pytest.approx(0.25 * rest)
    counted = sum(p.numel() for group in ran.optimizer.param_groups for p in group["params"])
    assert counted == sum(p.numel() for p in ran.model.parameters() if p.requires_grad)


def test_without_a_thread_the_batches_are_the_same(home: Path) -> None:
    sampler = GridSampler(pack(home), 3, 2, 24, 3, Scales((1.0, 4.0)))
    with Prefetch(sampler, ahead=False) as batches:
        assert all(same(batches(k)._asdict(), sampler(k)._asdict()) for k in range(2))
        assert not any("linf-batch" in thread.name for thread in threading.enumerate())


# Runs


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else bool(a == b)


def trained(asked: Recipe, stop: int | None = None, resume: bool = False) -> dict[str, Any]:
    ran = Run(asked, CPU)
    assert ran.resume() == resume
    ran.train(stop=stop)
    return timeless(checkpoint.load_state(ran.path, CPU))


def timeless(state: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint without the seconds that it took."""
    assert state.pop("seconds") > 0
    return state


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_repeats_and_resumes_bit_for_bit(home: Path, kind: str) -> None:
    text = KINDS[kind]
    whole = trained(recipe(home, text, "a"))
    assert same(trained(recipe(home, text, "b")), whole)
    trained(recipe(home, text, "c"), stop=3)
    torch.manual_seed(99)
    assert same(trained(recipe(home, text, "c"), resume=True), whole)
    assert not same(trained(recipe(home, text, "d", seed=2)), whole)


def test_windowed_encoders_train_on_crops_of_any_size(home: Path) -> None:
    args = "{ img_size = 16, embed_dim = 12, depths = [2], num_heads = [2], window_size = 8 }"
    text = STAGE_2.replace(EDSR, f'{{ name = "swinir", args = {args} }}')
    assert trained(recipe(home, text, steps=3, scales=[1.0, 3.0]))["step"] == 3


def test_a_run_learns(home: Path) -> None:
    asked = recipe(home, nll=0.0, steps=60, lr=5e-3, bfloat16=False, scales=[3.0, 3.0])
    ran = Run(asked, CPU)
    before = float(ran.task.terms(ran.task.sampler(pack(home))(999, 0.0), 0)["l1"].detach())
    ran.train()
    assert float(ran.task.terms(ran.task.sampler(pack(home))(999, 0.0), 0)["l1"].detach()) < 0.8 * before
    rows = Log(ran.path.with_name("log.csv")).rows()
    assert list(rows[0]) == ["time", "step", "lr", "l1", "nll", "grad_norm"]
    assert [row["step"] for row in rows] == ["50"]


def test_a_checkpoint_of_before_these_keys_goes_on(home: Path) -> None:
    state = trained(recipe(home), stop=2)
    for key in ("frozen", "pictures", "device", "precision"):
        del state[key]
    checkpoint.save_state(home / "run" / "state.pt", state)
    assert trained(recipe(home), resume=True)["step"] == 6


@pytest.mark.parametrize("kind", KINDS)
def test_previews_show_fixed_crops_and_change_nothing(home: Path, kind: str) -> None:
    without = trained(recipe(home, KINDS[kind], "a", preview_every=0))
    assert not (home / "a" / "preview.png").exists()
    assert same(trained(recipe(home, KINDS[kind], "b", preview_every=1)), without)
    last = np.asarray(Image.open(home / "b" / "preview.png"))
    size = 48 if kind == "textures" else 24
    assert last.shape == (4 * size + 12, 3 * size + 8, 3)
    trained(recipe(home, KINDS[kind], "c", preview_every=2, steps=2))
    first = np.asarray(Image.open(home / "c" / "preview.png"))
    assert np.array_equal(first[:, :size], last[:, :size])
    assert np.array_equal(first[:, -size:], last[:, -size:])
    assert not np.array_equal(first, last)


def test_a_preview_holds_what_inference_gives(home: Path) -> None:
    ran = Run(recipe(home, PRIOR, bfloat16=False), CPU)
    batch = GridSampler(pack(home), 1, 1, 24, 3, Scales((2.0, 2.0)))(0)
    write_preview(home / "preview.png", ran.task, ran.average, batch)
    ran.export(home / "out.safetensors", {}, {})
    networks = prepare(*build(read_weights(home / "out.safetensors")), CPU, torch.float32)
    exported = LoadedModel(*networks, "test", "0123", CPU, torch.float32)
    seen = enlarge(exported, batch.lr, (24, 24), amount=1.0)[0].clamp(0, 1)
    drawn = torch.from_numpy(np.array(Image.open(home / "preview.png"))[:, 28:52]).permute(2, 0, 1) / 255
    torch.testing.assert_close(drawn, seen, atol=0.004, rtol=0)


def test_norm_layers_keep_their_statistics_in_the_end(home: Path) -> None:
    early = trained(recipe(home, PRIOR), stop=3)
    late = trained(recipe(home, PRIOR), resume=True)
    names = [name for name in late["average"] if ".running_" in name]
    assert names
    assert not same(early["model"][names[0]], early["average"][names[0]])
    for name in names:
        assert torch.equal(late["model"][name], early["average"][name])
        torch.testing.assert_close(late["average"][name], early["average"][name])


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # torch.compile asks every input for it
@pytest.mark.parametrize("kind", KINDS)
def test_compiled_chains_train_as_the_others_do(home: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linf_nodes.training.run.compile_chains", partial(compile_chains, backend="eager"))
    plain = trained(recipe(home, KINDS[kind], "a"))
    compiled = trained(recipe(home, KINDS[kind], "b", compile=True))
    assert compiled["model"].keys() == plain["model"].keys()
    for name, value in plain["model"].items():
        torch.testing.assert_close(compiled["model"][name], value)


def test_auto_compiles_on_cuda_alone(home: Path) -> None:
    assert not wanted(recipe(home).compile, torch.device("cuda"))
    assert wanted(recipe(home, compile=True).compile, CPU)
    assert not wanted(recipe(home, compile="auto").compile, CPU)
    assert wanted("auto", torch.device("cuda")) == (importlib.util.find_spec("triton") is not None)


def test_rows_of_steps_that_were_lost_are_written_again(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.csv")
    for step in (50, 100, 150):
        log.write(step, 1e-3, {"l1": 0.1}, 1.0)
    log.forget(100)
    assert [row["step"] for row in log.rows()] == ["50", "100"]
    log.write(150, 1e-3, {"l1": 0.1, "perceptual": 0.2}, 1.0)
    assert [row["step"] for row in log.rows()] == ["150"]
    assert (tmp_path / "log-100.csv").exists()


def test_hours_leave_pauses_out(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time,step\n0,50\n360,100\n9999,150\n10359,200\n")
    assert Log(path).hours() == pytest.approx(0.2)


# Stopping, and what goes wrong


@pytest.mark.parametrize("patient", [False, True])
def test_a_gradient_that_is_no_number_names_the_step(home: Path, patient: bool) -> None:
    ran = Run(recipe(home, save_every=5), CPU)
    ran.patient = patient
    ran.train(stop=2)
    with torch.no_grad():
        ran.model.get_parameter("coef.bias").fill_(float("nan"))
    with pytest.raises(LinfError, match=r"step 2 is nan .*resume"):
        ran.train()
    assert ran.step == (5 if patient else 2)
    with pytest.raises(LinfError, match="step 2 is nan"):
        ran.save()
    assert checkpoint.load_state(ran.path, CPU)["step"] == 2
    assert not (home / "run" / "log.csv").exists()


def test_looking_seldom_changes_nothing(home: Path) -> None:
    ran = Run(recipe(home, out="seldom", steps=55), CPU)
    ran.patient = True
    ran.train()
    assert same(timeless(checkpoint.load_state(ran.path, CPU)), trained(recipe(home, steps=55)))


def stop_by_signal() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def stop_by_cancelling() -> None:
    raise Cancelled("enough")


@pytest.mark.parametrize("stop", [stop_by_signal, stop_by_cancelling])
def test_stopping_leaves_a_checkpoint(home: Path, stop: Callable[[], None]) -> None:
    def progress(done: int, total: int, text: str) -> None:
        if done == 3:
            stop()

    ran, before = Run(recipe(home), CPU), signal.getsignal(signal.SIGINT)
    with pytest.raises((KeyboardInterrupt, Cancelled)) as stopped:
        ran.train(progress)
    assert "step 3 is kept" in stopped.value.__notes__[0]
    assert signal.getsignal(signal.SIGINT) is before
    assert same(trained(recipe(home), resume=True), trained(recipe(home, out="whole")))


@pytest.mark.parametrize(("where", "step"), [("task.terms", 3), ("save", 4)])
def test_a_lost_device_leaves_the_last_checkpoint(
    home: Path, where: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = Run(recipe(home, save_every=2), CPU)
    ran.device = torch.device("cuda")  # said, not done: no GPU is needed to fail like one
    works = checkpoint.on_cpu if where == "save" else ran.task.terms

    def lost(*args: Any) -> Any:
        if ran.step == step:
            raise RuntimeError("CUDA error: unspecified launch failure\nKernel errors might be reported later.")
        return works(*args)

    said = rf"cuda was lost at step {step} \(CUDA error: unspecified launch failure\); .*state.pt' holds step 2: go on"
    target: tuple[object, str] = (checkpoint_user, "on_cpu") if where == "save" else (ran.task, "terms")
    monkeypatch.setattr(*target, lost)
    with pytest.raises(LinfError, match=said):
        ran.train(pack=pack(home))
    monkeypatch.undo()
    assert [p.name for p in (home / "run").iterdir()] == ["state.pt"]
    assert same(trained(recipe(home), resume=True), trained(recipe(home, out="whole")))


def test_other_errors_are_no_lost_device(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(error: Exception) -> None:
        raise error

    for device, error in (
        ("cuda", RuntimeError("shapes")),
        ("cpu", RuntimeError("CUDA error")),
        ("cuda", MemoryError()),
    ):
        ran = Run(recipe(home), CPU)
        ran.device = torch.device(device)
        monkeypatch.setattr(ran.task, "terms", lambda *_, error=error: fail(error))
        with pytest.raises(type(error)) as raised:
            ran.train(pack=pack(home))
        assert raised.value is error


def test_the_last_checkpoint_survives_a_full_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(recipe(home), stop=2)

    def full(state: Any, file: Any) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(BadValue, match="No space left"):
            trained(recipe(home), resume=True)
    assert [p.name for p in (home / "run").iterdir()] == ["state.pt"]
    assert trained(recipe(home), resume=True)["step"] == 6


def test_another_architecture_is_not_resumed(home: Path) -> None:
    trained(recipe(home), stop=1)
    with pytest.raises(BadValue, match="another architecture"):
        Run(recipe(home, MODEL.replace("hidden_dim = 16", "hidden_dim = 32")), CPU).resume()


def test_a_prior_over_another_linf_is_not_resumed(home: Path) -> None:
    trained(recipe(home, PRIOR), stop=1)
    other = weights()
    other.model_state["coef.bias"] += 1
    with pytest.raises(BadValue, match="trained over the LINF"):
        Run(recipe(home, PRIOR), CPU, other).resume()


def test_a_damaged_checkpoint_is_refused(home: Path) -> None:
    (home / "run").mkdir()
    (home / "run" / "state.pt").write_bytes(b"nothing")
    with pytest.raises(UnsupportedWeights, match="delete it"):
        Run(recipe(home), CPU).resume()


def test_unusable_pictures_are_named_and_counted(home: Path) -> None:
    (home / "data" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Image.fromarray(smooth(10, 80)).save(home / "data" / "small.png")
    found = load_picture_set([home / "data"], 24, CPU)
    assert len(found.pictures) == 2
    assert [reason.split(":")[0] for reason in found.skipped] == ["broken.png", "small.png"]
    with pytest.raises(BadPicture, match=r"4 files skipped"):
        load_picture_set([home / "data"], 100, CPU)


def test_planes_of_stacks_are_pictures(home: Path) -> None:
    volume = np.stack([smooth(40, 44, i)[..., 0] for i in range(3)]).astype(np.uint16) * 16
    tifffile.imwrite(home / "data" / "deep.tif", volume, imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(home / "data" / "float.tif", volume[0].astype(np.float32) / 3 - 50)
    tifffile.imwrite(home / "data" / "small.tif", volume[:, :9], photometric="minisblack")
    rgba = np.dstack([smooth(40, 44), np.full((40, 44), 255, np.uint8)])
    kind: dict[str, Any] = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
    tifffile.imwrite(home / "data" / "time.tif", rgba[None].repeat(2, 0), **kind)
    found = load_picture_set([home / "data"], 24, CPU)
    kinds = [(tuple(p.shape), p.dtype) for p in found.pictures]
    assert kinds[2:] == [((1, 40, 44), torch.uint16)] * 4 + [((3, 40, 44), torch.uint8)] * 2
    assert [reason.split(":")[0] for reason in found.skipped] == ["small.tif"]
    low, high = np.percentile(volume, (0.1, 99.9))
    wanted = ((volume - low) / (high - low)).clip(0, 1)
    for ours, plane in zip(found.pictures[2:5], wanted, strict=True):
        np.testing.assert_allclose(ours[0].numpy() / 65535, plane, atol=2e-4)
    crop = Resident(found.pictures[2:3]).draw(generator_of(1, 1), 1, lambda _: 24).pixels
    assert crop.shape == (1, 3, 24, 24)
    assert 0 <= crop.min() < 0.3 < 0.7 < crop.max() <= 1
    assert trained(recipe(home, scales=[1.0, 2.0]))["pictures"] == 8


def test_held_out_pictures_are_not_trained_on(home: Path) -> None:
    asked = recipe(home, hold_out=("1*",))
    assert trained(asked)["pictures"] == 1
    assert len(load_picture_set([home / "data"], 24, CPU, ("0.png",)).pictures) == 1
    with pytest.raises(BadValue, match=r"hold_out names 'two\.png'"):
        load_picture_set([home / "data"], 24, CPU, ("two.png",))
    with pytest.raises(BadValue, match="hold_out"):
        recipe(home, hold_out=(3,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stepz = 3", "'stepz'; known keys are"),
        ("steps = 1.5", "steps = 1.5"),
        ("batch = 0", "batch = 0"),
        ("bfloat16 = 1", "bfloat16 = 1"),
        ('compile = "yes"', "compile = 'yes'"),
        ('kind = "gan"', "linf or prior"),
        ("scales = [4.0, 1.0]", "in order"),
        ("small = [1.0, 4.5]", "small = [1.0, 4.5]: keep it within scales = [1.0, 4.0]"),
        ("scales = [2.0, 4.0]\nsmall = [1.0, 3.0]", "small = [1.0, 3.0]: keep it within scales = [2.0, 4.0]"),
        ("scales = [[], 4.0]", "scales = [[], 4.0]"),
        ('scales = ["x", 4.0]', "scales = ['x', 4.0]"),
        ("lr = -1.0", "lr = -1.0: give a number from 0"),
        ("lr = nan", "lr = nan"),
        ("jpeg = [0, 50]", "from 1 to 100"),
        ("noise = [3.0]", "from 0 to 255"),
        ("steps = = 1", "cannot be read"),
    ],
)
def test_recipes_that_cannot_be(home: Path, text: str, said: str) -> None:
    path = home / "bad.toml"
    path.write_text(f'data = ["data"]\nout = "run"\n{text}\n')
    with pytest.raises(BadValue, match=said.replace("[", r"\[")):
        Recipe.read(path)


@pytest.mark.parametrize("value", ["[]", '"x"', "1e400", "-1", "0", "true", "1.5", "99999999999", "nan"])
@pytest.mark.parametrize(
    ("key", "usual"), [("n_resblocks", 1), ("n_feats", 8), ("hidden_dim", 16), ("num_layer", 2), ("flow_layers", 2)]
)
def test_arguments_of_a_model_are_judged_before_it_is_made(home: Path, key: str, usual: int, value: str) -> None:
    start = time.perf_counter()
    with pytest.raises(UnsupportedWeights, match=rf"{key}\b.* {re.escape(repr(tomllib.loads(f'v = {value}')['v']))}"):
        Run(recipe(home, MODEL.replace(f"{key} = {usual}", f"{key} = {value}")), CPU)
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_recipes_describe_networks(path: Path) -> None:
    asked = Recipe.read(path)
    assert asked.steps > 0
    with Unfilled():
        if asked.model:
            net = build_network(Spec.of(asked.model))
            assert asked.crop % net.encoder.align == 0
        if asked.kind == "prior":
            prior = Spec.of(asked.prior)
            assert isinstance(build_prior(Spec(prior.name, {"in_chans": 27, **prior.args})), LatentPrior)


def shipped(name: str) -> Recipe:
    return Recipe.read(ROOT / "recipes" / f"{name}.toml")


def test_recipes_of_the_papers_are_the_papers() -> None:
    for name in ("edsr", "rrdb"):  # textures of 3x3 pixels
        second = shipped(f"linf-{name}-stage2")
        assert (second.nll, second.l1, second.perceptual_weight, second.lr, second.tau) == (5e-4, 1, 0.025, 1e-4, 0.8)
    for name in ("edsr-pixel", "rdn", "swinir"):
        second = shipped(f"linf-{name}-stage2")
        assert (second.nll, second.l1, second.perceptual, second.perceptual_weight) == (5e-4, 1, (), 0)
        assert second.lr == 5e-5
    for stage in (1, 2):
        assert [Path(d).name for d in shipped(f"linf-rrdb-stage{stage}").data] == ["DIV2K_train_HR", "Flickr2K_HR"]
    for name in ("linf-lp", "linf-lp-edsr", "linf-lp-swin", "linf-lp-perceptual-loss"):
        prior = shipped(name)
        assert (prior.l1, prior.latent, prior.perceptual_weight, len(prior.perceptual)) == (0, 0, 1, 1)
        assert (prior.hr, prior.crop) == (0, 96)
    assert shipped("linf-lp-both-losses").latent > 0 < shipped("linf-lp-both-losses").perceptual_weight
    assert shipped("linf-lp-latent-loss").perceptual == ()
    ensembles = {"local": "linf-edsr-local-ensemble", "nearest": "linf-edsr-no-ensemble"}
    assert {shipped(name).model["args"]["ensemble"] for name in ensembles.values()} == set(ensembles)


def test_recipes_from_before_the_local_ensemble_go_on_loading(home: Path) -> None:
    old, new, other = (
        recipe(home, MODEL.replace("patch_size = 3", f"patch_size = 3\n{switch}"))
        for switch in ("local_ensemble = false", 'ensemble = "nearest"', 'ensemble = "local"')
    )
    assert Run(old, CPU).model.ensemble == "nearest"
    state = trained(old, stop=3)
    args = state["spec"]["args"]
    assert args.pop("ensemble") == "nearest"
    checkpoint.save_state(
        home / "run" / "state.pt",
        {**state, "seconds": 1.0, "spec": {**state["spec"], "args": {**args, "local_ensemble": False}}},
    )
    with pytest.raises(BadValue, match="another architecture"):
        Run(other, CPU).resume()
    assert same(trained(new, resume=True), trained(replace(new, out="whole")))


@pytest.mark.parametrize("kind", ["pictures", "prior"])
def test_crops_of_a_fixed_lr_size(home: Path, kind: str) -> None:
    ran = Run(recipe(home, KINDS[kind], hr=0, crop=13, scales=[1.0, 3.0]), CPU)
    assert ran.task.min_side == 39
    draw = ran.task.sampler(pack(home))
    for k in range(8):
        batch = draw(k, 0.0)
        n = batch.hr.shape[-1]
        assert batch.lr.shape[-1] == 13
        assert n % 3 == 0
        assert 12 <= n <= 39
        assert torch.equal(batch.lr[0], reduce(batch.hr[0], (13, 13)))
    assert len({draw(k, 0.0).hr.shape for k in range(8)}) > 4
    ran.train(stop=2)


def test_more_microscopy_holds_the_same_pictures_out() -> None:
    more = Recipe.read(ROOT / "recipes" / "microscopy-more.toml")
    assert len(more.hold_out) == 19
    assert more.hold_out == Recipe.read(ROOT / "recipes" / "microscopy.toml").hold_out
    with (ROOT / "recipes" / "microscopy-more.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["file"] for row in rows} - set(more.hold_out)) == len(rows) == 252
    assert len({row["sha256"] for row in rows}) == 252
    assert all(row["licence"] and row["commit"] and row["source_repo"] for row in rows)


def test_a_recipe_can_stand_on_another(home: Path) -> None:
    (home / "base.toml").write_text(f'data = ["data"]\nout = "run"\nsteps = 3\ncrop = 8\n{MODEL}')
    (home / "next.toml").write_text('base = "base.toml"\ncrop = 9\nmodel.args.hidden_dim = 32\n')
    (home / "last.toml").write_text('base = "next.toml"\nmodel.args.encoder_spec = { name = "rrdb" }\n')
    last = Recipe.read(home / "last.toml", steps=4)
    assert (last.data, last.steps, last.crop) == (("data",), 4, 9)
    assert last.model["args"]["hidden_dim"] == 32
    assert last.model["args"]["flow_layers"] == 2
    assert last.model["args"]["encoder_spec"] == {"name": "rrdb"}  # without the arguments of the other encoder
    for text, said in (('"last.toml"', "base = 'last.toml'"), ('"../a.toml"', "in its folder"), ("3", "base = 3")):
        (home / "base.toml").write_text(f"base = {text}\n")
        with pytest.raises(BadValue, match=said):
            Recipe.read(home / "last.toml")
    (home / "base.toml").unlink()
    with pytest.raises(BadValue, match=r"base\.toml' cannot be read"):
        Recipe.read(home / "last.toml")


def test_a_prior_needs_a_linf_and_a_fitting_crop(home: Path) -> None:
    with pytest.raises(BadValue, match="--init"):
        Run(recipe(home, PRIOR, init=""), CPU)
    with pytest.raises(BadValue, match="hr = 25"):
        Run(recipe(home, PRIOR, hr=25), CPU)


def test_weights_to_start_from_bring_their_architecture(home: Path) -> None:
    start = read_weights(home / "tiny.safetensors")
    ran = Run(recipe(home, ""), CPU, start)
    assert ran.task.spec == start.model
    assert torch.equal(ran.model.state_dict()["coef.bias"], start.model_state["coef.bias"])
    with pytest.raises(BadValue, match="take the table out"):
        Run(recipe(home, MODEL.replace("hidden_dim = 16", "hidden_dim = 32")), CPU, start)


def test_a_folder_named_twice_counts_double_and_is_credited_once(home: Path) -> None:
    (home / "data" / "manifest.csv").write_text("file,licence,attribution\n0.png,CC-BY-4.0,Ann\n1.png,CC0,Bob\n")
    once, twice = recipe(home, MODEL), replace(recipe(home, MODEL), data=("data", "data"))
    assert len(picture_files(twice.folders())) == 2 * len(picture_files(once.folders()))
    assert licences(twice) == licences(once) == {"CC BY": 1, "CC0 or public domain": 1}


# The command


def test_the_command_trains_resumes_and_exports(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (home / "data" / "manifest.csv").write_text("file,licence,attribution\n0.png,CC-BY-4.0,Ann\n1.png,CC0,Bob\n")
    recipe(home, PRIOR)
    sizes = "steps = 4\nbatch = 2\nhr = 24\n"
    (home / "recipe.toml").write_text('data = ["data"]\nout = "run"\n' + sizes + PRIOR)
    out = str(home / "new.safetensors")
    command = ["train", str(home / "recipe.toml"), "--device", "cpu"]
    assert main([*command, "--stop", "2"]) == 0
    assert main(command) == 2
    assert "--resume" in capfd.readouterr().err
    assert main([*command, "--resume", "--export", out, "--licence", "MIT"]) == 0
    assert "4/4" in capfd.readouterr().err
    made = read_weights(Path(out))
    linf, prior = build(made)
    assert prior is not None
    assert linf.dim == 27
    assert made.card["licence"] == "MIT"
    training = made.card["prior_training"]
    assert training["licences"] == {"CC BY": 1, "CC0 or public domain": 1}
    assert (training["steps"], training["pictures"], training["recipe"]["init"]) == (4, 2, "tiny.safetensors")
    assert "| 1 | Ann | CC-BY-4.0 |" in (home / "new.md").read_text()
    state = checkpoint.load_state(home / "run" / "state.pt", CPU)
    torch.testing.assert_close(
        made.prior_state["outc.conv.bias"], state["average"]["outc.conv.bias"], atol=1e-3, rtol=0
    )
    before = (home / "run" / "state.pt").stat().st_mtime_ns
    assert main([*command, "--resume", "--stop", "0", "--export", out]) == 0
    assert weights_hash(read_weights(Path(out))) == weights_hash(made)
    assert (home / "run" / "state.pt").stat().st_mtime_ns == before


def test_training_needs_only_torch_numpy_pillow_and_safetensors(home: Path) -> None:
    (home / "recipe.toml").write_text(
        'data = ["data"]\nout = "run"\nsteps = 2\nbatch = 1\ncrop = 8\nqueries = 5\n' + MODEL
    )
    code = """
        import sys
        for name in ("tqdm", "tifffile", "skimage", "dask", "scipy", "matplotlib", "zarr", "magicgui"):
            sys.modules[name] = None
        import runpy
        sys.argv = ["linf", "train", "recipe.toml", "--device", "cpu", "--export", "out.safetensors"]
        runpy.run_module("linf_nodes", run_name="__main__")
    """
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=home, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert read_weights(home / "out.safetensors").model is not None


def test_licences_are_counted_by_kind() -> None:
    texts = ["CC-BY-SA-4.0 (CID22/LICENSE)", "CC BY 4.0 / CC-BY-4.0", "CC0", "Public Domain", "WTFPL"]
    kinds = ["CC BY-SA", "CC BY", "CC0 or public domain", "CC0 or public domain", "WTFPL"]
    assert [licence_family(t) for t in texts] == kinds


def test_the_docs_name_every_key_with_its_default() -> None:
    page = (ROOT / "docs" / "training.md").read_text("utf-8")
    table = dict(row.split("|")[1:3] for row in page[page.index("| key |") :].splitlines()[2:])
    told = {
        key.strip(" `[]"): default.strip(" `")
        for keys, defaults in table.items()
        for key, default in zip_keys(keys, defaults)
    }
    asked = Recipe(("data",), "out")
    assert set(told) == set(asked.entry())
    for name in set(told) - {"data", "out"}:
        said, value = told[name], getattr(asked, name)
        assert value in ("", (), {}) if said == "none" else tomllib.loads(f"x = {said}")["x"] == unlisted(value), name


def zip_keys(keys: str, defaults: str) -> list[tuple[str, str]]:
    names = keys.split(",")
    values = re.split(r",\s*(?![^\[]*\])", defaults)
    return list(zip(names, values if len(values) == len(names) else values * len(names), strict=True))


def unlisted(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
