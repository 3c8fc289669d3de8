"""Presets in napari: a row of the dock, and any saved graph on layers."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

pytest.importorskip("napari", reason="the napari plugin is tested where napari is installed")

from napari.layers import Image
from npe2 import PluginManager, PluginManifest
from PIL import Image as Files
from tifffile import imwrite

from linf_nodes.errors import BadValue, BadWorkflow
from linf_nodes.hosts.cli.main import main as linf
from linf_nodes.hosts.napari.layers.placement import corners
from linf_nodes.hosts.napari.run_preset import preset_names, run_each, run_graph
from linf_nodes.hosts.napari.wording import command_line, one_click, python_code
from linf_nodes.pictures import read_picture, write_picture
from linf_nodes.pipeline.store import BUDGET, STORE
from linf_nodes.workflow import Preset, one_click_graph, parse_graph, presets, read_graph
from linf_nodes.workflow.library import bundled_presets

from .models import write_network
from .tiny import write_models

ROOT = Path(__file__).parents[1]
LOAD = {"model": "tiny", "prior": "none", "device": "cpu", "precision": "float32"}
UPSCALE = {"scale": 2.0, "latent": "drawn", "temperature": 0.5, "auto_temperature": False, "seed": 3}

# What ComfyUI writes with Workflow > Export (API): string ids in no order, `upload`, titles, a preview on the way.
FROM_COMFYUI = {
    "12": {
        "inputs": {"images": ["7", 0], "filename_prefix": "ComfyUI"},
        "class_type": "SaveImage",
        "_meta": {"title": "Save Image"},
    },
    "3": {
        "inputs": {"image": "cells.png", "upload": "image"},
        "class_type": "LoadImage",
        "_meta": {"title": "Load Image"},
    },
    "5": {
        "inputs": {"model": "tiny", "prior": "none", "device": "cpu", "precision": "auto"},
        "class_type": "LINFLoadModel",
        "_meta": {"title": "Load LINF Model"},
    },
    "6": {
        "inputs": {"method": "total variation", "strength": 0.02, "image": ["3", 0]},
        "class_type": "LINFDenoise",
        "_meta": {"title": "Denoise first"},
    },
    "9": {"inputs": {"images": ["6", 0]}, "class_type": "PreviewImage", "_meta": {"title": "Preview Image"}},
    "7": {
        "inputs": {"scale": 2.0, "latent": "noise", "seed": 5, "frame": 0, "linf_model": ["5", 0], "image": ["6", 0]},
        "class_type": "LINFUpscale",
        "_meta": {"title": "Upscale"},
    },
}

needs_display = pytest.mark.skipif(
    sys.platform.startswith("linux") and not os.environ.get("DISPLAY"), reason="needs a display: run under xvfb-run"
)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin_settings: None) -> Iterator[Path]:
    """Tiny models, and a folder for presets that is nobody's."""
    write_models(tmp_path)
    monkeypatch.setenv("LINF_MODELS", str(tmp_path))
    monkeypatch.setenv("LINF_PRESETS", str(tmp_path / "presets"))
    yield tmp_path / "presets"
    STORE.release()
    STORE.budget = BUDGET


def graph(**changes: Any) -> dict[str, Any]:
    return one_click_graph(LOAD, {**UPSCALE, **changes})


def cells(planes: int = 0, **options: Any) -> Image:
    shape = (planes, 20, 24) if planes else (20, 24)
    return Image(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8), name="cells", **options)


def in_user_folder(folder: Path, name: str, source: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(source), "utf-8")
    return path


def test_graph_exported_by_comfyui_runs_on_a_layer(plugin: PluginManifest, tmp_path: Path) -> None:
    path = tmp_path / "exported.json"
    path.write_text(json.dumps(FROM_COMFYUI), "utf-8")
    layer = cells(scale=(0.5, 0.5), translate=(3, 4), rotate=20)
    results = PluginManager.instance().commands.execute("linf-nodes.run_preset", args=([layer], str(path)))
    [(pixels, options, kind)] = results
    assert (kind, pixels.shape, pixels.dtype) == ("image", (40, 48), np.uint8)
    assert options["name"] == "cells [exported]"
    assert options["metadata"]["linf"]["preset"] == FROM_COMFYUI
    result = Image(pixels, **options)
    for a, b in zip(corners(layer, (20, 24)), corners(result, (40, 48)), strict=True):
        assert np.abs(a - b).max() < 1e-8


