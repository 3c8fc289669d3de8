"""The pack in a real ComfyUI server: every shipped graph runs, and what users complain about does not happen.

Set `COMFYUI_PATH` to a checkout of ComfyUI, or to several (and `COMFYUI_PYTHON`; see comfyui_server.py).
"""

import json
import re
import shutil
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import linf_nodes as linf
from linf_nodes.catalogue import NODES
from linf_nodes.pictures import Picture, read_picture
from linf_nodes.pipeline.model import LoadedModel
from linf_nodes.workflow import Preset, parse_graph, read_graph
from linf_nodes.workflow.library import bundled_presets, one_click_graph

from .comfyui_graph import api_graph
from .comfyui_memory import output, peak, window
from .comfyui_server import CORES, ROOT, Core, Graph, Refused, Server, as_clone, node
from .comfyui_socket import Listener
from .models import write_network
from .tiny import write_models
from .wheel import build_wheel, pip

if not CORES:  # CI has no ComfyUI: it is a test host and no part of this project
    pytest.skip("COMFYUI_PATH names no checkout of ComfyUI", allow_module_level=True)

PHOTO = "linf-parrots.png"
EXAMPLES = sorted(path.stem for path in (ROOT / "example_workflows").glob("*.json"))


@pytest.fixture(scope="module", params=CORES, ids=str)
def core(request: pytest.FixtureRequest) -> Core:
    found: Core = request.param
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, core: Core) -> Iterator[Server]:
    """The pack as a clone, with two tiny random models in `models/linf` and a small picture for the templates."""
    base = tmp_path_factory.mktemp("clone")
    for folder in ("models/linf", "custom_nodes", "elsewhere"):
        (base / folder).mkdir(parents=True)
    write_models(base / "models" / "linf")
    shutil.copy(base / "models" / "linf" / "tiny.safetensors", base / "elsewhere" / "distant.safetensors")
    server = Server(base, as_clone, extra_models=base / "elsewhere", core=core)
    _small_picture(base / "input" / PHOTO)  # before the pack offers its own, which takes longer
    with server:
        yield server


@pytest.fixture
def tiny(server: Server) -> LoadedModel:
    return linf.load_model(str(server.base / "models" / "linf" / "tiny.safetensors"))


def _small_picture(path: Path) -> None:
    """A piece of a photograph, half of it transparent: Load Image gives its inverted alpha as the mask."""
    picture = Image.open(ROOT / "docs" / "pictures" / "demo-lr.png").convert("RGB").crop((5, 3, 45, 40))
    alpha = np.full((37, 40), 255, np.uint8)
    alpha[:, 20:] = 0
    picture.putalpha(Image.fromarray(alpha))
    picture.save(path)


def photograph(*shape: int) -> NDArray[np.float32]:
    """Reproducible pixels `[b, h, w, c]`."""
    return np.random.default_rng(7).random(shape, np.float32)


def upscaling(source: dict[str, Any], model: str = "tiny", **options: Any) -> Graph:
    return {
        "1": source,
        "2": node("LINFLoadModel", model=model),
        "3": node("LINFUpscale", linf_model=["2", 0], image=["1", 0], **options),
        "4": node("ProbeKeep", image=["3", 0], file="out.npy"),
    }


def chain(source: dict[str, Any], seed: int = 0, **options: Any) -> Graph:
    return {
        "1": source,
        "2": node("LINFLoadModel", model="tiny"),
        "3": node("LINFEncodeLr", linf_model=["2", 0], image=["1", 0]),
        "4": node("LINFSampleLatent", features=["3", 0], seed=seed, **options),
        "5": node("LINFFlowInverse", features=["3", 0], latent=["4", 0]),
        "6": node("LINFCompose", texture=["5", 0], temperature=0.6, auto_temperature=False),
        "7": node("ProbeKeep", image=["6", 0], file="chain.npy"),
    }


