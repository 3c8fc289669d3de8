"""What napari's widgets write and read: every axis, unit, name and place, and nothing over another file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari", reason="the napari plugin is tested where napari is installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")
pytest.importorskip("zarr", reason="OME-Zarr is tested where the extra zarr is installed")

import tifffile
import zarr
from napari.layers import Image, Labels
from npe2 import PluginManager

from linf_nodes.hosts.napari.layers.coordinates import coordinates_of, left_out
from linf_nodes.hosts.napari.layers.opening import add_file
from linf_nodes.hosts.napari.layers.placement import corners
from linf_nodes.hosts.napari.layers.source import source_of
from linf_nodes.hosts.napari.reader import get_reader, read_layers
from linf_nodes.pipeline.store import STORE
from linf_nodes.stacks.axes import Axes
from linf_nodes.stacks.labels import label_volume
from linf_nodes.stacks.ome_zarr import write_ome_zarr

from .napari_dock import filters, needs_display, open_dock, run, stack
from .tiny import write_models

pytestmark = filters
ROOT = Path(__file__).parents[1]
YAML = ROOT / "plugin_manifest" / "napari.yaml"


@pytest.fixture(autouse=True)
def tiny_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "models"
    folder.mkdir()
    write_models(folder)
    monkeypatch.setenv("LINF_MODELS", str(folder))
    yield
    STORE.release()


@pytest.fixture
def viewer(make_napari_viewer_proxy: Any, plugin_settings: Any) -> Any:
    return make_napari_viewer_proxy()


def pixels(*shape: int, dtype: Any = np.uint16) -> Any:
    return np.random.default_rng(0).integers(100, 4000, shape).astype(dtype)


def world(layer: Any) -> Any:
    data = layer.data[0] if layer.multiscale else layer.data
    return np.array(corners(layer, tuple(data.shape[: layer.ndim])))


def finest(layer: Any) -> Any:
    return np.asarray(layer.data[0] if layer.multiscale else layer.data)


def layers_in(path: Path) -> list[Image]:
    return [Image(data, **options) for data, options, _ in read_layers(str(path))]


def dock_to(viewer: Any, qtbot: Any, target: str, *layers: Any) -> Any:
    viewer.layers.selection = set(layers)
    return open_dock(viewer, qtbot, target=target)


# what a file says of axes


@needs_display
@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ("cyx", "c:channel y:space x:space"),
        ("czyx", "c:channel z:space y:space x:space"),
        ("tcyx", "t:time c:channel y:space x:space"),
        (("Channel", "Y", "X"), "c:channel y:space x:space"),
        (("tau", "y", "x"), "tau:channel y:space x:space"),
        ("tzcyx", "t:time c:channel z:space y:space x:space"),
        (("-3", "-2", "-1"), "z:space y:space x:space"),
        (("c", "-2", "-1", "y", "x"), None),
    ],
)
def test_axes_keep_their_meaning_in_the_file(viewer: Any, qtbot: Any, tmp_path: Path, labels: Any, names: Any) -> None:
    shape = [2, 3, 2][: len(labels) - 2]
    layer = viewer.add_image(pixels(*shape, 20, 24), axis_labels=tuple(labels))
    path = tmp_path / "axes.ome.zarr"
    text = run(dock_to(viewer, qtbot, "OME-Zarr", layer), qtbot, path)
    assert text.startswith(f"Wrote {path}"), text
    axes = json.loads((path / "zarr.json").read_text("utf-8"))["attributes"]["ome"]["multiscales"][0]["axes"]
    found = " ".join(f"{a['name']}:{a['type']}" for a in axes)
    assert found == (names or "t:time c:channel z:space y:space x:space")


@needs_display
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((20, 24, 3), {"axis_labels": ("y", "x", "z"), "scale": (0.5, 0.25, 2), "units": ("um",) * 3, "rgb": False}),
        ((3, 20, 24), {"axis_labels": ("z", "x", "y"), "scale": (2, 0.25, 0.5), "translate": (1, 2, 3)}),
        ((20, 24, 3), {"rgb": True, "scale": (0.5, 0.25)}),
        ((2, 20, 24, 4), {"rgb": True}),
    ],
)
def test_a_written_pyramid_is_shown_on_its_source(
    viewer: Any, qtbot: Any, tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    layer = viewer.add_image(pixels(*shape, dtype=np.uint8 if options.get("rgb") else np.uint16), **options)
    text = run(dock_to(viewer, qtbot, "OME-Zarr", layer), qtbot, tmp_path / "shown.ome.zarr")
    assert text.startswith("Wrote "), text
    shown = viewer.layers[-1]
    assert len(viewer.layers) == 2
    assert shown.axis_labels == layer.axis_labels
    assert shown.rgb == layer.rgb
    assert np.abs(world(shown) - world(layer)).max() < 1e-9


@needs_display
@pytest.mark.parametrize("options", [{"units": ("um", "nm", "nm")}, {}])
def test_a_tiff_lies_where_its_source_does(viewer: Any, qtbot: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    at, scale = (7.0, 2.0, -3.0), (2.0, 0.65, 0.65)
    layer = viewer.add_image(pixels(3, 20, 24), scale=scale, translate=at, axis_labels=("z", "y", "x"), **options)
    path = tmp_path / "plain.ome.tif"
    run(dock_to(viewer, qtbot, "OME-TIFF", layer), qtbot, path)
    [found] = layers_in(path)
    assert np.abs(world(found) - world(layer)).max() < 1e-9
    assert [str(u) for u in found.units] == [str(u) for u in layer.units]


@needs_display
@pytest.mark.parametrize("target", ["OME-Zarr", "OME-TIFF"])
@pytest.mark.parametrize(
    ("dtype", "units", "said"),
    [
        (">u2", ("ns", "um", "um"), ""),
        (">f4", ("ps", "um", "um"), ""),
        ("u2", ("kelvin", "um", "um"), "the unit kelvin of tau"),
    ],
)
def test_any_byte_order_and_unit_is_written(
    viewer: Any, qtbot: Any, tmp_path: Path, target: str, dtype: str, units: tuple[str, ...], said: str
) -> None:
    layer = viewer.add_image(pixels(2, 20, 24).astype(dtype), axis_labels=("tau", "y", "x"), units=units)
    path = tmp_path / ("a.ome.zarr" if target == "OME-Zarr" else "a.ome.tif")
    text = run(dock_to(viewer, qtbot, target, layer), qtbot, path)
    assert text.startswith(f"Wrote {path}"), text
    assert said in text
    assert layers_in(path)[0].dtype == np.dtype(dtype).newbyteorder("=")


def test_what_a_file_cannot_say_is_said() -> None:
    turned = Image(pixels(20, 24), rotate=30, scale=(1, -2), name="turned")
    assert left_out(source_of(turned)) == "The file has no place for rotation and shear, the flip of 'turned'."
    moved = Image(pixels(20, 24), affine=[[1, 0, 5], [0, 1, 0], [0, 0, 1]])
    assert "the affine transform" in left_out(source_of(moved))
    assert left_out(source_of(Image(pixels(20, 24), scale=(2, 3), units=("um", "um")))) == ""
    place = {"scale": (10, 1, 1), "translate": (5, 0, 0)}
    wavelengths = source_of(Image(pixels(2, 20, 24), axis_labels=("λ", "y", "x"), **place))
    assert left_out(wavelengths) == ""
    assert "the step of λ, the start of λ" in left_out(wavelengths, tiff=True)
    frames = Image(pixels(2, 20, 24), axis_labels=("t", "y", "x"), scale=(3, 1, 1), units=("s", "um", "um"))
    assert left_out(source_of(frames), tiff=True) == ""
    kymograph = Image(pixels(20, 24), units=("s", "um"), axis_labels=("y", "x"))
    assert "the unit second of y" in left_out(source_of(kymograph))
    assert coordinates_of(source_of(kymograph)).units[0] is None


# nothing is overwritten unasked


@needs_display
def test_an_existing_file_is_asked_about(viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    layer = viewer.add_image(pixels(20, 24))
    dock = dock_to(viewer, qtbot, "OME-TIFF", layer)
    old, mean = tmp_path / "precious.ome.tif", tmp_path / "precious-mean.ome.tif"
    for file in (old, mean):
        tifffile.imwrite(file, np.full((9, 9), 7, np.uint8))
    assert "precious.ome.tif is in" in run(dock, qtbot, tmp_path / "precious")
    assert tifffile.imread(old).shape == (9, 9)
    assert dock.start.text() == "Replace"
    dock.result.mean.setChecked(True)  # a change is no yes
    assert dock.start.text() == "Run"
    text = run(dock, qtbot, tmp_path / "precious")
    assert "precious-mean.ome.tif" in text
    assert tifffile.imread(mean).shape == (9, 9)
    text = run(dock, qtbot)
    assert text.startswith("Wrote precious-mean.ome.tif, precious-sample.ome.tif to ")
    assert tifffile.imread(mean).shape == (40, 48)
    assert tifffile.imread(old).shape == (9, 9)


@needs_display
def test_two_layers_never_go_into_one_file(viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    names = ("cell 1", "cell_1", "Cell 1", "x" * 300)
    layers = [viewer.add_image(pixels(20, 24) + k, name=name) for k, name in enumerate(names)]
    run(dock_to(viewer, qtbot, "OME-TIFF", *layers), qtbot, tmp_path / "col.ome.tif")
    assert len(list(tmp_path.glob("*.ome.tif"))) == 4


# *Save Selected Layers*


@needs_display
@pytest.mark.parametrize("suffix", [".ome.zarr", ".ome.tif"])
def test_save_selected_layers_keeps_everything(viewer: Any, plugin: Any, tmp_path: Path, suffix: str) -> None:
    looks = {"colormap": "magenta", "contrast_limits": (150, 2500), "visible": False}
    place = {"scale": (2, 0.3, 0.3), "translate": (1, 2, 3), "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}
    layer = viewer.add_image(
        pixels(3, 300, 280, dtype=">u2"), name="GFP", metadata={"linf": {"seed": 3}}, **looks, **place
    )
    assert viewer.layers.save(str(tmp_path / f"kept{suffix}"), plugin="linf-nodes")
    [found] = layers_in(tmp_path / f"kept{suffix}")
    assert (finest(found) == layer.data).all()
    assert np.abs(world(found) - world(layer)).max() < 1e-9
    assert (found.name, found.visible, found.colormap.name) == ("GFP", False, "magenta")
    assert list(found.contrast_limits) == [150, 2500]
    assert [str(u) for u in found.units] == ["micrometer"] * 3
    assert found.metadata["linf"]["seed"] == 3
    with pytest.raises(OSError, match="already"):
        viewer.layers.save(str(tmp_path / f"kept{suffix}"), plugin="linf-nodes")
    layer.data = np.full((3, 20, 24), np.nan, np.float32)
    with pytest.raises(OSError, match="'GFP': The array holds nothing but NaN"):
        viewer.layers.save(str(tmp_path / f"none{suffix}"), plugin="linf-nodes")
    assert [path.name for path in tmp_path.iterdir() if path.name != "models"] == [f"kept{suffix}"]


@needs_display
@pytest.mark.parametrize("suffix", [".ome.zarr", ".ome.tif"])
def test_each_layer_is_saved_to_a_file_of_its_own(viewer: Any, plugin: Any, tmp_path: Path, suffix: str) -> None:
    viewer.add_image(pixels(20, 24, 3, dtype=np.uint8), rgb=True, name="a b")
    viewer.add_image(pixels(20, 24, 3), axis_labels=("y", "x", "z"), rgb=False, name="a_b")
    written = viewer.layers.save(str(tmp_path / f"all{suffix}"), plugin="linf-nodes")
    assert sorted(Path(w).name for w in written) == [f"all-a_b-2{suffix}", f"all-a_b{suffix}"]
    for layer, file in zip(viewer.layers, written, strict=True):
        [found] = layers_in(Path(file))
        assert found.rgb == layer.rgb
        again = finest(found) if layer.rgb else np.moveaxis(finest(found), 0, -1)
        assert (again == layer.data).all()


# reading


def omero(folder: Path, channels: list[Any], axes: Any = "cyx", version: str = "0.4") -> Path:
    path = folder / "two.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", data=pixels(2, 8, 9), chunks=(1, 8, 9))
    entry: dict[str, Any] = {"version": version, "datasets": [{"path": "0"}]}
    if axes:
        entry["axes"] = [{"name": a, "type": "channel" if a in "cC" else "space"} for a in axes]
    group.attrs.update({"multiscales": [entry], "omero": {"channels": channels}})
    return path


def test_channels_have_their_names_and_colours(tmp_path: Path) -> None:
    window = {"start": 5, "end": 90, "min": 0, "max": 255}
    path = omero(
        tmp_path,
        [
            {"label": "DAPI", "color": "0000FF", "active": True, "window": window},
            {"label": "GFP", "color": "12AB00", "active": False},
        ],
    )
    dapi, gfp = layers_in(path)
    assert (dapi.name, dapi.colormap.name, dapi.visible) == ("DAPI", "blue", True)
    assert list(dapi.contrast_limits) == [5, 90]
    assert (gfp.name, gfp.visible) == ("GFP", False)
    assert np.allclose(gfp.colormap.colors[-1][:3], np.array([0x12, 0xAB, 0]) / 255)


@pytest.mark.parametrize(
    "entry",
    [{"window": None}, {"window": {"start": None, "end": 3}}, {"color": None, "label": None}, None, {"color": 7}],
)
def test_what_makes_no_sense_is_left_to_napari(tmp_path: Path, entry: Any) -> None:
    assert [layer.name for layer in layers_in(omero(tmp_path, [entry, {"label": "b"}]))] == ["two 0", "b"]


@pytest.mark.parametrize(("axes", "version"), [("CYX", "0.4"), ("", "0.1"), ("cyx", "0.3")])
def test_older_and_odd_axes_are_read(tmp_path: Path, axes: str, version: str) -> None:
    path = omero(tmp_path, [], axes, version)
    if not axes:
        group = zarr.open_group(path, mode="r+")
        group.create_array("1", data=pixels(1, 2, 1, 8, 9))
        group.attrs["multiscales"] = [{"version": version, "datasets": [{"path": "1"}]}]
    reader = get_reader(str(path))
    assert reader is not None
    assert len(reader(str(path))) == 2


def test_a_folder_that_cannot_be_opened_is_not_claimed(tmp_path: Path) -> None:
    path = omero(tmp_path, [])
    assert get_reader(str(path)) is not None
    entries: Any
    for entries in ([], {}, [{}], [{"datasets": []}], [None], "x"):
        zarr.open_group(path, mode="r+").attrs["multiscales"] = entries
        assert get_reader(str(path)) is None


def test_the_reader_is_offered_only_for_what_it_opens(plugin: Any, tmp_path: Path) -> None:
    def offered(path: Path) -> bool:
        readers = PluginManager.instance().iter_compatible_readers([str(path)])
        return "linf-nodes" in {r.plugin_name for r in readers}

    other = tmp_path / "other.ome.tif"
    tifffile.imwrite(other, np.zeros((8, 9), np.uint8))
    assert not offered(other)
    assert not offered(tmp_path)
    path = omero(tmp_path, [])
    assert offered(path / ".zattrs")
    assert len(read_layers(str(path / ".zattrs"))) == 2


@needs_display
def test_labels_are_opened_as_labels(viewer: Any, tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.zarr"
    write_ome_zarr(label_volume(pixels(20, 24), Axes(2, 0, 1), (40, 48)), path)
    [found] = add_file(viewer, path)
    assert isinstance(found, Labels)
    assert found.data[0].shape == (40, 48)


@needs_display
def test_a_result_is_opened_by_the_menu(viewer: Any, qtbot: Any, plugin: Any, tmp_path: Path) -> None:
    layer = viewer.add_image(stack(2, 20, 24), scale=(2, 0.5, 0.5), colormap="green", name="cells")
    for target, name in (("OME-Zarr", "a.ome.zarr"), ("OME-TIFF", "a.ome.tif")):
        run(dock_to(viewer, qtbot, target, layer), qtbot, tmp_path / name)
        [found] = add_file(viewer, tmp_path / name)
        assert np.abs(world(found) - world(layer)).max() < 1e-9
        assert found.colormap.name == "green"
        assert list(found.contrast_limits) == list(layer.contrast_limits)
    entries = plugin.contributions.menus["napari/file/io_utilities"]
    assert [e.command for e in entries] == ["linf-nodes.open_result"]
