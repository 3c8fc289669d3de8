"""The napari plugin: manifest, commands and widgets out of the catalogue, samples, preferences."""

import inspect
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari", reason="the napari plugin is tested where napari is installed")

import napari
from napari.layers import Image, Labels, Points
from npe2 import PluginManager, PluginManifest

from linf_nodes.catalogue import NODES
from linf_nodes.errors import BadShape, BadValue, LinfError
from linf_nodes.hosts.napari import commands
from linf_nodes.hosts.napari.layers import samples
from linf_nodes.hosts.napari.layers.placement import corners
from linf_nodes.hosts.napari.manifest import text
from linf_nodes.hosts.napari.nodes import widgets
from linf_nodes.hosts.napari.nodes.on_layers import Made
from linf_nodes.hosts.napari.nodes.schema import has_widget
from linf_nodes.hosts.napari.settings import GIGABYTE, Preferences, in_force, preferences
from linf_nodes.pipeline.store import BUDGET, STORE

from .tiny import write_models
from .wheel import copied, environment, pip

ROOT = Path(__file__).parents[1]
YAML = ROOT / "plugin_manifest" / "napari.yaml"
TINY = {"model": "tiny", "device": "cpu"}

needs_display = pytest.mark.skipif(
    sys.platform.startswith("linux") and not os.environ.get("DISPLAY"), reason="needs a display: run under xvfb-run"
)


@pytest.fixture(autouse=True)
def tiny_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin_settings: None) -> Iterator[None]:
    """Models of a few thousand weights, and no setting of whoever runs the tests."""
    write_models(tmp_path)
    monkeypatch.setenv("LINF_MODELS", str(tmp_path))
    yield
    STORE.release()
    STORE.budget = BUDGET


def grey(shape: tuple[int, ...] = (3, 20, 24), **options: Any) -> Image:
    pixels = np.random.default_rng(0).integers(100, 4000, shape).astype(np.uint16)
    return Image(pixels, name="cells", **options)


def colour(shape: tuple[int, ...] = (20, 24, 3)) -> Image:
    return Image(np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8), name="tissue", rgb=True)


def execute(name: str, **values: Any) -> Any:
    return PluginManager.instance().commands.execute(f"linf-nodes.{name}", kwargs=values)


def as_layer(data: Any) -> Image:
    pixels, options, kind = data
    assert kind == "image"
    return Image(pixels, **options)


def test_manifest_is_what_the_catalogue_says() -> None:
    assert YAML.read_text("utf-8") == text(), (
        "run: python -m linf_nodes.hosts.napari.manifest > plugin_manifest/napari.yaml"
    )


def test_manifest_is_valid_and_every_name_in_it_is_there(plugin: PluginManifest) -> None:
    plugin.validate_imports()
    assert plugin.name == "linf-nodes"
    assert plugin.contributions.commands is not None
    assert {f"linf-nodes.{n.name}" for n in NODES.values()} <= {c.id for c in plugin.contributions.commands}


@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_napari_finds_the_plugin_after_an_install(tmp_path: Path, editable: bool) -> None:
    """The package that runs these tests is not in the environment: what is found there was installed there."""
    python = environment(tmp_path / "env")
    pip(
        "install", "--no-index", "--no-build-isolation", "--ignore-installed",
        *["-e"] * editable, str(copied(tmp_path)), folder=tmp_path, python=python,
    )  # fmt: skip
    code = """
        from npe2 import PluginManager
        import linf_nodes
        manager = PluginManager.instance()
        manager.discover()
        print(linf_nodes.__file__)
        print(manager.get_manifest("linf-nodes").contributions.widgets[0].display_name)
    """
    alone = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), "-c", textwrap.dedent(code)], cwd=tmp_path, env=alone, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    file, widget = done.stdout.split("\n")[:2]
    assert file.startswith(str(tmp_path))
    assert widget == "LINF Super-Resolution"


def test_every_command_says_its_types(plugin: PluginManifest) -> None:
    for node in NODES.values():
        signature = inspect.signature(PluginManager.instance().commands.get(f"linf-nodes.{node.name}"))
        for i in node.inputs:
            given = signature.parameters[i.name]
            assert given.annotation is not inspect.Parameter.empty
            assert i.socket or given.default == i.default, "one schema, one set of defaults"