def test_it_gives_what_the_command_line_gives(tmp_path: Path) -> None:
    layer = cells()
    Files.fromarray(layer.data).save(tmp_path / "in.png")
    path = tmp_path / "exported.json"
    path.write_text(json.dumps(FROM_COMFYUI), "utf-8")
    assert linf(["run", str(path), str(tmp_path / "in.png"), str(tmp_path / "out.png")]) == 0
    [(pixels, _, _)] = run_graph(read_graph(path), [layer], "x")
    assert (np.asarray(Files.open(tmp_path / "out.png")) == pixels).all()


def test_values_between_two_levels_are_rounded_as_on_the_command_line(tmp_path: Path) -> None:
    """Means of 2 x 2 pixels of 8 bits: a quarter of them lie halfway."""
    layer, path = cells(), tmp_path / "halves.json"
    Files.fromarray(layer.data).save(tmp_path / "in.png")
    halve = {"class_type": "LINFResize", "inputs": {"image": ["3", 0], "factor": 0.5, "order": "bilinear"}}
    path.write_text(json.dumps({"3": FROM_COMFYUI["3"], "6": halve, "9": FROM_COMFYUI["9"]}), "utf-8")
    assert linf(["run", str(path), str(tmp_path / "in.png"), str(tmp_path / "out.png")]) == 0
    [(pixels, _, _)] = run_graph(read_graph(path), [layer], "x")
    assert (np.asarray(Files.open(tmp_path / "out.png")) == pixels).all()