def by_core(model: Any, image: NDArray[np.float32], **options: Any) -> NDArray[np.float32]:
    """What the package computes without ComfyUI, in the range that ComfyUI's pictures have."""
    out = linf.upscale(model, torch.from_numpy(image).movedim(-1, 1), **options)
    return np.asarray(out.movedim(1, -1).clamp(0, 1).numpy())


# Loading, and what the frontend asks for


def test_pack_loads_as_a_clone(server: Server) -> None:
    assert "IMPORT FAILED" not in server.log
    assert "Cannot import" not in server.log
    found = server.get("/object_info")
    assert set(NODES) <= set(found)
    assert {found[i]["python_module"] for i in NODES} == {"custom_nodes.linf-nodes"}


def test_import_is_quick(server: Server) -> None:
    seconds = re.search(r"([\d.]+) seconds: .*linf-nodes", server.log)
    assert seconds
    assert float(seconds[1]) <= 1.5


def test_saved_order_of_inputs_is_the_catalogue_s(server: Server) -> None:
    for identity, known in NODES.items():
        order = server.get(f"/object_info/{identity}")[identity]["input_order"]
        assert [*order.get("required", ()), *order.get("optional", ())] == [i.name for i in known.inputs], identity


def test_help_locales_and_templates_are_served(server: Server) -> None:
    for identity in NODES:
        assert server.read(f"/extensions/linf-nodes/docs/{identity}.md").startswith(b"# ")
        assert server.read(f"/extensions/linf-nodes/docs/{identity}/picture.jpg")[:2] == b"\xff\xd8"
    names = server.get("/i18n")
    assert all(set(NODES) <= set(names[language]["nodeDefs"]) for language in ("en", "zh", "ja"))
    assert set(server.get("/workflow_templates")["linf-nodes"]) == set(EXAMPLES)
    for example in EXAMPLES:
        assert server.read(f"/api/workflow_templates/linf-nodes/{example}.jpg")[:2] == b"\xff\xd8"


def test_pack_loads_as_an_installed_wheel(tmp_path: Path, core: Core) -> None:
    site = tmp_path / "site"
    pip("install", "--no-index", "--target", str(site), str(build_wheel(tmp_path)), folder=tmp_path)

    def shim(packs: Path) -> None:
        (packs / "linf").mkdir()
        (packs / "linf" / "__init__.py").write_text("from linf_nodes.hosts.comfyui.extension import *\n")

    with Server(tmp_path / "base", shim, {"PYTHONPATH": str(site)}, core=core) as server:
        assert "IMPORT FAILED" not in server.log
        source = server.put_array(photograph(1, 12, 14, 3))
        server.run(upscaling(source, model="photo", scale=1.5))
        assert server.array("out.npy").shape == (1, 18, 21, 3)


# Every shipped graph


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_workflow_runs(server: Server, name: str) -> None:
    saved = json.loads((ROOT / "example_workflows" / f"{name}.json").read_text("utf-8"))
    graph = api_graph(saved, server.get("/object_info"))
    found = server.run(graph)
    pictures = server.files(found)
    assert pictures, "a graph that shows nothing teaches nothing"
    for file in pictures:
        if file.suffix == ".mp4":
            assert file.stat().st_size > 5_000
        else:
            assert np.asarray(Image.open(file)).std() > 5, "an empty picture"
    assert server.run(graph).cached == set(graph), "a second run with nothing changed computes nothing"


def test_pictures_of_the_templates_are_offered_and_nothing_is_replaced(server: Server) -> None:
    shipped = ROOT / "example_workflows" / "input"
    assert {file.name for file in shipped.iterdir()} <= {file.name for file in (server.base / "input").iterdir()}
    video = "linf-parrots.mp4"
    assert (server.base / "input" / video).read_bytes() == (shipped / video).read_bytes()
    with Image.open(server.base / "input" / PHOTO) as kept:
        assert kept.size == (40, 37)