@pytest.mark.parametrize("scale", [1.7, 2.0, np.pi])
@pytest.mark.parametrize("name", ["upscale", "uncertainty"])
def test_result_lies_on_its_source(plugin: PluginManifest, name: str, scale: float) -> None:
    layer = grey((20, 24), scale=(0.5, 0.25), translate=(1, 2), rotate=30, shear=[0.3], units=["um"] * 2)
    layer.affine = np.array([[1, 0.1, 5], [0.3, 1.2, 1], [0, 0, 1]])
    result = as_layer(execute(name, image=layer, scale=scale, **TINY))
    for a, b in zip(corners(layer, layer.data.shape), corners(result, result.data.shape), strict=True):
        assert np.abs(a - b).max() < 1e-8
    assert result.units == layer.units
    assert result.data.dtype == (np.float32 if name == "uncertainty" else np.uint16)
    assert result.metadata["linf"]["source"] == "cells"


def test_chain_of_commands_is_the_one_click_command(plugin: PluginManifest) -> None:
    layer = grey()
    model = execute("load_model", **TINY)
    features = execute("encode_lr", linf_model=model, image=layer)
    latent = execute("sample_latent", features=features, scale=2.0, seed=7)
    texture = execute("flow_inverse", features=features, latent=latent)
    assert all(isinstance(made, Made) for made in (model, features, latent, texture))
    chain = as_layer(execute("compose", texture=texture, temperature=0.5, auto_temperature=False))
    once = execute("upscale", image=layer, scale=2.0, seed=7, latent="noise", auto_temperature=False, **TINY)
    assert np.abs(chain.data[0].astype(int) - once[0][0].astype(int)).max() <= 1
    assert chain.data.shape == (3, 40, 48)
    often, _, _ = execute("uncertainty", features=features, scale=2.0)
    alone, _, _ = execute("uncertainty", image=layer, scale=2.0, **TINY)
    assert np.allclose(often, alone, rtol=1e-4)


def test_planes_of_a_stack_have_noise_of_their_own(plugin: PluginManifest) -> None:
    plane = grey((20, 24)).data
    values = {"scale": 2.0, "latent": "noise", "temperature": 1.0, "auto_temperature": False, **TINY}
    result, _, _ = execute("upscale", image=Image(np.stack([plane, plane])), **values)
    again, _, _ = execute("upscale", image=Image(np.stack([plane, plane])), **values)
    assert (result[0] != result[1]).any()
    assert (result == again).all()


@pytest.mark.parametrize("node", [n for n in NODES.values() if has_widget(n) and n.category == "LINF/filters"])
def test_filters_keep_type_place_and_range(plugin: PluginManifest, node: Any) -> None:
    for layer in (grey(scale=(2, 0.5, 0.5), units=["um"] * 3), colour()):
        extra = {"reference": layer} if node.name == "match_histogram" else {}
        result = as_layer(execute(node.name, image=layer, **extra))
        assert result.data.dtype == layer.data.dtype
        assert result.rgb == layer.rgb
        assert result.units == layer.units
        for a, b in zip(corners(layer, layer.data.shape[: layer.ndim]), corners(result, _shape(result)), strict=True):
            assert np.abs(a - b).max() < 1e-8


def _shape(layer: Image) -> tuple[int, ...]:
    return tuple(layer.data.shape[: layer.ndim])


def test_a_filter_that_does_nothing_changes_nothing(plugin: PluginManifest) -> None:
    layer = grey()
    result, _, _ = execute("unsharp_mask", image=layer, amount=0.0)
    assert np.abs(result.astype(int) - layer.data).max() <= 1


