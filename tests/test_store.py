"""One copy of every model, counted, shared by threads, released on request."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from linf_nodes.errors import BadValue, UnsupportedWeights
from linf_nodes.models.checkpoint import Weights, read_weights, write_weights
from linf_nodes.models.spec import Spec
from linf_nodes.pipeline import store
from linf_nodes.pipeline.device import resolve_device, resolve_dtype
from linf_nodes.pipeline.store import ModelStore, find_weights

from .models import EDSR, PRIORS, linf_of, make_model

CPU = torch.device("cpu")


def write(path: Path, prior: str | None = None, shift: float = 0.0) -> Path:
    model = make_model(prior=prior)
    args = {"encoder_spec": EDSR, "patch_size": 3, "flow_layers": 3, "num_layer": 2, "hidden_dim": 16}
    state = {k: v + shift if v.is_floating_point() else v for k, v in model.network.state_dict().items()}
    latent = Spec(prior, {"in_chans": 27, **PRIORS[prior]}) if prior else None
    other = {} if model.prior is None else dict(model.prior.state_dict())
    write_weights(path, Weights(Spec("linf-patch", args), state, latent, other))
    return path


@pytest.fixture(name="models")
def make_models(tmp_path: Path) -> ModelStore:
    write(tmp_path / "a.safetensors")
    write(tmp_path / "b.safetensors", "unet")
    return ModelStore()


def test_concurrent_requests_load_once(models: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []

    def counted(path: Path) -> Weights:
        reads.append(path)
        return read_weights(path)

    monkeypatch.setattr(store, "read_weights", counted)
    with ThreadPoolExecutor(8) as pool:
        every = list(
            pool.map(lambda _: models.get(str(tmp_path / "a.safetensors"), "auto", CPU, torch.float32), range(16))
        )
    assert len({id(m) for m in every}) == 1
    assert len(reads) == 1


def test_device_precision_and_prior_are_part_of_the_key(models: ModelStore, tmp_path: Path) -> None:
    path = str(tmp_path / "b.safetensors")
    full, half = (models.get(path, "auto", CPU, d) for d in (torch.float32, torch.bfloat16))
    bare = models.get(path, "none", CPU, torch.float32)
    assert full.prior is not None
    assert bare.prior is None
    assert half.nbytes < full.nbytes
    assert linf_of(half).imnet.last._weight.dtype == torch.float32
    assert [h.dtype for h in models.held()] == ["float32", "bfloat16", "float32"]
    assert models.release() == full.nbytes + half.nbytes + bare.nbytes
    assert models.held() == []


def test_a_prior_may_come_from_another_file(models: ModelStore, tmp_path: Path) -> None:
    model = models.get(str(tmp_path / "a.safetensors"), str(tmp_path / "b.safetensors"), CPU, torch.float32)
    assert model.prior is not None
    with pytest.raises(UnsupportedWeights, match="holds no learned prior"):
        models.get(str(tmp_path / "a.safetensors"), str(tmp_path / "a.safetensors"), CPU, torch.float32)


def test_a_file_that_changed_is_read_again(models: ModelStore, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    first = models.get(str(path), "auto", CPU, torch.float32)
    write(path, shift=0.5)
    assert models.get(str(path), "auto", CPU, torch.float32).hash != first.hash


def test_the_same_weights_in_another_file_are_the_same_model(models: ModelStore, tmp_path: Path) -> None:
    copy = write(tmp_path / "copy.safetensors")
    first = models.get(str(tmp_path / "a.safetensors"), "auto", CPU, torch.float32)
    assert models.get(str(copy), "auto", CPU, torch.float32) is first


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    paths = [str(write(tmp_path / f"{i}.safetensors", shift=i)) for i in range(3)]
    models = ModelStore(budget=0)
    for path in paths:
        models.get(path, "auto", CPU, torch.float32)
    assert [h.name for h in models.held()] == ["2"]


def test_unknown_models_and_devices_are_named() -> None:
    with pytest.raises(UnsupportedWeights, match=r"no model named 'nonsense' \(known: .*models"):
        find_weights("nonsense")
    with pytest.raises(UnsupportedWeights, match=r"no weights file /x/y\.pth"):
        find_weights("/x/y.pth")
    with pytest.raises(BadValue, match="'toaster' is not known"):
        resolve_device("toaster")
    with pytest.raises(BadValue, match="float8"):
        resolve_dtype("float8", CPU)
    assert resolve_dtype("auto", CPU) == torch.float32
