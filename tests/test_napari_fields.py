"""What one does in the dock: fields, wheel and comma, selection, preview, pyramids, names of layers in errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari", reason="napari is not installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")

from qtpy.QtCore import QLocale, QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QApplication, QComboBox, QScrollArea, QScrollBar, QWidget

from linf_nodes.hosts.napari import commands
from linf_nodes.hosts.napari.layers.placement import corners
from linf_nodes.hosts.napari.layers.view import camera_of
from linf_nodes.hosts.napari.nodes import panels
from linf_nodes.hosts.napari.run_preset import run_preset

from . import tiny
from .napari_dock import filters, needs_display, open_dock, run, stack

pytestmark = [needs_display, *filters]

COMMANDS: Any = commands  # each is made when it is asked for
TINY = {"model": "tiny", "device": "cpu"}


@pytest.fixture
def viewer(make_napari_viewer_proxy: Any, plugin_settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / "models"
    folder.mkdir()
    tiny.write_models(folder)
    monkeypatch.setenv("LINF_MODELS", str(folder))
    monkeypatch.setenv("LINF_PRESETS", str(tmp_path / "presets"))
    return make_napari_viewer_proxy(show=True)


@pytest.fixture(params=[QLocale.Language.English, QLocale.Language.German])
def language(request: pytest.FixtureRequest) -> Any:
    before = QLocale()
    QLocale.setDefault(QLocale(request.param))
    yield
    QLocale.setDefault(before)


def typed(field: Any, text: str) -> None:
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def preview_of(viewer: Any) -> Any:
    return next((layer for layer in viewer.layers if layer.name.startswith("LINF preview")), None)


def wait_for(qtbot: Any, true: Callable[[], Any]) -> None:
    qtbot.waitUntil(lambda: bool(true()), timeout=20_000)


def fields_of(widget: QWidget) -> list[QWidget]:
    kinds = QComboBox | QAbstractSpinBox | QAbstractSlider
    return [f for f in widget.findChildren(QWidget) if isinstance(f, kinds) and not isinstance(f, QScrollBar)]


def panel(viewer: Any, name: str) -> Any:
    gui = getattr(panels, name)()
    viewer.window.add_dock_widget(gui, name=name)
    return gui


# numbers


def test_a_comma_is_a_decimal_point(viewer: Any, qtbot: Any, language: Any) -> None:
    viewer.add_image(stack(1, 40, 44)[0])
    dock = open_dock(viewer, qtbot)
    scale, pixel = dock.size_box.scale[0], dock.size_box.pixel[0]
    for text, value in (("2,5", 2.5), ("2.5", 2.5), ("3", 3.0), ("1,000", 1.0)):
        typed(scale, text)
        assert scale.value() == value
    scale.setValue(3)  # and so it stays: out of range, or no number
    for text in ("64", "0,25", "0.5", "x", "2e", "1e9", "1.000,5", "1 000", "-2", "2,5,1", "2.5,"):
        typed(scale, text)
        assert scale.value() == 3
    typed(pixel, "0,25")
    assert pixel.value() == 0.25
    dock.model.auto.setChecked(False)
    typed(dock.model.temperature._label, "0,5")
    assert dock.model.temperature.value() == 0.5
    field = panel(viewer, "upscale").scale.native
    typed(field, "2,5")
    assert field.value() == 2.5


def test_pixel_sizes_of_any_magnitude(viewer: Any, qtbot: Any) -> None:
    viewer.add_image(stack(1, 40, 44)[0], scale=(1.083e-7,) * 2, units=("m",) * 2)
    dock = open_dock(viewer, qtbot, sizing="pixel size")
    for text, value in (("5e-8", 5e-8), ("5,415e-8", 5.415e-8), ("0.00000006", 6e-8)):
        typed(dock.size_box.pixel[0], text)
        assert dock.options().pixel == (value, value)
        assert dock.message.text() == ""


def test_the_wheel_changes_nothing_that_was_not_chosen(viewer: Any, qtbot: Any) -> None:
    viewer.add_image(stack(1, 40, 44)[0])
    dock = open_dock(viewer, qtbot)
    dock.model.auto.setChecked(False)
    gui = panel(viewer, "upscale")
    before = dock.options()
    given = gui.asdict()
    dock.preview.setFocus()
    for field in (*fields_of(dock), *fields_of(gui.native)):
        assert field.focusPolicy() != Qt.FocusPolicy.WheelFocus
        for delta in (120, -120):
            at = QPointF(5, 5)
            QApplication.sendEvent(
                field,
                QWheelEvent(
                    at, QPointF(field.mapToGlobal(QPoint(5, 5))), QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton,
                    Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
                ),
            )  # fmt: skip
    assert dock.options() == before
    assert gui.asdict() == given


def test_every_field_says_its_name_and_widgets_scroll(viewer: Any, qtbot: Any) -> None:
    viewer.add_image(stack(1, 40, 44)[0])
    dock = open_dock(viewer, qtbot)
    for name in ("upscale", "denoise", "run_preset"):
        gui = panel(viewer, name)
        assert gui.native.findChildren(QScrollArea) or isinstance(gui.native, QScrollArea)
        assert not [f for f in fields_of(gui.native) if not f.accessibleName()]
    assert not [f for f in fields_of(dock) if not f.accessibleName()]
    assert dock.size_box.scale[1].accessibleName() == "Scale x"
    assert dock.findChildren(QScrollArea)


def test_a_pixel_size_stays_one_in_a_preset(viewer: Any, qtbot: Any) -> None:
    viewer.add_image(stack(1, 40, 44)[0], scale=(0.5, 0.5), units=("um",) * 2, name="a")
    dock = open_dock(viewer, qtbot, sizing="pixel size", pixel=(0.1, 0.2))
    dock.presets.names.setEditText("pix")
    dock.presets.save()
    assert dock.presets.says.text().endswith("elsewhere than in napari as 200 x 110 pixels")
    other = viewer.add_image(stack(1, 80, 80)[0], scale=(500, 500), units=("nm",) * 2, name="b")
    viewer.layers.selection = {other}
    dock.show_options({"sizing": "scale"})
    dock.presets.load()
    assert dock.options().sizing == "pixel size"
    assert dock.options().pixel == (100, 200)
    [(data, *_)] = run_preset([other], "pix")
    assert data.shape == (400, 200)
    plain = viewer.add_image(stack(1, 80, 80)[0], name="plain")
    viewer.layers.selection = {plain}
    dock.presets.load()
    assert dock.message.text().startswith("'plain': The pixel size is in micrometer, the layer in pixel")


def test_a_pixel_size_is_one_in_every_unit_and_errors_name_the_layer(viewer: Any, qtbot: Any) -> None:
    a = viewer.add_image(stack(1, 48, 56)[0], scale=(0.65, 0.65), units=("um",) * 2, name="a")
    b = viewer.add_image(stack(1, 48, 56)[0], scale=(300, 300), units=("nm",) * 2, name="b")
    viewer.layers.selection = {a, b}
    dock = open_dock(viewer, qtbot, sizing="pixel size", pixel=(0.1, 0.1))
    assert [r.size for r in dock.requests()] == [(312, 364), (144, 168)]
    dock.show_options({"pixel": (0.5, 0.5)})
    assert dock.message.text().startswith("'b': The target pixel size y = 500 is larger than the layer's 300")
    c = viewer.add_image(stack(1, 48, 56)[0], name="c")
    viewer.layers.selection = {a, c}
    assert dock.message.text().startswith("'c': The pixel size is in micrometer, the layer in pixel")


# layers


def test_the_selection_stays_and_results_come_in_its_order(viewer: Any, qtbot: Any) -> None:
    names = ["DAPI", "GFP", "RFP"]
    layers = [viewer.add_image(stack(1, 20, 24)[0], name=name) for name in names]
    viewer.layers.selection = set(layers)
    dock = open_dock(viewer, qtbot)
    for k in (1, 2):
        run(dock, qtbot)
        assert {layer.name for layer in viewer.layers.selection} == set(names)
        assert [layer.name[:3] for layer in viewer.layers][3 * k :] == ["DAP", "GFP", "RFP"]
    dock.preview.setChecked(True)
    wait_for(qtbot, lambda: preview_of(viewer))
    assert {layer.name for layer in viewer.layers.selection} == set(names)


@pytest.mark.parametrize("lazy", [False, True])
def test_nan_under_a_lazy_layer_is_a_sentence(viewer: Any, qtbot: Any, lazy: bool) -> None:
    import dask.array as da

    values = stack(1, 40, 44)[0].astype(np.float32)
    values[5, 7] = np.nan
    viewer.add_image(da.from_array(values) if lazy else values, contrast_limits=(0, 60000), name="holes")
    dock = open_dock(viewer, qtbot)
    dock.result.target.setCurrentIndex(1)
    run(dock, qtbot)
    camera_of(viewer).zoom *= 8  # the finest level is drawn
    wait_for(qtbot, lambda: "'holes'" in dock.message.text() and "NaN or infinite" in dock.message.text())
    assert len(viewer.layers) == (2 if lazy else 1)
    if lazy:
        assert np.isnan(np.asarray(viewer.layers[-1].data[0])).any()


# the preview


def test_the_preview_follows_its_layer(viewer: Any, qtbot: Any) -> None:
    layer = viewer.add_image(stack(1, 40, 44)[0])
    dock = open_dock(viewer, qtbot)
    dock.preview.setChecked(True)
    wait_for(qtbot, lambda: preview_of(viewer))
    layer.data = np.full((40, 44), 9, np.uint16)
    layer.contrast_limits = (0, 50)
    layer.colormap = "green"
    wait_for(qtbot, lambda: preview_of(viewer).data.max() == 9)
    assert preview_of(viewer).data.min() == 9
    assert list(preview_of(viewer).contrast_limits) == [0, 50]
    assert preview_of(viewer).colormap.name == "green"
    layer.data[:] = 11  # in place
    layer.refresh()
    wait_for(qtbot, lambda: preview_of(viewer).data.max() == 11)
    layer.translate = (100, 0)
    wait_for(qtbot, lambda: preview_of(viewer).translate[0] > 90)
    viewer.layers.remove(preview_of(viewer))
    assert not dock.preview.isChecked()
    dock.preview.setChecked(True)
    wait_for(qtbot, lambda: preview_of(viewer))
    viewer.layers.remove(layer)
    wait_for(qtbot, lambda: preview_of(viewer) is None)


@pytest.mark.parametrize("levels", [1, 3])
def test_what_is_in_view_of_a_pyramid(viewer: Any, qtbot: Any, levels: int) -> None:
    base = (np.add.outer(np.arange(512), np.arange(512)) % 251).astype(np.uint16)
    pyramid = [base[:: 2**k, :: 2**k] for k in range(levels)]
    multiscale = levels > 1
    data = pyramid if multiscale else base
    layer = viewer.add_image(data, multiscale=multiscale, contrast_limits=(0, 251), scale=(0.5, 0.5), translate=(3, 4))
    dock = open_dock(viewer, qtbot, scope="current view", scale=(4, 4))
    camera = camera_of(viewer)
    camera.zoom *= 16
    camera.center = (3 + 50, 4 + 60)
    qtbot.wait(300)
    [request] = dock.requests()
    assert request.view is not None
    middle = (request.view.top + request.view.bottom) / 8, (request.view.left + request.view.right) / 8
    assert np.abs(np.array(middle) - (100, 120)).max() < 2
    assert max(request.view.size) < 4 * 200
    dock.preview.setChecked(True)
    wait_for(qtbot, lambda: preview_of(viewer))
    low, high = (np.asarray(c) for c in corners(preview_of(viewer), preview_of(viewer).data.shape))
    assert np.abs((low + high) / 2 - (53, 64)).max() < 1
    assert layer in viewer.layers


# values


def test_channels_are_enlarged_as_if_alone(viewer: Any) -> None:
    dim = np.kron(np.random.default_rng(0).integers(100, 160, (6, 6)), np.ones((4, 4))).astype(np.uint16)
    bright = stack(1, 24, 24)[0]
    labels = ("c", "y", "x")
    both = viewer.add_image(np.stack([bright, dim]), axis_labels=labels, name="both")
    alone = viewer.add_image(dim, name="alone")
    options = {**TINY, "scale": 2.0, "latent": "faithful"}
    for command, given in ((COMMANDS.upscale, options), (COMMANDS.denoise, {}), (COMMANDS.unsharp_mask, {})):
        assert (command(image=both, **given)[0][1] == command(image=alone, **given)[0]).all()
    assert (COMMANDS.uncertainty(image=both, **TINY)[0][1] == COMMANDS.uncertainty(image=alone, **TINY)[0]).all()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(0, "u2"), (700, "u2"), (-300, "i2"), (4_000_000_001, "u4"), (-(2**31), "i4"), (0.1, "f4"), (0.1, "f8")],
)
def test_constant_in_constant_out(viewer: Any, qtbot: Any, value: float, dtype: str) -> None:
    flat = np.full((24, 28), value, dtype)
    layer = viewer.add_image(np.stack([stack(1, 24, 28)[0].astype(dtype), flat]), axis_labels=("c", "y", "x"))
    dock = open_dock(viewer, qtbot, scope="whole stack", latent="drawn", auto_temperature=False, temperature=1.0)
    run(dock, qtbot)
    assert (viewer.layers[-1].data[1] == flat[0, 0]).all()
    drawn = {**TINY, "latent": "drawn", "auto_temperature": False, "temperature": 1.0}
    methods = ("total variation", "non-local means", "bilateral")
    results = [COMMANDS.upscale(image=layer, **drawn), COMMANDS.unsharp_mask(image=layer), COMMANDS.resize(image=layer)]
    results += [COMMANDS.denoise(image=layer, method=method) for method in methods]
    results += run_preset([layer], "photo-2x-faithful")
    for result, *_ in results:
        assert (result[1] == flat[0, 0]).all()


# the model and the detail, where nobody chose


@pytest.mark.parametrize(
    ("shape", "dtype", "rgb", "names", "made"),
    [
        ((24, 28), np.uint16, False, ("auto: microscopy", "auto: faithful"), ("microscopy", "faithful")),
        ((2, 24, 28), np.uint8, False, ("auto: microscopy", "auto: faithful"), ("microscopy", "faithful")),
        ((24, 28, 3), np.uint8, True, ("auto: photo", "auto: learned"), ("photo", "learned")),
    ],
)
def test_auto_is_by_the_kind_of_the_layer_and_says_so(
    viewer: Any, qtbot: Any, shape: Any, dtype: Any, rgb: bool, names: Any, made: Any
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    viewer.add_image(pixels, rgb=rgb)
    dock = open_dock(viewer, qtbot, model="auto")
    box = dock.model
    assert (box.model.currentText(), box.latent.currentText()) == names
    run(dock, qtbot)
    recipe = viewer.layers[-1].metadata["linf"]
    assert (recipe["model"], recipe["latent"]) == made


def test_detail_is_one_click_from_auto(viewer: Any, qtbot: Any) -> None:
    viewer.add_image(stack(1, 24, 28)[0], name="cells")
    dock = open_dock(viewer, qtbot, model="auto")
    box = dock.model
    assert box.auto.isEnabled()
    assert not box.temperature.isEnabled()
    box.auto.click()  # a temperature is wanted
    assert box.latent.currentText() == "auto: drawn"
    assert box.temperature.isEnabled()
    dock.show_options({"temperature": 0.5})
    run(dock, qtbot)
    assert viewer.layers[-1].metadata["linf"]["latent"] == "drawn"
    colour = viewer.add_image(np.zeros((24, 28, 3), np.uint8), rgb=True)
    viewer.layers.selection = {colour}
    assert box.model.currentText() == "auto: photo"
    viewer.layers.selection = {viewer.layers["cells"], colour}
    dock.show_options({"latent": "auto", "auto_temperature": True})
    assert (box.model.currentText(), box.latent.currentText()) == (
        "auto: microscopy or photo",
        "auto: faithful or learned",
    )
    assert box.strength.isEnabled()
    run(dock, qtbot)
    made = list(viewer.layers)[-2:]
    assert [layer.metadata["linf"]["model"] for layer in made] == ["microscopy", "photo"]


def test_presets_say_what_auto_stood_for_and_stay_as_they_are(viewer: Any, qtbot: Any) -> None:
    from linf_nodes.workflow import find_preset, read_graph
    from linf_nodes.workflow.library import one_click_graph, save_preset

    viewer.add_image(stack(1, 24, 28)[0])
    dock = open_dock(viewer, qtbot, model="auto")
    dock.presets.names.setEditText("mine")
    dock.presets.save()
    saved = read_graph(find_preset("mine")).source
    assert (saved["2"]["inputs"]["model"], saved["3"]["inputs"]["latent"]) == ("microscopy", "faithful")
    save_preset("old", one_click_graph({}, {}))  # a graph may leave out what is at the nodes' defaults
    dock.show_options({"model": "auto", "latent": "auto", "seed": 5, "scale": (3.0, 3.0)})
    dock.presets.names.setEditText("old")
    dock.presets.load()
    options = dock.options()
    assert (options.model, options.latent, options.seed, options.scale) == ("photo", "auto", 0, (4.0, 4.0))


def test_ranges_defaults_and_choices_are_the_catalogue_s(qtbot: Any) -> None:
    from linf_nodes.catalogue import NODES
    from linf_nodes.hosts.napari.dock.choices import facts
    from linf_nodes.hosts.napari.dock.compute_section import ComputeBox
    from linf_nodes.hosts.napari.dock.model_section import ModelBox
    from linf_nodes.hosts.napari.dock.size_section import SizeBox

    wanted = {i.name: i for name in ("LINFUpscale", "LINFLoadModel") for i in NODES[name].inputs}
    model, compute, size = ModelBox(), ComputeBox(), SizeBox()
    for box in (model, compute, size):
        qtbot.addWidget(box)
    numbers: dict[str, Any] = {
        "temperature": model.temperature,
        "strength": model.strength,
        "seed": model.seed,
        "tile": compute.tile,
        "passes": compute.passes,
        "scale": size.scale[0],
        "height": size.side[0],
        "width": size.side[1],
    }
    for name, field in numbers.items():
        options = wanted[name].options
        assert (field.minimum(), field.maximum()) == (options["min"], options["max"]), name
    given = {**model.values(), **compute.values()}
    for name in ("temperature", "auto_temperature", "strength", "seed", "tile", "passes", "latent", "prior", "device"):
        assert given[name] == wanted[name].default, name
    assert [model.latent.itemData(i) for i in range(model.latent.count())] == list(wanted["latent"].choices())
    offered = [compute.precision.itemData(i) for i in range(compute.precision.count())]
    assert offered == list(wanted["precision"].choices()) == list(facts().precisions)
    told = facts().tips
    named = {name for box in (model, compute, size) for name in box.named}
    assert {name: told[name] for name in named & set(wanted)} == {
        name: wanted[name].options.get("tooltip", "") for name in named & set(wanted)
    }