@pytest.mark.parametrize("name", ["photo", "liif", "lte"])
def test_one_preset_serves_every_family(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In napari, on the command line, and over a stack; ComfyUI: test_one_preset_runs_with_every_family."""
    monkeypatch.setenv("LINF_MODELS", str(tmp_path))
    if name != "photo":
        write_network(tmp_path / f"{name}.safetensors", name)
    layer, path = cells(), tmp_path / "preset.json"
    Files.fromarray(layer.data).save(tmp_path / "in.png")
    path.write_text(json.dumps(one_click_graph({"model": name}, {"scale": 2.0})), "utf-8")
    assert linf(["run", str(path), str(tmp_path / "in.png"), str(tmp_path / "out.png")]) == 0
    [(pixels, _, _)] = run_graph(read_graph(path), [layer], "x")
    assert (np.asarray(Files.open(tmp_path / "out.png")) == pixels).all()
    imwrite(tmp_path / "in.tif", np.stack([layer.data] * 2), photometric="minisblack")
    assert linf(["run", str(path), str(tmp_path / "in.tif"), str(tmp_path / "out.ome.zarr")]) == 0
    assert zarr.open_array(tmp_path / "out.ome.zarr" / "0", mode="r").shape == (2, *pixels.shape)


def test_planes_of_a_stack_are_run_one_by_one_with_draws_of_their_own() -> None:
    plane = cells().data
    [(pixels, _, _)] = run_graph(parse_graph(graph(temperature=1.0)), [Image(np.stack([plane, plane]))], "x")
    [(first, _, _)] = run_graph(parse_graph(graph(temperature=1.0)), [Image(plane)], "x")
    [(second, _, _)] = run_graph(parse_graph(graph(temperature=1.0, frame=1)), [Image(plane)], "x")
    assert (pixels[0] == first).all()
    assert (pixels[1] == second).all()
    assert (first != second).any()


def test_bundled_presets_run_on_the_samples_type(plugin: PluginManifest) -> None:
    for name, path in presets().items():
        source = json.loads(path.read_text("utf-8"))
        small = {i: {**e, "inputs": {**e["inputs"], **_smaller(e)}} for i, e in source.items()}
        results = run_each(parse_graph(small), [cells(), Image(cells().data.astype(np.uint16) * 100)], name)
        assert [r[0].dtype for r in results] == [np.uint8, np.uint16]


def _smaller(entry: dict[str, Any]) -> dict[str, Any]:
    return {n: v for n, v in {"model": "tiny", "prior": "none", "width": 30}.items() if n in entry["inputs"]}


def test_two_load_image_nodes_take_two_layers(tmp_path: Path) -> None:
    source = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
        "2": {"class_type": "LoadImage", "inputs": {"image": "b.png"}},
        "3": {"class_type": "LINFMatchHistogram", "inputs": {"image": ["1", 0], "reference": ["2", 0]}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
        "5": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}, "_meta": {"title": "As it was"}},
    }
    bright = Image((cells().data // 4 + 180), name="bright")
    results = run_each(parse_graph(source), [cells(), bright], "match")
    assert [options["name"] for _, options, _ in results] == [
        "cells [match, Save Image 4]",
        "cells [match, As it was 5]",
    ]
    assert abs(float(results[0][0].mean()) - float(bright.data.mean())) < 1
    assert (results[1][0] == cells().data).all(), "what nothing changes is not changed"
    with pytest.raises(BadValue, match="takes 2 pictures, and these layers are selected: 'cells'"):
        run_each(parse_graph(source), [cells()], "match")


def test_no_layer_and_no_preset_are_said(plugin: PluginManifest) -> None:
    with pytest.raises(BadValue, match="No image layer is selected"):
        run_each(parse_graph(graph()), [], "x")
    with pytest.raises(BadWorkflow, match="'nonsense'"):
        PluginManager.instance().commands.execute("linf-nodes.run_preset", args=([cells()], "nonsense"))


def test_own_presets_are_listed_after_the_bundled_ones(own_folders: Path) -> None:
    bundled = [p.stem for p in sorted(bundled_presets().glob("*.json"))]
    in_user_folder(own_folders, "mine", graph())
    assert preset_names() == [*bundled, "mine"]


def test_one_click_graphs_are_told_from_others() -> None:
    assert one_click(graph()) == (LOAD, UPSCALE)
    assert one_click(FROM_COMFYUI) is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scale": 1.7, "scale_x": 2.5},
        {"height": 50, "width": 60},
        {"megapixels": 0.01, "auto_temperature": True},
        {"latent": "auto", "strength": 0.5, "tile": 64, "origin_y": 3, "origin_x": 6},
    ],
)
def test_copied_command_line_does_what_the_fields_say(tmp_path: Path, changes: dict[str, Any]) -> None:
    Files.fromarray(cells().data).save(tmp_path / "in.png")
    words = shlex.split(command_line(graph(**changes)))
    assert words[:4] == ["linf", "upscale", "IN", "OUT"]
    assert linf(["upscale", str(tmp_path / "in.png"), str(tmp_path / "out.png"), *words[4:]]) == 0
    wanted, _ = Preset.of(parse_graph(graph(**changes))).transform(read_picture(tmp_path / "in.png"))
    write_picture(wanted, tmp_path / "wanted.png")
    assert (np.asarray(Files.open(tmp_path / "out.png")) == np.asarray(Files.open(tmp_path / "wanted.png"))).all()


def test_copied_command_line_for_stacks_does_what_the_fields_say(tmp_path: Path) -> None:
    import tifffile

    stack = np.stack([cells().data.astype(np.uint16) * 16] * 2)
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack")
    words = shlex.split(command_line(graph(), program="stack"))
    assert linf(["stack", str(tmp_path / "in.tif"), str(tmp_path / "out.ome.tif"), *words[4:]]) == 0
    [(pixels, _, _)] = run_graph(parse_graph(graph()), [Image(stack)], "x")
    made = tifffile.imread(tmp_path / "out.ome.tif")
    assert (made.shape, made.dtype) == (pixels.shape, pixels.dtype)
    assert np.abs(made.astype(int) - pixels).max() <= 1


def test_named_presets_are_run_by_their_name() -> None:
    assert command_line(FROM_COMFYUI, "my preset") == "linf run 'my preset' IN OUT"
    with pytest.raises(BadValue, match="save it as a preset"):
        command_line(FROM_COMFYUI)


def test_copied_python_runs(tmp_path: Path) -> None:
    import tifffile

    pixels = cells().data.astype(np.uint16) * 200
    tifffile.imwrite(tmp_path / "IN.tif", pixels)
    code = python_code(FROM_COMFYUI)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    made = tifffile.imread(tmp_path / "OUT.tif")
    assert (made.shape, made.dtype) == ((40, 48), np.dtype(np.uint16))


@pytest.fixture
def bar(qtbot: Any) -> Any:
    from linf_nodes.hosts.napari.dock.preset_row import PresetBar

    bar = PresetBar(graph)
    qtbot.addWidget(bar)
    bar.show()
    return bar


@needs_display
def test_preset_is_saved_listed_and_loaded(bar: Any, qtbot: Any, own_folders: Path) -> None:
    from qtpy.QtCore import Qt

    qtbot.keyClicks(bar.names.lineEdit(), "my cells")
    qtbot.mouseClick(bar.save_button, Qt.MouseButton.LeftButton)
    assert json.loads((own_folders / "my cells.json").read_text("utf-8")) == graph()
    assert "Saved" in bar.says.text()
    bar.names.refresh()
    assert bar.names.findText("my cells") == bar.names.count() - 1
    with qtbot.waitSignal(bar.chosen) as chosen:
        qtbot.mouseClick(bar.load_button, Qt.MouseButton.LeftButton)
    assert chosen.args == [LOAD, UPSCALE]


@needs_display
def test_own_preset_is_replaced_only_after_a_question(bar: Any, qtbot: Any, own_folders: Path) -> None:
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication, QMessageBox

    path = in_user_folder(own_folders, "mine", graph(seed=1))
    bar.names.setEditText("mine")

    def answer(button: Any) -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        box.button(button).click()

    for button, seed in ((QMessageBox.StandardButton.No, 1), (QMessageBox.StandardButton.Yes, 3)):
        QTimer.singleShot(200, lambda button=button: answer(button))
        bar.save()
        assert json.loads(path.read_text("utf-8"))["3"]["inputs"]["seed"] == seed


@needs_display
def test_what_is_wrong_is_said_in_the_bar(bar: Any, own_folders: Path) -> None:
    bar.names.setEditText("no such preset")
    bar.load()
    assert "no such preset" in bar.says.text()
    bar.names.setEditText("a/b")
    bar.save()
    assert "cannot be named 'a/b'" in bar.says.text()
    in_user_folder(own_folders, "steps", FROM_COMFYUI)
    bar.names.setEditText("steps")
    bar.load()
    assert "Run Preset" in bar.says.text()
    bar.names.setEditText(next(iter(presets())))
    bar.save()
    assert "bundled" in bar.says.text()


@needs_display
def test_fields_are_copied_as_text(bar: Any, qtbot: Any) -> None:
    from qtpy.QtWidgets import QApplication

    line, stacks, code = bar.copy_button.menu().actions()
    line.trigger()
    assert QApplication.clipboard().text() == command_line(graph())
    stacks.trigger()
    assert QApplication.clipboard().text().startswith("linf stack IN OUT --scale 2.0")
    code.trigger()
    assert QApplication.clipboard().text() == python_code(graph())


@needs_display
def test_run_preset_widget_adds_a_layer_per_selected_layer(
    make_napari_viewer_proxy: Any, plugin: PluginManifest, qtbot: Any, own_folders: Path
) -> None:
    path = in_user_folder(own_folders, "mine", FROM_COMFYUI)
    viewer = make_napari_viewer_proxy()
    for name in ("a", "b", "c"):
        viewer.add_image(cells().data, name=name, units=("um", "um"))
    viewer.layers.selection = {viewer.layers["a"], viewer.layers["c"]}
    _, widget = viewer.window.add_plugin_dock_widget("linf-nodes", "Run Preset")
    assert list(widget.preset.choices) == preset_names()
    widget.preset.value = "mine"
    widget()
    qtbot.waitUntil(lambda: len(viewer.layers) == 5, timeout=20000)
    assert [layer.name for layer in viewer.layers][3:] == ["a [mine]", "c [mine]"]
    viewer.layers.selection = {viewer.layers["b"]}
    widget.file.value = path
    widget()
    qtbot.waitUntil(lambda: len(viewer.layers) == 6, timeout=20000)
    assert viewer.layers[-1].name == "b [mine]"
