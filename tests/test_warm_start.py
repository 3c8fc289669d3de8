"""The recipes' scripts that put together what a run begins with."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from linf_nodes.models.checkpoint import Weights, build, read_weights, write_weights
from linf_nodes.models.contract import Network
from linf_nodes.models.registry import build_network
from linf_nodes.models.smfanet import Block, Modulation, SMFANet
from linf_nodes.models.spec import Spec

from . import tiny
from .models import SMFANET

ROOT = Path(__file__).parents[1]


def script(name: str, *words: Path) -> None:
    command = [sys.executable, str(ROOT / "recipes" / name), *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def first_modulation(network: Network) -> Modulation:
    assert isinstance(network.encoder, SMFANet)
    block = network.encoder.feats[0]
    assert isinstance(block, Block)
    return block.smfa


@torch.no_grad()
def test_an_encoder_that_is_the_linf_s_own_gives_the_linf_back(tmp_path: Path) -> None:
    torch.manual_seed(3)
    wide = {"name": "smfanet", "args": {**SMFANET["args"], "ffn_scale": 3.0}}
    args = {"encoder_spec": wide, "patch_size": 3, "flow_layers": 2, "num_layer": 1, "hidden_dim": 16}
    spec = Spec("linf-patch", args)
    linf = build_network(spec).eval()
    state = linf.state_dict()
    write_weights(tmp_path / "linf.safetensors", Weights(spec, state, None, {}, {"licence": "CC0"}), half=False)
    encoder = {name.removeprefix("encoder."): tensor for name, tensor in state.items() if name.startswith("encoder.")}
    published = {name: tensor for name, tensor in encoder.items() if not name.endswith("const")}
    torch.save({"params": {**published, "to_img.0.bias": torch.zeros(3)}}, tmp_path / "smfanet.pth")
    (tmp_path / "pictures").mkdir()
    small = np.random.default_rng(1).integers(0, 256, (4, 32, 40, 3), np.uint8)
    for i, pixels in enumerate(small):
        Image.fromarray(pixels.repeat(3, 0).repeat(3, 1)).save(tmp_path / "pictures" / f"{i}.png")
    names = ("smfanet.pth", "linf.safetensors", "pictures", "out.safetensors")
    script("warm_start.py", *(tmp_path / name for name in names))

    made = read_weights(tmp_path / "out.safetensors")
    again = build(made)[0]
    assert made.model == spec
    assert made.card["licence"] == "CC0"
    lr = torch.from_numpy(small).permute(0, 3, 1, 2).float() / 127.5 - 1
    features = linf.encode(lr)  # the published network's: its factor of the variance is 0
    torch.testing.assert_close(again.encode(lr), features, atol=1e-2, rtol=1e-2)
    wanted = linf.cells(features)
    assert (again.cells(features) - wanted).norm() < 0.02 * wanted.norm()
    first = first_modulation(linf)
    assert isinstance(linf.encoder, SMFANet)
    seen = first.linear_0(F.normalize(linf.encoder.to_feat(0.5 * lr + 0.5))).chunk(2, 1)[1]
    const = first_modulation(again).const
    torch.testing.assert_close(const, seen.var((-2, -1), keepdim=True).mean(0, keepdim=True), atol=0, rtol=2e-3)
    for name in ("phase.weight", "layers.0.weight", "imnet.linears.0._weight"):
        torch.testing.assert_close(made.model_state[name], state[name], atol=1e-3, rtol=1e-3)


def test_a_linf_takes_the_prior_of_another(tmp_path: Path) -> None:
    linf, learned, out = (tmp_path / f"{name}.safetensors" for name in ("linf", "learned", "out"))
    other = tiny.weights(prior=True)
    halves = {n: 0.5 * t if t.is_floating_point() else t for n, t in (other.model_state | other.prior_state).items()}
    write_weights(linf, replace(other, model_state={n: halves[n] for n in other.model_state}))  # its own prior goes
    write_weights(learned, replace(other, prior_state={n: halves[n] for n in other.prior_state}))
    script("warm_prior.py", linf, learned, out)
    made, first, second = map(read_weights, (out, linf, learned))
    assert made.prior == Spec("unet", {**tiny.PRIOR.args, "centred": True})
    for ours, wanted, unlike in (
        (made.model_state, first.model_state, second.model_state),
        (made.prior_state, second.prior_state, first.prior_state),
    ):
        assert ours.keys() == wanted.keys()
        assert all(torch.equal(ours[name], wanted[name]) for name in wanted)
        assert not all(torch.equal(ours[name], unlike[name]) for name in wanted)
