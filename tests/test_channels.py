"""Names, colours, visibility and display ranges of channels go from file to file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from linf_nodes.hosts.cli.main import main
from linf_nodes.stacks.channels import Channel, from_json, from_ome_xml, from_omero
from linf_nodes.stacks.stack_file import open_stack

from . import tiny
from .stacks import stack

zarr = pytest.importorskip("zarr")
pytest.importorskip("ome_zarr")
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")

CHANNELS = (Channel("DAPI", "0000FF", True, 0, 4000), Channel("GFP", "00FF00", False, 100, 2500.5))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    group = zarr.open_group(str(tmp_path / "in.zarr"), mode="w")
    group.create_array("0", data=stack(2, 20, 15))
    windows = [{"start": c.start, "end": c.end, "min": 0, "max": 65535} for c in CHANNELS]
    named = [
        {"label": c.name, "color": c.colour, "active": c.active, "window": w}
        for c, w in zip(CHANNELS, windows, strict=True)
    ]
    multiscale = {"axes": [{"name": n} for n in "cyx"], "datasets": [{"path": "0"}]}
    group.attrs["ome"] = {"version": "0.5", "omero": {"channels": named}, "multiscales": [multiscale]}
    tiny.write_models(tmp_path)
    return tmp_path / "in.zarr"


def enlarge(source: Path, name: str, *options: str) -> Path:
    target = source.parent / name
    model = str(source.parent / "tiny.safetensors")
    assert main(["stack", str(source), str(target), "--scale", "2", "--model", model, "--device", "cpu", *options]) == 0
    return target


def test_they_survive_zarr_tiff_and_zarr(source: Path) -> None:
    assert open_stack(source).channels == CHANNELS
    first = enlarge(source, "a.ome.zarr")
    second = enlarge(first, "b.ome.tif")
    third = enlarge(second, "c.ome.zarr")
    for found in (first, second, third):
        assert open_stack(found).channels == CHANNELS
    with tifffile.TiffFile(second) as tiff:
        assert tiff.ome_metadata is not None
        said = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]["Channel"]
    assert [(c["Name"], c["Color"]) for c in said] == [("DAPI", 0x0000FFFF), ("GFP", 0x00FF00FF)]


def test_a_deviation_has_its_own_range_and_says_what_it_is(source: Path) -> None:
    found = open_stack(enlarge(source, "a.ome.zarr", "--output", "deviation")).channels
    assert [(c.name, c.colour, c.active) for c in found] == [
        ("DAPI deviation", "0000FF", True),
        ("GFP deviation", "00FF00", False),
    ]
    assert all(c.end is not None and c.end < 1000 for c in found)


def test_colours_and_names_of_an_ome_tiff_are_kept(source: Path) -> None:
    path = source.parent / "in.ome.tif"
    about = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"], "Color": [0x0000FFFF, -16776961]}}
    tifffile.imwrite(path, stack(2, 20, 15), ome=True, photometric="minisblack", metadata=about)
    assert open_stack(path).channels == (Channel("DAPI", "0000FF"), Channel("GFP", "FF0000"))
    again = zarr.open(str(enlarge(path, "a.ome.zarr")))
    assert [c["color"] for c in again.attrs["ome"]["omero"]["channels"]] == ["0000FF", "FF0000"]


def test_luts_ranges_and_labels_of_imagej_are_kept(source: Path) -> None:
    path = source.parent / "in.tif"
    ramp, zero = np.arange(256, dtype=np.uint8), np.zeros(256, np.uint8)
    about: dict[str, Any] = {
        "axes": "CYX",
        "mode": "composite",
        "LUTs": [np.array([zero, zero, ramp]), np.array([ramp, zero, ramp])],
        "Ranges": (0.0, 900.0, 5.0, 4000.0),
        "Labels": ["nuclei", "actin"],
    }
    tifffile.imwrite(path, stack(2, 20, 15), imagej=True, metadata=about)
    wanted = (Channel("nuclei", "0000FF", None, 0, 900), Channel("actin", "FF00FF", None, 5, 4000))
    assert open_stack(path).channels == wanted


@pytest.mark.parametrize(
    "omero",
    [
        None,
        3,
        {"channels": None},
        {"channels": "DAPI"},
        {"channels": [None, {}]},
        {"channels": [{"window": None, "color": "blue", "label": " ", "active": "yes"}]},
        {"channels": [{"window": {"start": None, "end": 3}}, {"window": {"start": 5, "end": 5}}]},
    ],
    ids=str,
)
def test_what_says_nothing_is_no_error(omero: Any) -> None:
    assert from_omero(omero) == ()
    assert from_json(omero) == ()
    assert from_ome_xml([{}, {"Color": "red"}]) == ()


def test_other_numbers_of_channels_are_not_guessed(source: Path) -> None:
    group = zarr.open_group(str(source), mode="r+")
    ome = dict(group.attrs["ome"])
    group.attrs["ome"] = {**ome, "omero": {"channels": ome["omero"]["channels"][:1]}}
    found = open_stack(enlarge(source, "a.ome.zarr")).channels
    assert [c.name for c in found] == ["sample 0", "sample 1"]
