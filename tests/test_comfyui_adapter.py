"""The adapter between ComfyUI and the core; with the real comfy_api where `COMFYUI_PATH` names a checkout."""

import ast
import json
import re
import shutil
import subprocess
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from linf_nodes.errors import BadShape, BadValue, Cancelled, UnsupportedWeights
from linf_nodes.hosts.comfyui import accounting, names, precision
from linf_nodes.hosts.comfyui.estimate import node_bytes, work_bytes
from linf_nodes.hosts.comfyui.images import image_in, image_out, mask_in, unshared
from linf_nodes.hosts.comfyui.progress import PREVIEW, Reporter, thumbnail, watched
from linf_nodes.models.checkpoint import Weights, write_weights
from linf_nodes.pipeline import store
from linf_nodes.pipeline.composition import flow_inverse
from linf_nodes.pipeline.features import Features, encode
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.latent import ArrayLatent

from . import tiny
from .comfyui_server import CORES, Core, shipped_files
from .models import RDN, make_model, picture, write_network

ROOT = Path(__file__).parents[1]
INSIDE = Path(__file__).parent / "comfyui_inside.py"
CPU = torch.device("cpu")
CHECKS = [d.name for d in ast.parse(INSIDE.read_text("utf-8")).body if isinstance(d, ast.FunctionDef)]
CHECKS = [name for name in CHECKS if name.startswith("check_")] if CORES else ["every check, as one"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_go_in_and_come_out_as_they_were(channels: int, dtype: torch.dtype) -> None:
    image = picture(5, 7, channels, batch=2).movedim(1, -1).to(dtype)
    inside = image_in(image)
    assert inside.shape == (2, channels, 5, 7)
    assert inside.dtype == torch.float32
    assert torch.equal(image_out(inside.clone(), dtype=dtype), image)


def test_results_are_cut_to_the_range_that_other_packs_rely_on() -> None:
    out = image_out(torch.tensor([-0.5, 0.25, 1.5]).view(1, 1, 1, 3))
    assert out.flatten().tolist() == [0.0, 0.25, 1.0]


def test_a_result_that_is_an_input_is_copied_before_it_is_cut() -> None:
    image = torch.full((1, 4, 4, 3), 2.0)
    inside = image_in(image)
    assert unshared(inside, [image]).data_ptr() != image.data_ptr()
    fresh = inside * 2
    assert unshared(fresh, [image, "text"]) is fresh


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (1, 0, 4, 3), (1, 4, 4, 0)])
def test_an_empty_batch_is_refused_with_a_sentence(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadShape, match="The image batch is empty"):
        image_in(torch.zeros(shape))
    with pytest.raises(BadShape, match=r"\(4, 4, 3\)"):
        image_in(torch.zeros(4, 4, 3))


def test_only_the_mask_that_nobody_painted_is_ignored() -> None:
    placeholder, painted = torch.zeros(1, 64, 64), torch.zeros(1, 64, 64)
    painted[0, 3, 4] = 1
    assert mask_in(placeholder) is None
    assert mask_in(painted) is not None
    assert mask_in(torch.zeros(1, 20, 30)) is not None
    assert mask_in(torch.zeros(64, 64)) is None
    half = mask_in(torch.ones(2, 8, 8, dtype=torch.float16))
    assert half is not None
    assert half.dtype == torch.float32


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGB")])
def test_previews_are_small_and_without_alpha(channels: int, mode: str) -> None:
    shown = thumbnail(picture(40, 1300, channels)[0])
    assert shown.mode == mode
    assert max(shown.size) <= 1.5 * PREVIEW
    assert thumbnail(picture(9, 5)[0]).size == (5, 9)


def test_the_bar_is_moved_and_may_stop_the_run() -> None:
    calls: list[tuple[int, int, bool]] = []

    class Bar:
        def update_absolute(self, value: int, total: int, preview: object) -> None:
            calls.append((value, total, preview is not None))
            if value == 2:
                raise KeyboardInterrupt

    report = Reporter(Bar())
    report(1, 5, picture(4, 4)[0])
    with pytest.raises(KeyboardInterrupt):
        report(2, 5)
    assert calls == [(1, 5, True), (2, 5, False)]