@pytest.mark.parametrize("values", [("total variation", 0.1), ("non-local means", 0.1), ("bilateral", 0.1)])
def test_denoise_takes_noise_and_leaves_the_picture(plugin: PluginManifest, values: tuple[str, float]) -> None:
    truth = np.zeros((24, 30), np.float32)
    truth[:, 15:] = 0.8
    noisy = (truth + np.random.default_rng(0).normal(0, 0.05, truth.shape)).astype(np.float32)
    for clean, pixels in ((truth, noisy), (np.dstack([truth] * 3), np.dstack([noisy] * 3))):
        layer = Image(pixels.clip(0, 1), rgb=clean.ndim == 3)
        result, _, _ = execute("denoise", image=layer, method=values[0], strength=values[1])
        assert np.abs(result - clean).mean() < 0.8 * np.abs(layer.data - clean).mean()


def test_unsharp_mask_sharpens_every_row_of_every_colour(plugin: PluginManifest) -> None:
    from scipy.ndimage import gaussian_filter

    picture = colour().data / 255
    wanted = np.stack(
        [c + 0.5 * (c - gaussian_filter(c, 1.5, mode="reflect")) for c in np.moveaxis(picture, -1, 0)], -1
    )
    litter = [np.full(picture.shape, 1e30, np.float32) for _ in range(9)]  # memory that was used before
    del litter
    result, _, _ = execute("unsharp_mask", image=colour(), radius=1.5, amount=0.5)
    assert np.abs(result - (wanted * 255).clip(0, 255)).max() < 1


def test_filters_chain_with_the_enlargement(plugin: PluginManifest) -> None:
    smooth = as_layer(execute("denoise", image=grey(), strength=0.02))
    large = as_layer(execute("upscale", image=smooth, scale=2.0, **TINY))
    back = as_layer(execute("resize", image=large, factor=0.5))
    assert back.data.shape == smooth.data.shape
    assert np.allclose(back.translate, smooth.translate)


def test_axes_follow_the_labels_of_the_layer(plugin: PluginManifest) -> None:
    pixels = grey((20, 24, 3)).data  # y, x, z
    result = as_layer(execute("resize", image=Image(pixels, axis_labels=("y", "x", "z")), factor=2.0))
    assert result.data.shape == (40, 48, 3)


def test_histogram_is_matched_in_intensities(plugin: PluginManifest) -> None:
    reference = Image((grey().data * 2 + 50).astype(np.uint16), name="bright")
    result, _, _ = execute("match_histogram", image=grey(), reference=reference)
    assert np.abs(np.percentile(result, [5, 50, 95]) - np.percentile(reference.data, [5, 50, 95])).max() < 5


def test_two_pictures_side_by_side_keep_the_pixel_size(plugin: PluginManifest) -> None:
    a = grey((20, 24), scale=(0.5, 0.5))
    result = as_layer(execute("compare", image_a=a, image_b=grey((20, 24))))
    assert result.data.shape == (20, 48)
    assert np.allclose(result.scale, a.scale)
    assert np.allclose(result.translate, a.translate)


def test_uncertainty_is_in_the_layer_s_intensities(plugin: PluginManifest) -> None:
    layer, double = grey(), Image(grey().data.astype(np.float32) * 2)
    single, _, _ = execute("uncertainty", image=layer, scale=2.0, **TINY)
    twice, options, _ = execute("uncertainty", image=double, scale=2.0, **TINY)
    assert single.dtype == np.float32
    assert np.allclose(twice, 2 * single, rtol=1e-3)
    assert options["contrast_limits"][0] == 0
    rgb, options, _ = execute("uncertainty", image=colour(), scale=2.0, **TINY)
    assert rgb.shape == (40, 48)
    assert not options["rgb"], "napari shows no colours beyond 1"


def test_painted_mask_says_where_the_texture_is(plugin: PluginManifest) -> None:
    painted = np.zeros((40, 48), int)
    painted[:, :24] = 3
    values = {"scale": 2.0, "latent": "noise", "auto_temperature": False, **TINY}
    layer = grey((20, 24))
    masked, _, _ = execute("upscale", image=layer, mask=Labels(painted), temperature=1.0, **values)
    full, _, _ = execute("upscale", image=layer, temperature=1.0, **values)
    none, _, _ = execute("upscale", image=layer, temperature=0.0, **values)
    assert np.abs(masked[:, :24].astype(int) - full[:, :24]).max() <= 1
    assert np.abs(masked[:, 24:].astype(int) - none[:, 24:]).max() <= 1
    assert (full[:, 24:] != none[:, 24:]).any()


