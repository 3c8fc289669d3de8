"""What makes a training step cheap: few kernels, and the same numbers as without."""

import copy
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from linf_nodes.errors import UnsupportedWeights
from linf_nodes.hosts.cli.main import main
from linf_nodes.models.chain import AffineChain, Inverse
from linf_nodes.models.flow import AffineFlow
from linf_nodes.models.fourier import Waves
from linf_nodes.models.registry import build_network
from linf_nodes.training.batch import Sampler
from linf_nodes.training.flat import Flat, clipped, lowered
from linf_nodes.training.loss import texture_terms
from linf_nodes.training.scales import Scales

from . import tiny
from .test_training import CPU, home, pack  # noqa: F401  (a fixture)

ROOT = Path(__file__).parents[1]


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    made = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return made.requires_grad_()


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_density_and_mean_in_one_pass_are_those_of_two(layers: int) -> None:
    torch.manual_seed(1)
    flow = AffineFlow(4, layers).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    found = []
    for once in (True, False):
        flow.zero_grad()
        info, x = random(7, layers * 8), random(7, 4, seed=1)
        cond = flow.condition(info)
        log_p, mean = flow.fit(x, cond) if once else (flow.log_prob(x, cond), flow.mean(cond))
        (log_p.mean() + (mean - x).abs().mean()).backward()
        found.append((log_p, mean, info.grad, x.grad, *(p.grad for p in flow.parameters())))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_matrix_without_an_inverse_is_named_in_training_too() -> None:
    flow = AffineFlow(3, 2)
    with torch.no_grad():
        flow.last._weight.zero_()
    with pytest.raises(UnsupportedWeights, match="has no inverse"):
        flow.fit(torch.zeros(2, 3), flow.condition(torch.zeros(2, 12)))


def test_gradients_by_hand_are_the_derivatives() -> None:
    chain = random(2, 3, 4), random(4, 2, 4, 4, seed=1), random(3, 2, 3, 4, seed=2), random(3, 2, 3, 4, seed=3)
    assert torch.autograd.gradcheck(AffineChain.apply, chain)
    assert torch.autograd.gradcheck(Inverse.apply, random(3, 4, 4))
    assert torch.autograd.gradcheck(Waves.apply, random(3, 4, 5))


def net() -> nn.Sequential:
    torch.manual_seed(2)
    made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1, bias=False))
    made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types leave it out
    return made


def test_flat_parameters_stay_what_they_are_and_move_together() -> None:
    plain, flattened = net(), net()
    flat = Flat(list(flattened.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), flattened.parameters(), strict=True))
    assert [p.stride() for p in plain.parameters()] == [p.stride() for p in flattened.parameters()]
    x = torch.randn(2, 3, 5, 5)
    steps = [torch.optim.Adam(plain.parameters(), 0.1), torch.optim.Adam([flat.value], 0.1)]
    for _ in range(3):
        for model, step in zip((plain, flattened), steps, strict=True):
            model(x).square().mean().backward()
            if model is flattened:
                norm = clipped([flat.gather()], 0.5)
            else:
                wanted = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            step.step()
            step.zero_grad()
    torch.testing.assert_close(norm, wanted)
    for a, b in zip(plain.parameters(), flattened.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    joined = flat.adopt([steps[0].state[p] for p in plain.parameters()])
    for name in ("exp_avg", "exp_avg_sq"):
        torch.testing.assert_close(joined[name], steps[1].state[flat.value][name])
    with torch.no_grad():
        flat.value.zero_()
    assert not any(p.any() for p in flattened.parameters())


def test_what_sees_no_gradient_is_not_moved() -> None:
    model = net()
    flat = Flat(list(model.parameters()))
    model[0](torch.ones(1, 3, 4, 4)).sum().backward()
    assert not flat.gather()[-8:].any()
    assert float(clipped([torch.tensor([3.0]), torch.tensor([4.0])], 9.0)) == 5


def test_weights_cast_at_once_give_what_autocast_gives(home: Path) -> None:  # noqa: F811
    one = build_network(tiny.LINF).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    two = copy.deepcopy(one)
    batch = Sampler(pack(home), 1, 2, 12, 30, 3, Scales((1.0, 3.0)))(0)
    for model, dtype in ((one, None), (two, torch.bfloat16)):
        with lowered(model, dtype):
            total = sum(texture_terms(model, batch, torch.bfloat16).values())
            assert isinstance(total, torch.Tensor)
            total.backward()
    kinds = {p.dtype for p in two.parameters()}
    assert kinds == {torch.float32}
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None and b.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, rtol=0.02, atol=1e-3 * float(a.grad.abs().max()) + 1e-9)


def benchmark(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_step_of_photos_recipe_takes_fewer_than_400_kernels(tmp_path: Path, bfloat16: bool) -> None:
    counter = benchmark("kernels")
    small = {"batch": 4, "crop": 16, "queries": 32, "bfloat16": bfloat16}
    sampling, step = counter.step_kernels(ROOT / "recipes" / "photo.toml", counter.noise(tmp_path), **small)
    assert 20 < sampling.total() < 60
    assert 200 < step.total() < 360
    assert sampling.total() + step.total() < 400
    assert step["convolution"] == step["convolution_backward"] == 39


@pytest.mark.parametrize("told", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", ""])
def test_threads_that_wait_sleep_soon_unless_the_user_says_otherwise(
    told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    for name in names:
        monkeypatch.setenv(name, "7") if name == told else monkeypatch.delenv(name, raising=False)
    assert main(["--version"]) == 0
    found = {name: os.environ[name] for name in names if name in os.environ}
    assert found == ({told: "7"} if told else {"GOMP_SPINCOUNT": "5000"})


def test_torch_is_loaded_after_that() -> None:
    code = "import sys, linf_nodes.hosts.cli.main; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
