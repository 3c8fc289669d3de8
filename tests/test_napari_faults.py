"""What goes wrong while the dock works: sources that go away or change, a layer of several that fails, deletion."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari", reason="napari is not installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")
pytest.importorskip("zarr", reason="zarr is not installed")

import zarr

from linf_nodes.errors import SourceLost
from linf_nodes.hosts.napari import commands
from linf_nodes.hosts.napari.reader import read_layers
from linf_nodes.stacks import file_stamp

from . import tiny
from .napari_dock import filters, needs_display, open_dock, run, stack

COMMANDS: Any = commands  # each is made when it is asked for

pytestmark = [needs_display, *filters, pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")]


@pytest.fixture
def viewer(make_napari_viewer_proxy: Any, plugin_settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    tiny.write_models(tmp_path)
    monkeypatch.setenv("LINF_MODELS", str(tmp_path))
    monkeypatch.setattr(file_stamp, "WAITS", (0.0, 0.0))
    return make_napari_viewer_proxy(show=True)


def image(path: Path) -> Path:
    """An OME-Zarr of three planes."""
    group = zarr.open_group(str(path), mode="w")
    data = stack()
    group.create_array("0", shape=data.shape, dtype=data.dtype, chunks=(1, 20, 50))[...] = data
    axes: list[Any] = [{"name": name, "type": "space"} for name in "zyx"]
    steps = [{"type": "scale", "scale": [1, 1, 1]}]
    levels: list[Any] = [{"path": "0", "coordinateTransformations": steps}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    return path


@pytest.mark.parametrize("kind", ["zarr", "dask", "reader"])
def test_a_layer_whose_folder_is_gone_is_no_zeros(viewer: Any, qtbot: Any, tmp_path: Path, kind: str) -> None:
    import dask.array as da

    path = image(tmp_path / "s.zarr")
    if kind == "reader":
        data, options, _ = read_layers(str(path))[0]
    else:
        data = zarr.open_array(str(path / "0"), mode="r") if kind == "zarr" else da.from_zarr(str(path / "0"))
        options = {"name": "s"}
    layer = viewer.add_image(data, contrast_limits=(0, 65535), **{**options, "cache": False})
    dock = open_dock(viewer, qtbot, scope="whole stack")
    assert run(dock, qtbot).startswith("Done: 1 layer")
    right = viewer.layers.pop().data
    path.rename(tmp_path / "aside")
    for target, file in (
        ("new layer", None),
        ("OME-Zarr", tmp_path / "o.ome.zarr"),
        ("OME-TIFF", tmp_path / "o.ome.tif"),
    ):
        dock.show_options({"target": target, "scope": "whole stack"})
        said = run(dock, qtbot, file)
        assert f"'{path}" in said
        assert "cannot be read on" in said
        assert len(viewer.layers) == 1
    assert not (tmp_path / "o.ome.tif").exists()
    for command in (COMMANDS.upscale, COMMANDS.denoise):
        with pytest.raises(SourceLost, match="cannot be read on"):
            command(image=layer)
    (tmp_path / "aside").rename(path)
    dock.show_options({"target": "new layer", "scope": "whole stack"})
    run(dock, qtbot)
    np.testing.assert_array_equal(viewer.layers[-1].data, right)


@pytest.mark.parametrize(
    ("target", "scope"), [("new layer", "whole stack"), ("new layer", "current view"), ("OME-Zarr", "whole stack")]
)
def test_a_layer_that_changes_in_place_is_read_once(
    viewer: Any, qtbot: Any, tmp_path: Path, target: str, scope: str
) -> None:
    pixels = stack(1, 160, 180)[0]
    pixels[100:] = 1792
    layer = viewer.add_image(pixels.copy(), name="a", contrast_limits=(0, 65535))
    dock = open_dock(viewer, qtbot, target=target, scope=scope, tile=16)
    qtbot.wait(300)  # the canvas is drawn

    def result(name: str) -> Any:
        run(dock, qtbot, tmp_path / name if target != "new layer" else None)
        return np.asarray(viewer.layers.pop().data[0] if target != "new layer" else viewer.layers.pop().data)

    right = result("right.ome.zarr")
    seen = []

    def change(done: int, total: int) -> None:
        if 0 < done < total:
            seen.append(done)
            layer.data[:] = 5000

    dock.session.advanced.connect(change)
    found = result("out.ome.zarr")
    assert seen, "it was changed while it was worked on"
    np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("target", ["new layer", "OME-Zarr", "OME-TIFF"])
def test_a_layer_that_fails_does_not_keep_others_from_being_done(
    viewer: Any, qtbot: Any, tmp_path: Path, target: str
) -> None:
    bad = stack(1, dtype=np.float32)[0]
    bad[3, :5] = np.nan
    for name, data in (("good", stack(1)[0]), ("bad", bad), ("good2", stack(1)[0] // 2)):
        viewer.add_image(data, name=name, contrast_limits=(0, 1000))
    viewer.layers.selection = set(viewer.layers)
    dock = open_dock(viewer, qtbot, target=target)
    dock.show_options({"scope": "whole stack"})
    said = run(dock, qtbot, tmp_path / "o.ome.zarr" if target != "new layer" else None)
    assert "1 of 3 layers failed: 'bad': " in said
    assert "The picture holds 5 samples that are NaN" in said
    assert "color: #e06c75" in dock.message.styleSheet()
    files = [tmp_path / f"o-{name}.ome.{'tif' if target == 'OME-TIFF' else 'zarr'}" for name in ("good", "good2")]
    if target == "new layer":
        assert said.startswith("Done: 2 layers")
    else:
        assert said.startswith(f"Wrote {files[0].name}, {files[1].name} to {tmp_path}")
        assert all(file.exists() for file in files)
    made = [layer.name for layer in viewer.layers if "LINF" in layer.name]
    assert made == ([] if target == "OME-TIFF" else ["good (LINF 2x)", "good2 (LINF 2x)"])
    viewer.layers.selection = {viewer.layers["bad"]}
    said = run(dock, qtbot, tmp_path / "p.ome.zarr" if target != "new layer" else None)
    assert said.startswith("'bad': ")
    assert "layers failed" not in said


def preview_of(viewer: Any) -> Any:
    return next((layer for layer in viewer.layers if layer.name.startswith("LINF preview")), None)


@pytest.mark.parametrize("how", ["removed", "all selected", "cleared"])
def test_the_preview_goes_at_once_with_its_source(viewer: Any, qtbot: Any, how: str) -> None:
    """A moment later vispy would crash: the last 3-D layer would go while another one is drawn."""
    layer = viewer.add_image(stack(2, 48, 56), name="p")
    dock = open_dock(viewer, qtbot)
    dock.preview.setChecked(True)
    qtbot.waitUntil(lambda: preview_of(viewer) is not None, timeout=20_000)
    if how == "removed":
        viewer.layers.remove(layer)
    elif how == "cleared":
        viewer.layers.clear()
    else:
        viewer.layers.select_all()
        viewer.layers.remove_selected()
    assert not viewer.layers
    qtbot.wait(700)
    assert not viewer.layers


def test_the_estimate_follows_the_view(viewer: Any, qtbot: Any) -> None:
    from linf_nodes.hosts.napari.layers.view import camera_of

    data = stack(1, 400, 400)[0]
    for pixels in (data, [data, data[::2, ::2]]):
        viewer.add_image(pixels, name="p", contrast_limits=(0, 65535))
        dock = open_dock(viewer, qtbot, scope="current view")
        qtbot.wait(300)
        whole = dock.estimate.text()
        camera_of(viewer).zoom *= 12
        qtbot.waitUntil(lambda dock=dock, whole=whole: dock.estimate.text() != whole, timeout=5_000)
        qtbot.wait(500)
        near = dock.estimate.text()
        dock._describe()
        assert dock.estimate.text() == near
        viewer.window.remove_dock_widget(dock)
        with contextlib.suppress(ValueError):
            viewer.layers.clear()