def test_the_full_chain_gives_the_picture_of_one_click(server: Server) -> None:
    made = []
    for name in ("one-click", "full-chain"):
        saved = json.loads((ROOT / "example_workflows" / f"{name}.json").read_text("utf-8"))
        files = server.files(server.run(api_graph(saved, server.get("/object_info"))))
        made.append([np.asarray(Image.open(file)) for file in files if name in file.name])
    ((one,), (chained,)) = made
    assert np.array_equal(one, chained)


@pytest.mark.parametrize(
    "name", ["microscopy-nyquist", "photo-2x-faithful", "photo-4x-texture", "sharpen-then-upscale"]
)
def test_a_preset_gives_the_command_line_s_pixels(server: Server, tmp_path: Path, name: str) -> None:
    """And napari gives those too: test_it_gives_what_the_command_line_gives."""
    source = read_picture(ROOT / "docs" / "pictures" / "demo-lr.png")
    Preset.of(read_graph(bundled_presets() / f"{name}.json")).apply(source, tmp_path / "out.png")
    image = server.put_array(np.asarray(source.pixels, np.float32)[None])
    preset = node("LINFRunPreset", image=["1", 0], preset=name)
    server.run({"1": image, "2": preset, "3": node("ProbeKeep", image=["2", 0], file="preset.npy")})
    (found,) = server.array("preset.npy").clip(0, 1)
    assert np.array_equal(np.rint(found * 255), np.rint(read_picture(tmp_path / "out.png").pixels * 255))