def test_every_layer_is_a_point_where_a_run_may_stop_and_only_while_it_is_watched() -> None:
    network, calls = make_model().network, []
    with watched(network, lambda: calls.append(1)):
        network.encoder(torch.zeros(1, 3, 8, 8))
    assert len(calls) >= 6  # two blocks of two convolutions, head and tail
    network.encoder(torch.zeros(1, 3, 8, 8))
    assert len(calls) == (seen := len(calls))

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watched(network, stop):
        network.encoder(torch.zeros(1, 3, 8, 8))
    network.encoder(torch.zeros(1, 3, 8, 8))
    assert len(calls) == seen


def test_encoding_tells_its_tiles_and_may_be_stopped() -> None:
    model, calls = make_model(), []
    with torch.inference_mode():
        encode(model, picture(20, 30, batch=2), 10, lambda done, total, preview: calls.append((done, total)))
    assert calls == [(n, 12) for n in range(1, 13)]

    def stop(*_: object) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled), torch.inference_mode():
        encode(model, picture(20, 30), 10, stop)


def test_models_on_a_host_s_shelf_have_names_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.write_models(tmp_path)
    shelf = store.Shelf(tmp_path, lambda: {"sub/mine": tmp_path / "tiny.safetensors"})
    monkeypatch.setattr(store, "_SHELVES", [shelf])
    assert store.find_weights("sub/mine") == tmp_path / "tiny.safetensors"
    with pytest.raises(UnsupportedWeights, match=re.escape(f"put gone.safetensors into {tmp_path}")):
        store.find_weights("gone")


def test_a_store_whose_host_moves_the_weights_loads_them_where_they_rest(tmp_path: Path) -> None:
    tiny.write_models(tmp_path)
    rest = torch.device("meta")
    held = store.ModelStore(rest=rest).get(str(tmp_path / "tiny.safetensors"), "auto", CPU, torch.float32)
    assert held.device == CPU
    assert {p.device for p in held.network.parameters()} == {rest}


def test_names_stay_below_their_folder(tmp_path: Path) -> None:
    root = tmp_path / "output"
    root.mkdir()
    assert names.inside("a/b.png", root) == root / "a" / "b.png"
    assert names.inside("a/../b.png", root) == root / "b.png"
    for name in ("../b.png", "/etc/passwd", "", ".", "a/../..", str(tmp_path / "output2" / "b.png")):
        with pytest.raises(BadValue, match="lies outside"):
            names.inside(name, root)
    (root / "way").symlink_to(tmp_path)
    with pytest.raises(BadValue, match="lies outside"):
        names.inside("way/b.png", root)


def test_pictures_are_named_for_the_browser() -> None:
    assert names.shown("a/b/c.png") == {"filename": "c.png", "subfolder": "a/b", "type": "output"}
    assert names.shown("c.png") == {"filename": "c.png", "subfolder": "", "type": "output"}


def test_a_preset_is_what_leads_to_the_picture_and_nothing_else() -> None:
    prompt = {
        "5": {"class_type": "PreviewImage", "inputs": {"images": ["7", 0]}},
        "7": {"class_type": "LINFUpscale", "inputs": {"image": ["1", 0], "linf_model": ["2", 0], "scale": 2}},
        "1": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
        "2": {"class_type": "LINFLoadModel", "inputs": {"model": "photo"}},
        "3": {"class_type": "LINFResize", "inputs": {"image": ["7", 0]}},
    }
    found = names.leading_to(prompt, ["7", 0])
    assert list(found) == ["7", "1", "2", "3"]
    assert found["3"]["class_type"] == "SaveImage"
    assert found["3"]["inputs"]["images"] == ["7", 0]
    assert {i: found[i] for i in "712"} == {i: prompt[i] for i in "712"}


def test_the_estimate_grows_with_the_block_and_not_with_the_picture() -> None:
    model = make_model()
    small, large = (work_bytes(model, (n, n), (4 * n, 4 * n), 128) for n in (512, 4096))
    assert small == large
    assert work_bytes(model, (512, 512), (2048, 2048)) > 4 * small
    assert work_bytes(make_model(RDN), (96, 96), (192, 192)) > work_bytes(model, (96, 96), (192, 192))
    assert work_bytes(make_model(prior="unet"), (96, 96), (192, 192)) > work_bytes(model, (96, 96), (192, 192))
    image = picture(20, 30)
    sized = {"image": image, "scale": 4.0, "height": 100, "width": 90}
    assert node_bytes(model, sized) == work_bytes(model, (20, 30), (100, 90))
    assert node_bytes(model, {"features": Features(model, image), "reference": picture(50, 60)}) == work_bytes(
        model, (20, 30), (50, 60)
    )