def bad_layers() -> dict[str, tuple[Any, str]]:
    holes = np.ones((20, 24), np.float32)
    holes[3, 4] = np.nan
    return {
        "labels": (Labels(np.ones((20, 24), int), name="nuclei"), "'nuclei' is a Labels layer"),
        "points": (Points(np.ones((2, 2)), name="spots"), "'spots' is a Points layer"),
        "nan": (Image(holes), "NaN"),
        "bool": (Image(np.ones((20, 24), bool), name="mask"), "true and false"),
    }


@pytest.mark.parametrize("kind", ["labels", "points", "nan", "bool"])
@pytest.mark.parametrize("name", ["unsharp_mask", "upscale"])
def test_layers_that_cannot_be_used_are_refused_by_name(plugin: PluginManifest, kind: str, name: str) -> None:
    layer, words = bad_layers()[kind]
    with pytest.raises(LinfError, match=words):
        execute(name, image=layer, **({"scale": 2.0, **TINY} if name == "upscale" else {}))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_constant_and_negative_pictures_come_out_as_they_are(plugin: PluginManifest, dtype: Any) -> None:
    layer = Image(np.full((20, 24), 7 if np.dtype(dtype).kind == "u" else -7, dtype), contrast_limits=(-10, 10))
    result, _, _ = execute("resize", image=layer, factor=2.0)
    assert result.dtype == dtype
    assert np.allclose(result, layer.data[0, 0], atol=1e-4)


def test_a_command_without_its_layer_says_so(plugin: PluginManifest) -> None:
    with pytest.raises(BadValue, match="Upscale needs a layer"):
        execute("upscale", **TINY)


def test_stacks_of_different_length_are_refused(plugin: PluginManifest) -> None:
    with pytest.raises(BadShape, match="2 planes"):
        execute("compare", image_a=grey((3, 20, 24)), image_b=Image(grey((2, 20, 24)).data, name="short"))


def test_lazy_layers_are_read_plane_by_plane(plugin: PluginManifest) -> None:
    da = pytest.importorskip("dask.array")
    pixels = grey().data
    lazy, _, _ = execute("denoise", image=Image(da.from_array(pixels, chunks=(1, 10, 12))))
    whole, _, _ = execute("denoise", image=Image(pixels))
    assert (lazy == whole).all()
    pyramid, _, _ = execute("denoise", image=Image([pixels, pixels[:, ::2, ::2]], multiscale=True))
    assert (pyramid == whole).all(), "the level with all pixels is used"


@pytest.mark.parametrize("key", list(samples.TITLES))
def test_samples_open_with_their_type_and_scale(plugin: PluginManifest, key: str) -> None:
    shape, dtype, scale, unit = {
        "histology": ((256, 256, 3), np.uint8, 0.4542, "micrometer"),
        "embryo": ((53, 56, 54), np.uint16, 1.0, "pixel"),
        "nuclei": ((12, 130, 130), np.uint16, 1.0, "pixel"),
    }[key]
    assert plugin.contributions.sample_data is not None
    contribution = next(s for s in plugin.contributions.sample_data if s.key == key)
    opened: list[Any] = list(contribution.open())
    [(pixels, options, kind)] = opened
    layer = Image(pixels, **options)
    assert (kind, pixels.shape, pixels.dtype) == ("image", shape, dtype)
    assert layer.scale[-1] == scale
    assert str(layer.units[-1]) == unit
    assert layer.axis_labels[-2:] == ("y", "x")
    assert pixels.max() > pixels.mean() > 0
    assert key in (samples.samples_folder() / "LICENCES.md").read_text("utf-8")


def test_samples_are_small() -> None:
    assert sum(f.stat().st_size for f in samples.samples_folder().iterdir()) < 1.5e6