@pytest.mark.parametrize("name", ["photo", "liif", "lte"])
def test_one_preset_runs_with_every_family(
    server: Server, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so it does in napari, on the command line and over a stack: test_one_preset_serves_every_family."""
    models = server.base / "models" / "linf"
    monkeypatch.setenv("LINF_MODELS", str(models))
    if name != "photo":
        write_network(models / f"{name}.safetensors", name)
    graph = one_click_graph({"model": name}, {"scale": 2.0})
    image = photograph(1, 24, 20, 3)
    source = Picture(image[0], None, np.dtype(np.float32))
    wanted, recipe = Preset.of(parse_graph(graph)).transform(source)
    graph["1"] = server.put_array(image)
    graph["4"] = node("ProbeKeep", image=["3", 0], file="family.npy")
    server.run(graph)
    assert np.abs(server.array("family.npy")[0] - wanted.pixels.clip(0, 1)).max() < 1e-6  # the server has more threads
    assert recipe["model_hash"]


def test_exported_one_click_graph_runs_without_comfyui(server: Server, tmp_path: Path) -> None:
    saved = json.loads((ROOT / "example_workflows" / "one-click.json").read_text("utf-8"))
    graph = api_graph(saved, server.get("/object_info"))
    (by_server,) = server.files(server.run(graph))
    source = Image.open(server.base / "input" / PHOTO).convert("RGB")
    source.save(tmp_path / "in.png")
    Preset.of(parse_graph(graph)).apply(read_picture(tmp_path / "in.png"), tmp_path / "out.png")
    apart = np.abs(np.asarray(Image.open(by_server)).astype(int) - np.asarray(Image.open(tmp_path / "out.png")))
    assert apart.max() <= 1, "Save Image truncates where linf rounds, nothing else"


@pytest.mark.parametrize("alpha", [False, True])
def test_the_painted_mask_template_gives_one_picture_in_every_host(server: Server, tmp_path: Path, alpha: bool) -> None:
    """Exported as it is: run here, by Run Preset, and without ComfyUI, on a painted picture and on one that is not."""
    saved = json.loads((ROOT / "example_workflows" / "painted-mask.json").read_text("utf-8"))
    graph = api_graph(saved, server.get("/object_info"))
    name = f"painted-{alpha}.png"
    picture = Image.open(server.base / "input" / PHOTO)
    (picture if alpha else picture.convert("RGB")).save(server.base / "input" / name)
    ((load, entry),) = [(i, step) for i, step in graph.items() if step["class_type"] == "LoadImage"]
    ((save, exit),) = [(i, step) for i, step in graph.items() if step["class_type"] == "SaveImage"]
    entry["inputs"]["image"] = name
    source = read_picture(server.base / "input" / name)
    wanted = Preset.of(parse_graph(graph)).transform(source)[0].pixels.clip(0, 1)
    presets = server.base / "user" / "default" / "linf"
    presets.mkdir(parents=True, exist_ok=True)
    (presets / f"{name}.json").write_text(json.dumps(graph), "utf-8")
    graph[save] = node("ProbeKeep", image=exit["inputs"]["images"], file="graph.npy")
    preset = node("LINFRunPreset", image=[load, 0], mask=[load, 1], preset=name)
    kept = node("ProbeKeep", image=["90", 0], file="preset.npy")
    server.run(graph | {"90": preset, "91": kept})
    for file in ("graph.npy", "preset.npy"):
        assert np.abs(server.array(file)[0] - wanted).max() < 1e-6, file


def test_texture_only_where_the_mask_is_painted(server: Server) -> None:
    source = node("LoadImage", image=PHOTO)
    options: dict[str, Any] = {"scale": 2.0, "temperature": 0.8, "auto_temperature": False}
    server.run(upscaling(source, **options, mask=["1", 1]))
    painted = server.array("out.npy")
    server.run(upscaling(source, **options))
    everywhere = server.array("out.npy")
    server.run(upscaling(source, **options | {"temperature": 0.0}))
    faithful = server.array("out.npy")
    assert np.array_equal(painted[:, :, :38], faithful[:, :, :38])
    assert np.allclose(painted[:, :, 42:], everywhere[:, :, 42:], atol=1e-6)
    assert not np.allclose(everywhere, faithful, atol=1e-3)


# The same pictures as the core's


@pytest.mark.parametrize("tile", [0, 64])
def test_one_click_is_the_chain_is_the_core(server: Server, tiny: Any, tile: int) -> None:
    image = photograph(2, 90, 71, 3)
    source = server.put_array(image)
    options: dict[str, Any] = {"scale": 2.37, "seed": (1 << 64) - 1}
    server.run(upscaling(source, **options, temperature=0.6, auto_temperature=False, tile=tile))
    server.run(chain(source, **options))
    wanted = by_core(tiny, image, **options, temperature=0.6, auto_temperature=False)
    assert wanted.shape == (2, 213, 168, 3)
    assert np.abs(server.array("out.npy") - wanted).max() < 1e-6
    assert np.abs(server.array("chain.npy") - wanted).max() < 1e-6


@pytest.mark.parametrize("size", [{"scale": 1.5}, {"height": 33}, {"height": 40, "width": 61}, {"megapixels": 0.01}])
def test_output_has_the_size_that_was_asked_for(server: Server, size: dict[str, Any]) -> None:
    server.run(upscaling(server.put_array(photograph(1, 17, 23, 3)), **size))
    h, w = server.array("out.npy").shape[1:3]
    wanted = {"scale": (26, 35), "width": (40, 61), "height": (33, 45), "megapixels": (86, 116)}
    assert (h, w) == wanted[list(size)[-1]]


@pytest.mark.parametrize("size", [{"height": 8}, {"megapixels": 0.0001}, {"longest_side": 23}])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_as_large_as_asked_passes_through_on_request(
    server: Server, size: dict[str, Any], channels: int
) -> None:
    image = photograph(1, 17, 23, channels)
    source = server.put_array(image)
    server.run(upscaling(source, **size, only_enlarge=True))
    assert np.array_equal(server.array("out.npy"), image)
    server.run(upscaling(source, **size, reduce=True))
    assert server.array("out.npy").shape[1] == {"height": 8, "megapixels": 9, "longest_side": 17}[next(iter(size))]
    if "longest_side" not in size:
        assert "only_enlarge" in server.fail(upscaling(source, **size))


def test_nothing_shifts_the_colours(server: Server) -> None:
    flat = np.broadcast_to(np.array([0.2, 0.5, 0.7], np.float32), (1, 20, 24, 3)).copy()
    server.run(upscaling(server.put_array(flat), model="photo", scale=3.3, temperature=0.0, auto_temperature=False))
    assert np.abs(server.array("out.npy").mean((1, 2)) - flat[0, 0, 0]).max() < 2 / 255


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_come_back(server: Server, tiny: Any, channels: int) -> None:
    image = photograph(1, 11, 9, channels)
    server.run(upscaling(server.put_array(image), scale=2.0))
    assert np.abs(server.array("out.npy") - by_core(tiny, image, scale=2.0)).max() < 1e-6
    assert server.array("out.npy").shape[-1] == channels


def test_half_precision_input(server: Server, tiny: Any) -> None:
    image = photograph(1, 11, 9, 3).astype(np.float16)
    server.run(upscaling(server.put_array(image), scale=2.0))
    assert np.abs(server.array("out.npy") - by_core(tiny, image.astype(np.float32), scale=2.0)).max() < 1e-6


# Running: cache, progress, stop, memory


def test_another_seed_runs_the_sampler_and_what_follows(server: Server) -> None:
    source = server.put_array(photograph(1, 20, 20, 3))
    server.run(chain(source, seed=1, scale=2.0))
    first = server.array("chain.npy")
    again = server.run(chain(source, seed=2, scale=2.0))
    assert again.cached == {"1", "2", "3"}
    assert not np.allclose(server.array("chain.npy"), first, atol=1e-3)
    amount = chain(source, seed=2, scale=2.0)
    amount["6"]["inputs"]["temperature"] = 0.1
    assert server.run(amount).cached == {"1", "2", "3", "4", "5"}


def _computed(server: Server, graph: Graph) -> set[str]:
    """The kinds of our nodes that were computed, those that ran in another's place included."""
    with Listener(server.port, uuid.uuid4().hex) as listener:
        messages = listener.until_over(server.submit(graph, listener.client))
    started = [m["data"] for m in messages if isinstance(m, dict) and m["type"] == "executing" and m["data"]["node"]]
    assert isinstance(messages[-1], dict)
    assert messages[-1]["type"] == "execution_success", messages[-1]
    return {str(data["node"]) for data in started}


FAITHFUL, STILL = {"latent": "faithful"}, {"auto_temperature": False, "temperature": 0.0}


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({"seed": 0}, {"seed": 8}),
        ({}, {"frame": 3}),
        ({}, {"temperature": 1.5}),
        ({"origin_y": 0}, {"origin_y": 3}),
        ({}, {"seed": 0}),
        ({"latent": "drawn", "temperature": 0.2}, {"temperature": 0.3, "seed": 0}),
        (FAITHFUL, {"strength": 0.5, "seed": 4}),
        (FAITHFUL, {"auto_temperature": False, "temperature": 1.0}),
        (FAITHFUL, STILL),
        (STILL, {"strength": 0.3}),
        (STILL, {"strength": 0.0, "temperature": 1.0}),
        ({"height": 31}, {"scale": 3.0, "scale_x": 2.0}),
        ({"megapixels": 0.002}, {"height": 60, "aspect": "fill"}),
        ({"longest_side": 50}, {"shortest_side": 70, "width": 9}),
        ({"height": 1, "only_enlarge": True}, {"seed": 5, "latent": "drawn", "strength": 0.7}),
    ],
    ids=str,
)
def test_what_a_run_does_not_use_is_no_reason_to_run_again(
    server: Server, options: dict[str, Any], change: dict[str, Any]
) -> None:
    own = zlib.crc32(f"{options}{change}".encode())  # a picture of its own: nothing is kept of it yet
    source = server.put_array(np.random.default_rng(own).random((1, 13, 17, 3), np.float32))
    options = {"scale": 2.0} | options
    assert any(name.startswith("3.") for name in _computed(server, upscaling(source, model="learned", **options)))
    kept = server.array("out.npy")
    other = upscaling(source, model="learned", **(options | change))
    assert not any(name.startswith("3.") for name in _computed(server, other))
    assert np.array_equal(server.array("out.npy"), kept)
    assert not _computed(server, other) & {"1", "2", "3"}


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"strength": 0.5}, {"scale": 2.5}, {"height": 40, "width": 40}, {"passes": 2}], ids=str
)
def test_what_a_run_uses_runs_again(server: Server, change: dict[str, Any]) -> None:
    source = server.put_array(photograph(1, 13, 17, 3))
    options = {"scale": 2.0, "latent": "drawn", "seed": 1}
    server.run(upscaling(source, model="learned", **options))
    first = server.array("out.npy")
    assert any(
        name.startswith("3.") for name in _computed(server, upscaling(source, model="learned", **options | change))
    )
    assert not np.array_equal(server.array("out.npy"), first)


