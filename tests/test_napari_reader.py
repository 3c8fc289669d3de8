"""Results opened again in napari: they lie where they were, and are read as they are shown."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari", reason="the napari plugin is tested where napari is installed")
pytest.importorskip("ome_zarr", reason="OME-Zarr is tested where the extra zarr is installed")

import dask.array as da
import tifffile
from napari.layers import Image
from npe2 import PluginManifest
from npe2.io_utils import read_get_reader

from linf_nodes.hosts.napari.reader import get_reader, read_layers
from linf_nodes.pipeline.store import STORE
from linf_nodes.stacks.axes import Axes
from linf_nodes.stacks.coordinates import Coordinates
from linf_nodes.stacks.ome_tiff import write_ome_tiff
from linf_nodes.stacks.ome_zarr import write_ome_zarr
from linf_nodes.stacks.volume import Settings, Volume

from .tiny import write_models

ROOT = Path(__file__).parents[1]
SUFFIXES = (".ome.zarr", ".ome.tif")


@pytest.fixture(autouse=True)
def tiny_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    write_models(tmp_path)
    monkeypatch.setenv("LINF_MODELS", str(tmp_path))
    yield
    STORE.release()


def result(folder: Path, suffix: str, axes: str = "zyx", output: str = "sample") -> tuple[Image, list[Any]]:
    """A layer, and the layer data of its enlargement after it was written and read again."""
    shape = {"z": 3, "t": 2, "c": 2, "y": 20, "x": 24, "s": 3}
    pixels = np.random.default_rng(0).integers(0, 4000, [shape[a] for a in axes]).astype(np.uint16)
    rgb = axes.endswith("s")
    n = len(axes) - rgb
    scale, at = [2.0, 0.5, 0.25][-n:], [10.0, 20.0, 30.0][-n:]
    scale, at = [1.0] * (n - 3) + scale, [0.0] * (n - 3) + at
    layer = Image(pixels, scale=scale, translate=at, units=["um"] * n, rgb=rgb)
    kind = Axes.of(pixels.shape, rgb)
    where = Coordinates.of(kind, list(axes.replace("s", "c")), None, [*scale, *[1.0] * rgb], [*at, *[0.0] * rgb])
    units = tuple("second" if a == "t" else None if a in "cs" else "micrometer" for a in axes)
    where = Coordinates(where.names, units, where.scale, where.translation)
    volume = Volume(pixels, kind, (34, 41), Settings(model="tiny", device="cpu"))
    write = write_ome_zarr if suffix == ".ome.zarr" else write_ome_tiff
    path = write(volume, folder / f"made{suffix}", where, output=output)
    reader = get_reader(str(path))
    assert reader is not None
    return layer, reader(str(path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_result_lies_where_its_source_does(tmp_path: Path, suffix: str) -> None:
    source, [(pixels, options, kind)] = result(tmp_path, suffix)
    layer = Image(pixels, **options)
    assert kind == "image"
    assert layer.name == "made"
    assert [str(u) for u in layer.units] == ["micrometer"] * 3
    assert layer.axis_labels == ("z", "y", "x")
    finest = layer.data[0] if layer.multiscale else layer.data
    for yx in ((0, 0), (1, 1)):
        ends = [[n * f - 0.5 for n, f in zip(s.shape[1:], yx, strict=True)] for s in (source.data, finest)]
        a, b = (np.asarray(i.data_to_world((0, *e))) for i, e in zip((source, layer), ends, strict=True))
        assert np.abs(a - b)[1:].max() < 1e-8
    assert layer.metadata["linf"]["model"] == "tiny"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_result_is_read_as_it_is_shown_and_whole(tmp_path: Path, suffix: str) -> None:
    _, [(pixels, options, _)] = result(tmp_path, suffix)
    finest = pixels[0] if isinstance(pixels, list) else pixels
    assert isinstance(finest, da.Array)
    path = tmp_path / f"made{suffix}"
    direct = tifffile.imread(path) if suffix == ".ome.tif" else da.from_zarr(str(path), component="0")
    assert finest.dtype == np.uint16
    assert (np.asarray(finest) == np.asarray(direct)).all()
    assert options["multiscale"] == (suffix == ".ome.zarr")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_colours_are_colours_again(tmp_path: Path, suffix: str) -> None:
    _, [(pixels, options, _)] = result(tmp_path, suffix, "yxs")
    layer = Image(pixels, **options)
    assert layer.rgb
    assert layer.ndim == 2
    assert (pixels[0] if layer.multiscale else pixels).shape == (34, 41, 3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_channels_become_layers(tmp_path: Path, suffix: str) -> None:
    _, layers = result(tmp_path, suffix, "tczyx")
    assert [options["name"] for _, options, _ in layers] == ["made 0", "made 1"]
    for pixels, options, _ in layers:
        layer = Image(pixels, **options)
        assert layer.axis_labels == ("t", "z", "y", "x")
        assert str(layer.units[0]) == "second"
        assert layer.blending == "additive"


def test_deviations_have_limits_and_colours_of_their_own(tmp_path: Path) -> None:
    _, [(pixels, options, _)] = result(tmp_path, ".ome.zarr", output="deviation")
    assert options["colormap"] == "magma"
    assert options["contrast_limits"][0] == 0 < options["contrast_limits"][1]
    assert pixels[0].dtype == np.float32


def test_napari_chooses_the_reader(tmp_path: Path, npe2pm: Any) -> None:
    npe2pm.register(PluginManifest.from_file(ROOT / "plugin_manifest" / "napari.yaml"))
    result(tmp_path, ".ome.zarr")
    layers, reader = read_get_reader([str(tmp_path / "made.ome.zarr" / "zarr.json")], stack=False)
    assert reader.command == "linf-nodes.read_result"
    layer: tuple[Any, ...] = layers[0]
    assert layer[1]["name"] == "made"


def test_older_ome_zarr_of_others_is_read_with_its_translation(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "other.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("s0", data=np.arange(12, dtype=np.uint8).reshape(3, 4))
    steps = [{"type": "scale", "scale": [2.0, 3.0]}, {"type": "translation", "translation": [5.0, 7.0]}]
    axes = [{"name": n, "type": "space", "unit": "nanometer"} for n in "yx"]
    group.attrs["multiscales"] = [
        {"version": "0.4", "axes": axes, "datasets": [{"path": "s0", "coordinateTransformations": steps}]}
    ]
    [(pixels, options, _)] = read_layers(str(path))
    assert (options["scale"], options["translate"]) == ([2, 3], [5, 7])
    assert options["units"] == ["nanometer", "nanometer"]
    assert np.asarray(pixels).sum() == 66


def test_files_of_others_are_left_to_others(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "other.ome.tif", np.zeros((3, 4), np.uint8), ome=True)
    (tmp_path / "empty.ome.zarr").mkdir()
    (tmp_path / "broken.ome.tif").write_bytes(b"no TIFF")
    for name in ("other.ome.tif", "empty.ome.zarr", "broken.ome.tif", "missing.ome.tif"):
        assert get_reader(str(tmp_path / name)) is None
    assert get_reader([str(tmp_path / "a"), str(tmp_path / "b")]) is None


def test_a_folder_that_lost_its_arrays_is_refused(tmp_path: Path) -> None:
    result(tmp_path, ".ome.zarr")
    shutil.rmtree(tmp_path / "made.ome.zarr" / "0")
    attributes = json.loads((tmp_path / "made.ome.zarr" / "zarr.json").read_text("utf-8"))
    assert attributes["attributes"]["linf"]
    with pytest.raises(ValueError, match="made"):
        read_layers(str(tmp_path / "made.ome.zarr"))