def test_preferences_begin_with_the_defaults_and_are_put_into_force(plugin: PluginManifest) -> None:
    from napari.settings import get_plugin_settings

    assert preferences() == Preferences()
    page = get_plugin_settings("linf-nodes").inference
    page.device, page.precision, page.cache, page.tile = "cpu", "bfloat16", 0.5, 64
    assert in_force() == Preferences("cpu", "bfloat16", 0.5, 64)
    assert STORE.budget == GIGABYTE // 2
    execute("upscale", image=grey((20, 24)), model="tiny", scale=2.0)
    assert [(m.device, m.dtype) for m in STORE.held()] == [("cpu", "bfloat16")], "auto is what the page says"
    execute("upscale", image=grey((20, 24)), model="tiny", scale=2.0, precision="float32")
    assert STORE.held()[-1].dtype == "float32", "a choice is a choice"


def test_a_device_that_is_not_there_is_an_error(plugin: PluginManifest) -> None:
    with pytest.raises(BadValue, match="cuda:63"):
        execute("upscale", image=grey((20, 24)), model="tiny", device="cuda:63")


def test_without_the_plugin_there_are_default_preferences(npe2pm: Any) -> None:
    assert "linf-nodes" not in npe2pm
    assert preferences() == Preferences()


def test_cache_size_of_the_page_holds(plugin: PluginManifest) -> None:
    from napari.settings import get_plugin_settings

    for model in ("tiny", "learned"):
        execute("load_model", model=model, device="cpu")
    assert len(STORE.held()) == 2
    get_plugin_settings("linf-nodes").inference.cache = 0.0
    execute("load_model", model="tiny", device="cpu")
    assert len(STORE.held()) == 1
    assert "released" in execute("model_cache", release=True)
    assert not STORE.held()


@needs_display
@pytest.mark.parametrize("node", [n for n in NODES.values() if has_widget(n)], ids=lambda n: n.name)
def test_every_widget_opens(make_napari_viewer_proxy: Any, plugin: PluginManifest, node: Any) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.add_layer(colour())
    _, widget = viewer.window.add_plugin_dock_widget("linf-nodes", node.title)
    shown = {w.name: w for w in widget}
    for i in node.inputs:
        if not i.socket:
            assert shown[i.name].value == i.default
            assert shown[i.name].tooltip == i.options["tooltip"]


@needs_display
def test_a_widget_adds_its_result_without_holding_up_the_window(
    make_napari_viewer_proxy: Any, plugin: PluginManifest, qtbot: Any
) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.add_layer(grey(scale=(2, 0.5, 0.5), units=["um"] * 3))
    _, widget = viewer.window.add_plugin_dock_widget("linf-nodes", "Upscale")
    widget.model.value, widget.scale.value, widget.device.value = "tiny", 2.0, "cpu"
    widget()
    assert len(viewer.layers) == 1, "the work is in a thread"
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20000)
    result = viewer.layers[-1]
    assert result.name == "cells [upscale]"
    assert result.data.shape == (3, 40, 48)
    assert result.units == viewer.layers[0].units


@needs_display
def test_what_a_widget_cannot_do_is_said_in_a_sentence(
    make_napari_viewer_proxy: Any, plugin: PluginManifest, qtbot: Any
) -> None:
    from napari.utils.notifications import notification_manager

    viewer = make_napari_viewer_proxy()
    viewer.add_layer(bad_layers()["nan"][0])
    _, widget = viewer.window.add_plugin_dock_widget("linf-nodes", "Denoise")
    widget()
    qtbot.waitUntil(lambda: any("NaN" in n.message for n in notification_manager.records), timeout=20000)
    assert len(viewer.layers) == 1


@needs_display
def test_a_running_widget_can_be_cancelled(make_napari_viewer_proxy: Any, plugin: PluginManifest, qtbot: Any) -> None:
    from linf_nodes.hosts.napari.nodes import background

    tiles = 10_000
    viewer = make_napari_viewer_proxy()
    viewer.add_layer(grey((50, 64, 64)))
    done = []

    def work(progress: Any) -> list[Any]:
        for n in range(tiles):
            progress(n, tiles, None)
            done.append(n)
            time.sleep(0.01)  # a tile; without it all could be done before the window looks
        return []

    job = background.start(viewer, "long", work)
    qtbot.waitUntil(lambda: bool(done), timeout=5000)
    job.cancel()
    qtbot.waitUntil(lambda: background.running() == 0, timeout=5000)
    assert len(done) < tiles