@pytest.mark.parametrize("latent", ["prior", "noise"])
def test_words_of_older_graphs_run(server: Server, latent: str) -> None:
    source = server.put_array(photograph(1, 9, 9, 3))
    today = {"prior": "learned", "noise": "drawn"}[latent]
    pictures = []
    for word in (latent, today):
        assert server.run(upscaling(source, model="learned", scale=2.0, latent=word, seed=3)).succeeded
        pictures.append(server.array("out.npy"))
    before, after = pictures
    assert np.array_equal(before, after)


def test_a_saved_png_brings_its_graph_back(server: Server) -> None:
    graph = upscaling(server.put_array(photograph(1, 8, 8, 3)), scale=2.0)
    graph["5"] = node("LINFSave16bitImage", image=["3", 0], path="kept/a.png")
    (file,) = server.files(server.run(graph))
    with Image.open(file) as image:
        image.load()
        found = json.loads(image.text["prompt"])  # type: ignore[attr-defined]  # a PNG's alone
    assert {i: (entry["class_type"], entry["inputs"]) for i, entry in found.items()} == {
        i: (entry["class_type"], entry["inputs"]) for i, entry in graph.items()
    }


def test_an_error_is_shown_without_the_place_of_the_pack(server: Server) -> None:
    graph = upscaling(server.put_array(photograph(1, 8, 8, 3)), scale=2.0, latent="learned")
    with Listener(server.port, uuid.uuid4().hex) as listener:
        last = listener.until_over(server.submit(graph, listener.client))[-1]
    assert isinstance(last, dict)
    assert last["data"]["exception_type"] == "linf_nodes.errors.BadValue"
    assert "/" not in last["data"]["exception_message"]