def test_a_cache_is_told_every_tensor_that_a_value_holds() -> None:
    accounting.register()
    model, image = make_model(), picture(8, 9)
    features = encode(model, image, 64)
    grid = Grid((8, 9), (24, 27), model.patch)
    latent = ArrayLatent(grid, model.hash, torch.zeros(1, *grid.patches, model.dim), "drawn")
    for value in (features, latent, flow_inverse(features, latent), Features(model, image)):
        held = [getattr(value, f.name) for f in fields(value)]
        told = getattr(value, accounting.METHOD)()
        assert {id(t) for t in told} == {id(t) for t in held if isinstance(t, torch.Tensor)}


def test_overflow_is_seen_wherever_it_hides() -> None:
    model, image = make_model(), picture(8, 9)
    with torch.inference_mode():
        features = encode(model, image, 64)
        assert not precision.overflowed([image, features, "text"])
        assert features.maps is not None
        features.maps[0, 0, 0, 0] = torch.inf
        assert precision.overflowed([features])
        assert precision.overflowed([torch.tensor([0.0, torch.nan])])
    assert not precision.is_half(model), "a model of unknown files cannot be had again"


def test_what_ships_starts_no_program_asks_no_network_and_evaluates_no_text() -> None:
    """The registry's scanner flags these words, and a flagged version is not offered."""
    words = r"\b(subprocess|Popen|os\.system|urllib|requests|aiohttp|http\.client|fetch\(|XMLHttpRequest|eval\(|exec\()"
    shipped = [f for f in shipped_files() if f.suffix in (".py", ".js")]
    assert Path("__init__.py") in shipped
    assert Path("linf_nodes/hosts/comfyui/extension.py") in shipped
    found = {str(f): re.findall(words, (ROOT / f).read_text("utf-8")) for f in shipped}
    assert not {name: hits for name, hits in found.items() if hits}


def test_what_ships_is_all_that_the_pack_imports() -> None:
    """Every relative import of a shipped file, at its top or inside its functions, leads to a shipped file."""
    shipped = set(shipped_files())
    for file in (f for f in shipped if f.suffix == ".py" and f != Path("linf_nodes/__init__.py")):
        for n in ast.walk(ast.parse((ROOT / file).read_text("utf-8"))):
            if isinstance(n, ast.ImportFrom) and n.level:
                home = file.parents[n.level - 1].joinpath(*(n.module or "").split("."))
                targets = [home, *(home / a.name for a in n.names)]
                assert any(t.with_suffix(".py") in shipped or t / "__init__.py" in shipped for t in targets), (
                    file,
                    n.module,
                )
    kinds = {f.parts[0] for f in shipped}
    assert {"LICENSE", "README.md", "requirements.txt", "weights", "web", "locales", "example_workflows"} <= kinds
    assert not kinds & {"tests", "training", "benchmarks", "docs", "recipes", "runs"}


needs_comfyui = pytest.mark.skipif(not CORES, reason="COMFYUI_PATH names no checkout of ComfyUI")


@pytest.fixture(scope="module", params=CORES, ids=str)
def answers(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, str]:
    """Every check of comfyui_inside.py, run once in ComfyUI's interpreter over small models."""
    base = tmp_path_factory.mktemp("comfyui")
    folder = base / "models" / "linf"
    folder.mkdir(parents=True)
    tiny.write_models(folder)
    write_weights(folder / "other.safetensors", _scaled(1.5))
    write_weights(folder / "loud.safetensors", _scaled(3e5))
    write_network(folder / "mean.safetensors", "liif")
    learned = tiny.weights(prior=True)
    write_weights(folder / "only-a-prior.safetensors", replace(learned, model=None, model_state={}))
    (base / "extra" / "sub").mkdir(parents=True)
    shutil.copy(folder / "tiny.safetensors", base / "extra" / "sub" / "elsewhere.safetensors")
    core: Core = request.param
    command = [core.python, str(INSIDE), str(ROOT), str(base)]
    done = subprocess.run(command, cwd=core.checkout, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def _scaled(factor: float) -> Weights:
    """The tiny model with a first layer so loud, and a last one so quiet, that half precision may not hold it."""
    weights = tiny.weights()
    head = weights.model_state["encoder.head.0.weight"]
    weights.model_state["encoder.head.0.weight"] = head * factor
    return weights


@needs_comfyui
@pytest.mark.parametrize("check", CHECKS)
def test_inside_comfyui(check: str, answers: dict[str, str]) -> None:
    assert not answers[check], answers[check]
