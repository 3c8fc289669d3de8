"""Labels of objects: enlarged by nearest neighbour, with the numbers that they have, alone and beside an image."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from linf_nodes.errors import BadValue
from linf_nodes.hosts.cli.main import main
from linf_nodes.pipeline.blocks import Block, Span
from linf_nodes.stacks.axes import Axes
from linf_nodes.stacks.labels import label_volume
from linf_nodes.stacks.stack_file import open_stack

from . import tiny
from .stacks import Array, stack

zarr = pytest.importorskip("zarr")
pytest.importorskip("ome_zarr")
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")


def labels(dtype: Any = np.int32, *shape: int) -> Array:
    """Rectangles with numbers far apart, the largest of their type among them."""
    found = np.zeros(shape or (2, 30, 25), dtype)
    found[..., 3:9, 4:11], found[..., 12:20, 7:20] = 37, 38
    found[..., 22:29, 1:24] = 1 if dtype is np.bool_ else np.iinfo(dtype).max
    return found


def oracle(source: Array, height: int, width: int) -> Array:
    rows = [int((y + 0.5) * source.shape[-2] / height) for y in range(height)]
    cols = [int((x + 0.5) * source.shape[-1] / width) for x in range(width)]
    return source[..., rows, :][..., cols]


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_numbers_and_types_are_kept(dtype: Any) -> None:
    source = labels(dtype)
    v = label_volume(source, Axes(3, 1, 2), (77, 61))
    found = np.stack([v.plane(index) for index in v.planes])
    assert found.dtype == source.dtype
    assert np.array_equal(found, oracle(source, 77, 61))
    window = v.window((1,), Block(Span(10, 40), Span(5, 60)))
    assert np.array_equal(window, found[1, 10:40, 5:60])


def test_axes_may_lie_in_any_order() -> None:
    source = labels()
    v = label_volume(source.transpose(2, 0, 1), Axes(3, 2, 0), (77, 61))
    assert np.array_equal(v.plane((1,)), oracle(source, 77, 61)[1].T)


def test_what_is_no_label_is_refused() -> None:
    with pytest.raises(BadValue, match="labels are integers"):
        label_volume(np.zeros((9, 9), np.float32), Axes(2, 0, 1), (18, 18))


def image(path: Path, pixels: Array, about: dict[str, Any] | None = None) -> None:
    group = zarr.open_group(str(path), mode="w")
    group.create_array("0", data=pixels)
    steps = [{"type": "scale", "scale": [1, 0.5, 0.5]}]
    multiscale = {"axes": [{"name": n} for n in "zyx"], "datasets": [{"path": "0", "coordinateTransformations": steps}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale], **(about or {})}


ABOUT = {"image-label": {"colors": [{"label-value": 37, "rgba": [1, 2, 3, 4]}], "source": {"image": "../../"}}}


def enlarge(source: Path, target: Path, *options: str) -> int:
    model = str(source.parent / "tiny.safetensors")
    tiny.write_models(source.parent)
    return main(["stack", str(source), str(target), "--scale", "2.5", "--model", model, "--device", "cpu", *options])


def test_a_label_image_is_known_by_its_metadata(tmp_path: Path) -> None:
    image(tmp_path / "in.zarr", labels(), ABOUT)
    assert enlarge(tmp_path / "in.zarr", tmp_path / "out.ome.zarr") == 0
    found = open_stack(tmp_path / "out.ome.zarr")
    assert np.array_equal(found.source[...], oracle(labels(), 75, 63))
    assert found.label == {**ABOUT["image-label"], "version": "0.5"}
    coarse = zarr.open_array(str(tmp_path / "out.ome.zarr" / "1"), mode="r")[...]
    assert coarse.shape == (2, 37, 31)
    assert set(np.unique(coarse)) == set(np.unique(labels()))
    assert enlarge(tmp_path / "in.zarr", tmp_path / "out.ome.zarr", "--resume") == 0


def test_an_option_says_that_a_tiff_holds_labels(tmp_path: Path) -> None:
    source = labels(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", source, photometric="minisblack", metadata={"axes": "ZYX"})
    assert enlarge(tmp_path / "in.tif", tmp_path / "out.ome.tif", "--labels") == 0
    assert np.array_equal(tifffile.imread(tmp_path / "out.ome.tif"), oracle(source, 75, 63))


def test_labels_beside_an_image_are_carried_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image(tmp_path / "in.zarr", stack(2, 30, 25))
    group = zarr.open_group(str(tmp_path / "in.zarr")).create_group("labels")
    group.attrs["ome"] = {"version": "0.5", "labels": ["cells", "coarse", "gone"]}
    image(tmp_path / "in.zarr" / "labels" / "cells", labels(), ABOUT)
    image(tmp_path / "in.zarr" / "labels" / "coarse", labels(np.uint8, 2, 15, 12), ABOUT)
    assert enlarge(tmp_path / "in.zarr", tmp_path / "out.ome.zarr") == 0
    assert "note: the labels 'gone' were not carried along" in capsys.readouterr().err
    found = open_stack(tmp_path / "out.ome.zarr")
    assert [Path(path).name for path in found.beside] == ["cells", "coarse"]
    cells, coarse = (open_stack(path) for path in found.beside)
    assert np.array_equal(cells.source[...], oracle(labels(), 75, 63))
    assert np.array_equal(coarse.source[...], oracle(labels(np.uint8, 2, 15, 12), 38, 30))
    assert cells.coordinates == replace(found.coordinates)
    assert enlarge(tmp_path / "in.zarr", tmp_path / "out.ome.tif") == 0
    assert "a TIFF has no place for the labels" in capsys.readouterr().err