def _queue_long(server: Server, listener: Listener) -> str:
    source = server.put_array(photograph(1, 1024, 1024, 3))
    return server.submit(upscaling(source, model="photo", scale=2.0, seed=uuid.uuid4().int % 1000), listener.client)


def test_stop_is_answered_within_a_second(server: Server) -> None:
    with Listener(server.port, uuid.uuid4().hex) as listener:
        prompt = _queue_long(server, listener)
        _wait_for(listener, lambda m: isinstance(m, dict) and m["type"] == "executing" and m["data"]["node"] == "3")
        time.sleep(2)
        asked = time.monotonic()
        server.post("/interrupt")
        messages = listener.until_over(prompt)
        seconds = time.monotonic() - asked
    last = messages[-1]
    assert isinstance(last, dict)
    assert last["type"] == "execution_interrupted"
    assert seconds <= 1.0
    server.run(upscaling(server.put_array(photograph(1, 9, 9, 3)), scale=2.0, seed=3))


def test_progress_and_previews_arrive(server: Server) -> None:
    source = server.put_array(photograph(1, 200, 150, 3))
    with Listener(server.port, uuid.uuid4().hex) as listener:
        prompt = server.submit(upscaling(source, scale=2.0, tile=64, seed=11), listener.client)
        messages = listener.until_over(prompt)
    steps = [
        m["data"] for m in messages if isinstance(m, dict) and m["type"] == "progress" and m["data"]["node"][0] == "3"
    ]
    assert len(steps) >= 6
    assert [s["value"] for s in steps] == sorted(s["value"] for s in steps)
    assert steps[-1]["value"] == steps[-1]["max"]
    assert any(isinstance(m, bytes) and b"\xff\xd8\xff" in m[:64] for m in messages), "no JPEG came"


