"""Every entry of the registry keeps the contract, whatever is in the registry."""

from pathlib import Path

import numpy as np
import pytest
import torch

import linf_nodes as linf
from linf_nodes.catalogue.tensors import Levels
from linf_nodes.errors import BadValue, UnsupportedWeights
from linf_nodes.models.checkpoint import Weights, build, read_weights, weights_hash, write_weights
from linf_nodes.models.registry import (
    ENCODERS,
    NETWORKS,
    PRIORS,
    build_encoder,
    build_network,
    build_prior,
    describe_encoder,
    describe_network,
    describe_prior,
)
from linf_nodes.models.spec import Spec
from linf_nodes.pipeline.features import SEAMLESS, Features, encode
from linf_nodes.pipeline.fields import Draws, Gaussian, can
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.latent import NoLatent
from linf_nodes.pipeline.render import Amount
from linf_nodes.pipeline.upscale import upscale
from linf_nodes.stacks.axes import Axes

from . import models
from .models import enlarge, make_network, picture
from .oracles import ORACLES, oracle

each_network = pytest.mark.parametrize("name", NETWORKS)
SIZES = [(58, 46), (77, 61), (40, 97), (29, 23)]


def described(name: str, encoder: str = "edsr-baseline") -> Spec:
    return Spec(name, {"encoder_spec": models.ENCODERS[encoder], **models.NETWORKS.get(name, {})})


@each_network
def test_a_file_of_it_and_its_bare_tensors_give_it_back(name: str, tmp_path: Path) -> None:
    spec = described(name)
    weights = Weights(spec, dict(build_network(spec).state_dict()), None, {}, {"name": name})
    write_weights(tmp_path / "own.safetensors", weights, half=False)
    torch.save({f"module.{k}": v for k, v in weights.model_state.items()}, tmp_path / "bare.pth")
    torch.save({"model": {**spec.entry(), "sd": weights.model_state}, "epoch": 3}, tmp_path / "nested.pth")
    image = picture(12, 11)
    made = [build(read_weights(file))[0] for file in sorted(tmp_path.iterdir())]
    assert len({weights_hash(read_weights(file)) for file in tmp_path.iterdir()}) == 1
    for network in made:
        assert type(network) is type(build_network(spec))
        assert all(torch.equal(v, weights.model_state[k]) for k, v in network.state_dict().items())
        with torch.inference_mode():
            features = network.encode(network.encoder.padded(image))
            assert network.cells(features).shape == (12 * 11, network.width)


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_s_tensors_tell_what_it_is(name: str) -> None:
    spec = Spec(name, models.ENCODERS[name]["args"])
    encoder = build_encoder(spec)
    again = build_encoder(describe_encoder(encoder.state_dict()))
    assert type(again) is type(encoder)
    again.load_state_dict(encoder.state_dict())
    assert again.out_dim == encoder.out_dim
    assert min(again.receptive_field, again.halo, again.copies, again.align) > 0


@pytest.mark.parametrize("name", PRIORS)
def test_a_prior_s_tensors_tell_what_it_is(name: str) -> None:
    prior = build_prior(Spec(name, {"in_chans": 27, **models.PRIORS[name]}))
    again = build_prior(describe_prior(prior.state_dict()))
    again.load_state_dict(prior.state_dict())
    assert again.in_chans == 27


@each_network
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_tiles_change_nothing(name: str, size: tuple[int, int]) -> None:
    model, image = make_network(name), picture(29, 23)
    whole = enlarge(model, image, size)
    assert whole.shape == (1, 3, *size)
    assert bool(whole.isfinite().all())
    for tile in (9, 16):
        assert (enlarge(model, image, size, tile) - whole).abs().max() <= 2e-6


@each_network
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_serves_every_model(name: str, encoder: str) -> None:
    model, image = make_network(name, models.ENCODERS[encoder]), picture(29, 23)
    whole = enlarge(model, image, (58, 50))
    assert (enlarge(model, image, (58, 50), 16) - whole).abs().max() <= 1 / 512
    found = encode(model, image, 11)
    grid = Grid((29, 23), (58, 50), model.patch)
    held = upscale(found, NoLatent(grid, model.hash), Amount(0.0))
    assert (held - enlarge(model, image, (58, 50), amount=0.0)).abs().max() <= 1 / 512


@each_network
def test_a_batch_is_its_pictures(name: str) -> None:
    model = make_network(name)
    two = torch.cat([picture(12, 17, seed=1), picture(12, 17, seed=2)])
    both = enlarge(model, two, (31, 40))
    assert torch.equal(both[1:], enlarge(model, two[1:], (31, 40)))
    grey = enlarge(model, picture(12, 17, 1), (31, 40))
    assert grey.shape == (1, 1, 31, 40)
    with_alpha = enlarge(model, picture(12, 17, 4), (31, 40))
    assert with_alpha.shape == (1, 4, 31, 40)


@each_network
def test_half_precision_is_near(name: str) -> None:
    image = picture(20, 16)
    exact = enlarge(make_network(name), image, (50, 40))
    half = enlarge(make_network(name, dtype=torch.bfloat16), image, (50, 40))
    assert (half - exact).abs().mean() < 0.01


@each_network
def test_seamless_edges_repeat(name: str) -> None:
    model, image = make_network(name), picture(15, 15)
    grid = Grid((15, 15), (30, 30), model.patch)
    latent = NoLatent(grid, model.hash)
    found = upscale(Features(model, image, edges=SEAMLESS), latent, Amount(0.0))
    thrice = image.repeat(1, 1, 3, 3)
    middle = upscale(Features(model, thrice), NoLatent(Grid((45, 45), (90, 90), model.patch), model.hash), Amount(0.0))
    assert (found - middle[..., 30:60, 30:60]).abs().max() <= 2e-6


