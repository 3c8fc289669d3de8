"""The papers' ablations as switches of a spec: what each leaves out, and that files carry it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from linf_nodes.errors import UnsupportedWeights
from linf_nodes.models.checkpoint import Weights, build, read_weights, weights_hash, write_weights
from linf_nodes.models.contract import Network
from linf_nodes.models.corners import Corners, nearest
from linf_nodes.models.fourier import fourier_features
from linf_nodes.models.latent_front import LatentPrior
from linf_nodes.models.linf import LINF
from linf_nodes.models.registry import PRIORS, build_network, build_prior
from linf_nodes.models.spec import Spec
from linf_nodes.pipeline.cells import corners_of_rectangle
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.model import LoadedModel, prepare
from linf_nodes.training.grid_batch import grid_batch
from linf_nodes.training.loss import mean_picture, prior_picture

from . import tiny
from .models import PRIORS as SIZES
from .models import enlarge, picture

CPU = torch.device("cpu")


def spec(**switches: Any) -> Spec:
    return Spec("linf-patch", {**tiny.LINF.args, **switches})


def linf(**switches: Any) -> LINF:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        net = build_network(spec(**switches)).eval()
    assert isinstance(net, LINF)
    return net


def prior(name: str, inputs: str) -> LatentPrior:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        net = build_prior(Spec(name, {"in_chans": 27, **SIZES[name], "inputs": inputs})).eval()
    assert isinstance(net, LatentPrior)
    return net


def loaded(net: Network, learned: LatentPrior | None = None) -> LoadedModel:
    return LoadedModel(*prepare(net, learned, CPU, torch.float32), "test", "0123", CPU, torch.float32)


def test_both_switches_are_on_unless_a_spec_says_otherwise() -> None:
    plain, told = build_network(tiny.LINF).eval(), linf(ensemble="features", amplitude_weighting=True)
    assert {n: t.shape for n, t in plain.state_dict().items()} == {n: t.shape for n, t in told.state_dict().items()}
    told.load_state_dict(plain.state_dict())
    batch = grid_batch(picture(24, 24), picture(10, 10), 3)
    assert torch.equal(mean_picture(plain, batch, None), mean_picture(told, batch, None))


@pytest.mark.parametrize(("lr", "hr"), [(7, 21), (9, 24), (5, 33)])
def test_without_an_ensemble_only_the_nearest_cell_is_seen(lr: int, hr: int) -> None:
    grid = Grid((lr, lr), (hr, hr), 3)
    cells = grid.centres(0, 0, hr // 3)
    found = nearest(corners_of_rectangle(cells, cells, lr))
    centres = (3 * np.arange(hr // 3) + 1.5) * lr / hr - 0.5  # of the patches, in LR pixels
    rows, cols = np.divmod(found.cell[:, 0].numpy(), lr)
    y, x = (a.flatten() for a in np.meshgrid(centres, centres, indexing="ij"))
    for at, cell, rel in ((y, rows, found.rel_y), (x, cols, found.rel_x)):
        least = np.abs(at[:, None] - np.arange(lr)).min(1)
        np.testing.assert_allclose(np.abs(at - cell), least, atol=1e-9)
        np.testing.assert_allclose(rel[:, 0].numpy(), 2 * (at - cell), atol=1e-5)
    assert torch.equal(found.weight, torch.ones(len(y), 1))


def features_in_numpy(fields: Tensor, phase: Tensor, corners: Any, weighted: bool) -> Any:
    half = phase.shape[-1]
    seen = fields.double().numpy()[corners.cell.numpy()]  # q, corners, 4 * half
    amplitude, y, x = seen[..., : 2 * half], seen[..., 2 * half : 3 * half], seen[..., 3 * half :]
    rel = [t.double().numpy()[..., None] for t in (corners.rel_y, corners.rel_x, corners.weight)]
    angle = y * rel[0] + x * rel[1] + phase.double().numpy()[:, None]
    waves = np.concatenate([np.cos(angle), np.sin(angle)], -1) * amplitude
    return (waves * rel[2] if weighted else waves).reshape(len(seen), -1)


@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_features_are_those_of_float64(ensemble: bool, weighted: bool) -> None:
    net = linf(ensemble="features" if ensemble else "nearest", amplitude_weighting=weighted)
    seen: list[Tensor] = []
    net.layers[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    cells = Grid((8, 8), (21, 21), 3).centres(0, 0, 7)
    corners = corners_of_rectangle(cells, cells, 8)
    with torch.no_grad():
        fields, phase = net.cells(net.encode(picture(8, 8))), net.phases(torch.tensor([[0.7, 0.7]]))
        net.at(fields, phase, corners)
    wanted = features_in_numpy(fields, phase, corners if ensemble else nearest(corners), weighted)
    assert seen[0].shape == (1, (4 if ensemble else 1) * 16, 1, 49)
    np.testing.assert_allclose(seen[0][0, :, 0].T.numpy(), wanted, atol=1e-5)
    torch.testing.assert_close(fourier_features(fields, phase, nearest(corners)).shape, torch.Size((49, 16)))


def test_the_local_ensemble_is_four_runs_averaged_by_area() -> None:
    net = linf(ensemble="local")
    cells = Grid((8, 8), (21, 21), 3).centres(0, 0, 7)
    corners = corners_of_rectangle(cells, cells, 8)
    with torch.no_grad():
        fields, phase = net.cells(net.encode(picture(8, 8))), net.phases(torch.tensor([[0.7, 0.7]]))
        found = net.at(fields, phase, corners)
        wanted = torch.zeros_like(found)
        for i in range(4):
            one = Corners(*(t[:, i : i + 1] for t in corners))
            alone = torch.ones_like(one.weight)
            seen = features_in_numpy(fields, phase, one._replace(weight=alone), weighted=True)
            run = net.layers(torch.from_numpy(seen).float().T[None, :, None])[0, :, 0].T
            wanted += one.weight * run
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(corners.weight.sum(1), torch.ones(49))


@pytest.mark.parametrize(("old", "new"), [(True, "features"), (False, "nearest")])
def test_files_from_before_the_local_ensemble_say_what_they_said(tmp_path: Path, old: bool, new: str) -> None:
    net = linf(local_ensemble=old)
    assert net.ensemble == new
    write_weights(tmp_path / "a.safetensors", Weights(spec(local_ensemble=old), dict(net.state_dict()), None, {}))
    assert build(read_weights(tmp_path / "a.safetensors"))[0].ensemble == new
    assert linf(local_ensemble=old, ensemble=new).ensemble == new
    with pytest.raises(UnsupportedWeights, match=f"local_ensemble stands for ensemble = '{new}', but 'local'"):
        linf(local_ensemble=old, ensemble="local")


SWITCHED: list[dict[str, Any]] = [{"ensemble": "nearest"}, {"ensemble": "local"}, {"amplitude_weighting": False}]


@pytest.mark.parametrize("switch", SWITCHED, ids=str)
def test_tiles_and_training_give_one_picture(switch: dict[str, Any]) -> None:
    net = linf(**switch)
    batch = grid_batch(picture(45, 45), picture(17, 17), 3)
    with torch.no_grad():
        trained = mean_picture(net, batch, None)
    model = loaded(net)
    for tile in (None, 8):
        upscaled = enlarge(model, batch.lr, (45, 45), tile, amount=0.0)
        torch.testing.assert_close(upscaled, trained, atol=1e-5, rtol=0)


@pytest.mark.parametrize("switch", SWITCHED, ids=str)
def test_files_carry_the_switches(tmp_path: Path, switch: dict[str, Any]) -> None:
    net = linf(**switch)
    made = Weights(spec(**switch), dict(net.state_dict()), None, {})
    write_weights(tmp_path / "a.safetensors", made, half=False)
    read = read_weights(tmp_path / "a.safetensors")
    assert read.model == made.model
    batch = grid_batch(picture(24, 24), picture(10, 10), 3)
    with torch.no_grad():
        assert torch.equal(mean_picture(build(read)[0], batch, None), mean_picture(net, batch, None))
    assert weights_hash(read) == weights_hash(made)
    others = [spec(**other) for other in SWITCHED if other != switch]  # of the same tensors
    assert weights_hash(made) not in [weights_hash(replace(made, model=other)) for other in others]
    if "ensemble" in switch:
        with pytest.raises(UnsupportedWeights, match=r"layers\.0\.weight"):
            build(replace(made, model=spec()))


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize(("inputs", "sees_z", "sees_lr"), [("both", 1, 1), ("latent", 1, 0), ("picture", 0, 1)])
def test_a_prior_sees_the_inputs_it_is_given(name: str, inputs: str, sees_z: bool, sees_lr: bool) -> None:
    net = prior(name, inputs)
    random = torch.Generator().manual_seed(1)
    z, lr = torch.randn(1, 27, 9, 9, generator=random), picture(12, 12)
    with torch.no_grad():
        y = net(z, lr)
        assert y.shape == z.shape
        assert torch.equal(net(z + 1, lr), y) != sees_z
        assert torch.equal(net(z, 1 - lr), y) != sees_lr
    names = {n.split(".")[0] for n in net.state_dict()}
    assert ("input_proj" in names, "lr_proj" in names) == (sees_z, sees_lr)


@pytest.mark.parametrize("inputs", ["latent", "picture"])
def test_files_carry_a_priors_inputs(tmp_path: Path, inputs: str) -> None:
    net, learned = linf(), prior("unet", inputs)
    entry = Spec("unet", {"in_chans": 27, **SIZES["unet"], "inputs": inputs})
    path = tmp_path / "a.safetensors"
    write_weights(path, Weights(tiny.LINF, dict(net.state_dict()), entry, dict(learned.state_dict())), half=False)
    networks = build(read_weights(path))
    assert networks[1] is not None
    batch = grid_batch(picture(48, 48), picture(15, 15, seed=2), 3)
    with torch.no_grad():
        trained = prior_picture(net, learned, batch, None)
    upscaled = enlarge(loaded(*networks), batch.lr, (48, 48), amount=1.0)
    torch.testing.assert_close(trained, upscaled, atol=2e-5, rtol=1e-4)


def test_switches_that_cannot_be() -> None:
    with pytest.raises(UnsupportedWeights, match="local_ensemble is 1; it must be true or false"):
        build_network(spec(local_ensemble=1))
    with pytest.raises(UnsupportedWeights, match="ensemble = 'both': give 'features' or 'local' or 'nearest'"):
        build_network(spec(ensemble="both"))
    with pytest.raises(UnsupportedWeights, match=r"'neither'.*both, latent, picture"):
        build_prior(Spec("unet", {"in_chans": 27, "inputs": "neither"}))