def _wait_for(listener: Listener, wanted: Callable[[Any], bool]) -> None:
    while not wanted(listener.next()):
        pass


def _report(server: Server, **options: Any) -> str:
    found = server.run({"1": node("LINFModelCache", **options)})
    return str(found.outputs["1"]["text"][0])


def test_two_load_nodes_hold_one_copy(server: Server) -> None:
    _report(server, release=True)
    source = server.put_array(photograph(1, 9, 9, 3))
    graph = upscaling(source, scale=2.0)
    graph["5"] = node("LINFLoadModel", model="tiny")
    graph["6"] = node("LINFUpscale", linf_model=["5", 0], image=["1", 0], scale=3.0)
    graph["7"] = node("ProbeKeep", image=["6", 0], file="other.npy")
    server.run(graph)
    lines = _report(server).splitlines()
    assert len([line for line in lines if line.startswith("tiny ")]) == 1
    assert len([line for line in lines if line.startswith("ComfyUI holds tiny ")]) == 1


def test_unloading_models_leaves_a_server_that_works(server: Server) -> None:
    source = server.put_array(photograph(1, 9, 9, 3))
    server.run(upscaling(source, scale=2.0, seed=21))
    first = server.array("out.npy")
    server.post("/free", {"unload_models": True, "free_memory": True})
    time.sleep(1.5)  # the server frees between two prompts, within a second
    again = server.run(upscaling(source, scale=2.0, seed=21))
    assert not again.cached
    assert np.array_equal(server.array("out.npy"), first)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is read from Linux's /proc")
@pytest.mark.parametrize("model", ["tiny", "learned"])
def test_one_click_holds_little_more_than_its_output(server: Server, tiny: Any, model: str) -> None:
    peak(server, 64, 2.0, model)  # what is loaded once
    assert peak(server, 2048, 2.0, model) <= 1.2 * output(2048, 2.0) + window(server, 2.0, model, tiny.halo)


# Models


def test_a_new_model_file_appears_without_a_restart(server: Server, tmp_path: Path) -> None:
    folder = server.base / "models" / "linf"
    write_models(tmp_path)
    assert "fresh" not in _models(server)
    shutil.copy(tmp_path / "tiny.safetensors", folder / "fresh.safetensors")
    assert "fresh" in _models(server)
    source = server.put_array(photograph(1, 9, 9, 3))
    server.run(upscaling(source, model="fresh", scale=2.0))
    (folder / "fresh.safetensors").unlink()
    assert "fresh" not in _models(server)
    error = server.fail(upscaling(source, model="fresh", scale=2.0, seed=5))
    assert "fresh" in error
    assert str(folder) in error, "where to put it"


def test_other_folders_of_models_are_respected(server: Server) -> None:
    assert "distant" in _models(server), "extra_model_paths.yaml lists its folder"
    server.run(upscaling(server.put_array(photograph(1, 9, 9, 3)), model="distant", scale=2.0))


def _models(server: Server) -> list[str]:
    kind, *options = server.get("/object_info/LINFLoadModel")["LINFLoadModel"]["input"]["optional"]["model"]
    return list(kind if isinstance(kind, list) else options[0]["options"])