@each_network
def test_a_constant_picture_stays_what_it_is(name: str) -> None:
    image = torch.full((1, 3, 30, 24), 0.3)
    assert (enlarge(make_network(name), image, (75, 60)) - 0.3).abs().max() <= 1e-7


@each_network
def test_eight_passes_are_the_mean_of_eight_turns(name: str) -> None:
    model, image = make_network(name), picture(14, 12)
    grid = Grid((14, 12), (42, 36), model.patch)
    eight = upscale(Features(model, image, passes=8), NoLatent(grid, model.hash), Amount(0.0))
    total = torch.zeros_like(eight)
    for k in range(4):
        for flip in (False, True):
            turned = image.rot90(k, (2, 3))
            turned = turned.flip(3) if flip else turned
            size = (42, 36) if k % 2 == 0 else (36, 42)
            done = enlarge(model, turned, size, amount=0.0)
            total += (done.flip(3) if flip else done).rot90(-k, (2, 3))
    assert (eight - total / 8).abs().max() <= 2e-6


@pytest.mark.parametrize("name", [n for n, e in NETWORKS.items() if getattr(e.build, "family", "") in ORACLES])
@pytest.mark.parametrize("size", [(22, 18), (13, 31)], ids=str)
def test_it_is_what_its_paper_says(name: str, size: tuple[int, int]) -> None:
    model, image = make_network(name), picture(9, 8)
    found = enlarge(model, image, size)[0]
    wanted = oracle(model.network, image[0], size)
    assert np.abs(found.numpy() - wanted).max() < 3e-6 * max(1, np.abs(wanted).max())


@each_network
def test_what_it_cannot_do_is_refused_in_a_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = described(name)
    state = dict(build_network(spec).state_dict())
    write_weights(tmp_path / "mine.safetensors", Weights(spec, state, None, {}))
    monkeypatch.setenv("LINF_MODELS", str(tmp_path))
    model, image = linf.load_model("mine", device="cpu"), picture(9, 8)
    features = linf.encode_lr(model, image)
    assert linf.upscale(model, image, 2.0).shape == (1, 3, 18, 16)
    assert linf.upscale(model, image, 2.0, temperature=0.0, auto_temperature=False).shape == (1, 3, 18, 16)
    family = model.network.family
    if not can(model, Draws):
        refused = f"'mine' is of the family {family}, which gives one picture, but {{}} needs one that"
        with pytest.raises(BadValue, match=refused.format("Sample Latent")):
            linf.sample_latent(features, 2.0)
        with pytest.raises(BadValue, match=refused.format("Learned Prior")):
            linf.learned_prior(features, 2.0)
        for asked, said in (
            ({"latent": "drawn"}, "drawn detail"),
            ({"auto_temperature": False}, "the temperature 0.5"),
        ):
            with pytest.raises(BadValue, match=refused.format(said)):
                linf.upscale(model, image, 2.0, **asked)
        prior = Spec("unet", {"in_chans": 27, **models.PRIORS["unet"]})
        with pytest.raises(UnsupportedWeights, match=f"a {family} has none"):
            build(Weights(spec, state, prior, dict(build_prior(prior).state_dict())))
    if not can(model, Gaussian):
        with pytest.raises(BadValue, match=refused.format("Encode Reference")):
            linf.encode_reference(features, linf.upscale(model, image, 2.0))
        with pytest.raises(BadValue, match=refused.format("Uncertainty")):
            linf.uncertainty(features, 2.0)


@each_network
def test_a_stack_is_its_planes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = described(name)
    write_weights(tmp_path / "mine.safetensors", Weights(spec, dict(build_network(spec).state_dict()), None, {}))
    monkeypatch.setenv("LINF_MODELS", str(tmp_path))
    image = picture(20, 18, 1, 3)
    settings = linf.Settings(model="mine", device="cpu", latent="faithful", tile=9)
    volume = linf.Volume(image[:, 0].numpy(), Axes.of((3, 20, 18)), (40, 36), settings, Levels(0.0, 1.0))
    found = np.stack([volume.plane((z,)) for z in range(3)])
    whole = enlarge(settings.load(), image, (40, 36), amount=0.0)
    assert np.abs(found - whole[:, 0].numpy()).max() <= 2e-6


def test_tensors_of_another_encoder_than_stated_are_refused() -> None:
    spec = described("liif")
    state = dict(build_network(described("liif", "rrdb")).state_dict())
    with pytest.raises(UnsupportedWeights, match=r"do not fit the model 'liif'.*missing.*extra"):
        build(Weights(spec, state, None, {}))
    with pytest.raises(UnsupportedWeights, match="their encoder is rrdb, but what follows it is missing or unknown"):
        describe_network({k: v for k, v in state.items() if k.startswith("encoder.")})


def test_a_liif_that_asks_for_far_more_than_its_file_holds_is_refused() -> None:
    spec = described("liif")
    state = dict(build_network(spec).state_dict())
    absurd = {"name": "mlp", "args": {"out_dim": 3, "hidden_list": [4000] * 60}}
    with pytest.raises(UnsupportedWeights, match="asks for far more"):
        build(Weights(Spec("liif", {**spec.args, "imnet_spec": absurd}), state, None, {}))