@needs_display
def test_a_viewer_that_is_closed_while_a_widget_works(
    make_napari_viewer_proxy: Any, plugin: PluginManifest, qtbot: Any
) -> None:
    from linf_nodes.hosts.napari.nodes import background

    viewer = make_napari_viewer_proxy()
    viewer.add_layer(grey())
    go_on = threading.Event()

    def work(progress: Any) -> list[Any]:
        go_on.wait(10)
        return [(np.zeros((4, 4)), {"name": "late"}, "image")]

    background.start(viewer, "late", work)
    viewer.close()
    go_on.set()
    qtbot.waitUntil(lambda: background.running() == 0, timeout=5000)


@needs_display
def test_a_layer_that_is_removed_while_a_widget_works(
    make_napari_viewer_proxy: Any, plugin: PluginManifest, qtbot: Any
) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.add_layer(grey())
    _, widget = viewer.window.add_plugin_dock_widget("linf-nodes", "Denoise")
    widget()
    viewer.layers.clear()
    qtbot.waitUntil(lambda: [layer.name for layer in viewer.layers] == ["cells [denoise]"], timeout=20000)


@needs_display
def test_filters_are_in_the_layers_menu(make_napari_viewer_proxy: Any, plugin: PluginManifest) -> None:
    from napari._app_model import get_app_model  # the menu has no public face

    make_napari_viewer_proxy()
    app = get_app_model()
    labels = {i.title for i in app.menus.get_menu("napari/layers/filter") if hasattr(i, "title")}
    assert "LINF" in labels
    assert set(_commands(app, "linf_nodes_layers")) >= {
        "linf-nodes.super_resolution",
        "linf-nodes.denoise_widget",
    }


def _commands(app: Any, menu: str) -> Iterator[str]:
    for item in app.menus.get_menu(menu):
        if hasattr(item, "command"):
            yield item.command.id


@needs_display
def test_napari_gives_a_command_the_active_layer(
    make_napari_viewer_proxy: Any, plugin: PluginManifest, qtbot: Any
) -> None:
    from napari._app_model import get_app_model

    viewer = make_napari_viewer_proxy()
    viewer.add_layer(grey())
    get_app_model().commands.execute_command("linf-nodes.unsharp_mask").result()
    assert [layer.name for layer in viewer.layers] == ["cells", "cells [unsharp mask]"]
    assert napari.current_viewer() is not None


def test_nothing_asks_the_network(tmp_path: Path) -> None:
    code = """
        import sys
        asked = []
        sys.addaudithook(lambda event, args: asked.append(event) if event.startswith("socket.") else None)
        import numpy as np
        from napari.layers import Image
        from linf_nodes.hosts.napari import commands
        pixels, options, _ = commands.upscale(Image(np.zeros((20, 24), np.uint8)), model="tiny", scale=2.0)
        assert pixels.shape == (40, 48)
        assert not [event for event in asked if event in ("socket.connect", "socket.getaddrinfo")], asked
        """
    write_models(tmp_path)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NAPARI_CONFIG": str(tmp_path / "settings.yaml")}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_test_that_the_docs_name_is_there() -> None:
    text = (ROOT / "docs" / "napari.md").read_text("utf-8")
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", text)
    assert len(named) > 20
    for file, name in named:
        assert re.search(rf"^def {name}\(", (ROOT / "tests" / file).read_text("utf-8"), re.M), f"{file}::{name}"
    asks = re.findall(r"^\| (\d+) \|.*`test_", text, re.M)
    assert asks == [str(n) for n in range(1, 14)], "every ask has a test that holds it"


def test_the_names_of_the_modules_are_listed() -> None:
    assert "upscale" in dir(commands)
    assert "denoise" in dir(widgets)
    with pytest.raises(AttributeError):
        commands.nonsense  # type: ignore[attr-defined]  # noqa: B018  (there is none)
    with pytest.raises(AttributeError):
        widgets.encode_lr  # type: ignore[attr-defined]  # noqa: B018  (there is none)