# Bad input: said in a sentence, and the server goes on


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "nowhere"}, "nowhere"),
        ({"scale": 33.0}, "33"),
        ({"height": 1 << 20, "width": 1 << 20}, "1048576"),
        ({"height": 3}, "3"),
        ({"latent": "prior"}, "prior"),
    ],
)
def test_what_cannot_be_done_is_said(server: Server, options: dict[str, Any], said: str) -> None:
    error = server.fail(upscaling(server.put_array(photograph(1, 9, 9, 3)), **options))
    assert said in error
    assert "Traceback" not in error.partition("exception_message")[0]


def test_a_wrong_prior_is_no_fault_of_the_model(server: Server) -> None:
    graph = upscaling(server.put_array(photograph(1, 9, 9, 3)))
    graph["2"]["inputs"]["prior"] = "nowhere"
    error = server.fail(graph)
    assert "The prior 'nowhere' is not there" in error
    assert "input_name" not in error
    graph["2"]["inputs"] = {"model": "nowhere", "prior": "auto"}
    with pytest.raises(Refused) as refused:
        server.submit(graph)
    blamed = [e["extra_info"]["input_name"] for e in json.loads(str(refused.value))["node_errors"]["2"]["errors"]]
    assert blamed == ["model"]


def test_a_foreign_weights_file_is_named(server: Server) -> None:
    from safetensors.torch import save_file

    foreign = server.base / "models" / "linf" / "foreign.safetensors"
    save_file({"some.weight": torch.zeros(3)}, foreign)
    error = server.fail(upscaling(server.put_array(photograph(1, 9, 9, 3)), model="foreign"))
    foreign.unlink()
    assert "foreign" in error


def test_an_empty_batch_is_refused(server: Server) -> None:
    assert "empty" in server.fail(upscaling(server.put_array(photograph(0, 9, 9, 3))))


def test_a_latent_of_another_model_or_grid_is_refused_with_both_names(server: Server) -> None:
    source = server.put_array(photograph(1, 12, 12, 3))
    graph = chain(source, scale=2.0)
    graph["8"] = node("LINFLoadModel", model="learned")
    graph["9"] = node("LINFEncodeLr", linf_model=["8", 0], image=["1", 0])
    graph["5"]["inputs"]["features"] = ["9", 0]
    assert re.search(r"latent was made with the model .*learned", server.fail(graph))
    graph["8"]["inputs"]["model"] = "tiny"
    graph["10"] = server.put_array(photograph(1, 13, 12, 3))
    graph["9"]["inputs"]["image"] = ["10", 0]
    error = server.fail(graph)
    assert "(12, 12)" in error
    assert "(13, 12)" in error


def test_a_latent_survives_a_file(server: Server) -> None:
    source = server.put_array(photograph(1, 12, 12, 3))
    server.run(
        chain(source, seed=4, scale=2.0)
        | {"8": node("LINFSaveLatent", features=["3", 0], latent=["4", 0], path="z.safetensors")}
    )
    drawn = server.array("chain.npy")
    graph = chain(source)
    graph["4"] = node("LINFLoadLatent", path="z.safetensors")
    server.run(graph)
    assert np.abs(server.array("chain.npy") - drawn).max() < 1e-6


def test_a_preset_that_was_saved_gives_the_same_picture(server: Server) -> None:
    graph = upscaling(node("LoadImage", image=PHOTO), scale=2.0, seed=8)
    graph["5"] = node("LINFSavePreset", image=["3", 0], name="mine")
    server.run(graph)
    wanted = server.array("out.npy")
    graph = {"1": graph["1"], "2": node("LINFRunPreset", image=["1", 0], preset="mine")}
    server.run(graph | {"3": node("ProbeKeep", image=["2", 0], file="preset.npy")})
    assert np.abs(server.array("preset.npy") - wanted).max() < 1e-6


def test_a_wire_of_another_kind_is_refused_before_running(server: Server) -> None:
    graph = chain(server.put_array(photograph(1, 9, 9, 3)))
    graph["5"]["inputs"]["latent"] = ["3", 0]
    with pytest.raises(Refused, match="LINF_FEATURES"):
        server.submit(graph)
