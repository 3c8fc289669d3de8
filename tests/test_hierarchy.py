"""OME-Zarr as it comes: old versions, plates, wells, several series, odd metadata, zip files and servers."""

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linf_nodes.errors import BadPicture
from linf_nodes.hosts.cli.main import main
from linf_nodes.stacks.axes import Axes
from linf_nodes.stacks.holder import images_of
from linf_nodes.stacks.stack_file import open_stack

from .stacks import stack

zarr = pytest.importorskip("zarr")
MODEL = Path(__file__).parents[1] / "weights" / "photo-tiny.safetensors"

PIXELS = stack(2, 20, 15)
IMAGE: dict[str, Any] = {
    "axes": [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"],
    "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [2, 0.5, 0.25]}]}],
}


def write(path: Path, multiscale: dict[str, Any] | None = None, pixels: Any = PIXELS, ome: bool = True) -> Path:
    group = zarr.open_group(str(path), mode="w", zarr_format=3 if ome else 2)
    group.create_array("0", data=pixels)
    entries = [multiscale or IMAGE]
    group.attrs.update({"ome": {"version": "0.5", "multiscales": entries}} if ome else {"multiscales": entries})
    return path


def holds(path: str | Path, axes: str = "") -> None:
    found = open_stack(path, axes)
    assert np.array_equal(found.source[...], PIXELS)
    assert (found.coordinates.names, found.coordinates.scale) == (("z", "y", "x"), (2, 0.5, 0.25))
    assert found.axes == Axes(3, 1, 2)


def plate(path: Path, fields: int) -> Path:
    root = zarr.open_group(str(path), mode="w")
    wells = [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}, {"path": "A/2", "rowIndex": 0, "columnIndex": 1}]
    root.attrs["ome"] = {"version": "0.5", "plate": {"wells": wells[: 1 + (fields > 1)]}}
    for well in wells[: 1 + (fields > 1)]:
        group = root.create_group(well["path"])
        group.attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": str(i)} for i in range(fields)]}}
        for i in range(fields):
            write(path / str(well["path"]) / str(i))
    return path


def bioformats2raw(path: Path, series: int, listed: bool = True) -> Path:
    root = zarr.open_group(str(path), mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    for i in range(series):
        write(path / str(i), {**IMAGE, "version": "0.4"}, ome=False)
    root.create_group("OME").attrs.update({"series": [str(i) for i in range(series)]} if listed else {})
    return path


@pytest.mark.parametrize("listed", [True, False])
def test_the_only_series_is_opened_and_of_several_one_is_named(tmp_path: Path, listed: bool) -> None:
    holds(bioformats2raw(tmp_path / "one.zarr", 1, listed))
    several = bioformats2raw(tmp_path / "two.zarr", 2, listed)
    with pytest.raises(BadPicture, match=r"bioformats2raw folder of 2 images \(0, 1\): name one, '.*two.zarr/0'"):
        open_stack(several)
    holds(several / "1")


def test_a_plate_and_a_well_name_their_images(tmp_path: Path) -> None:
    one = plate(tmp_path / "one.zarr", 1)
    with pytest.raises(BadPicture, match=r"plate of an image \(A/1/0\): name one, '.*one.zarr/A/1/0'"):
        open_stack(one)
    holds(one / "A" / "1" / "0")
    several = plate(tmp_path / "two.zarr", 2)
    with pytest.raises(BadPicture, match=r"plate of 4 images \(A/1/0, A/1/1, A/2/0, A/2/1\): name one"):
        open_stack(several)
    with pytest.raises(BadPicture, match=r"well of 2 images \(0, 1\)"):
        open_stack(several / "A" / "2")
    holds(several / "A" / "2" / "1")
    shutil.rmtree(several / "A" / "2")
    with pytest.raises(BadPicture, match=r"plate of 2 images \(A/1/0, A/1/1; A/2 is missing: copy it again\)"):
        open_stack(several)


def test_letters_of_axes_have_no_case(tmp_path: Path) -> None:
    holds(write(tmp_path / "a.zarr", {**IMAGE, "axes": [{"name": n} for n in "ZYX"]}).parent / "a.zarr")


def test_versions_without_axes_are_t_c_z_y_x(tmp_path: Path) -> None:
    for name, entry, pixels in (
        ("1", {"version": "0.1"}, PIXELS[None, None]),
        ("2", {"version": "0.2"}, PIXELS[None, None]),
        ("3", {"version": "0.3", "axes": list("tczyx")}, PIXELS[None, None]),
        ("few", {"version": "0.1"}, PIXELS),
    ):
        write(tmp_path / name, {**entry, "datasets": [{"path": "0"}]}, pixels, ome=False)
        found = open_stack(tmp_path / name)
        assert found.coordinates.names == tuple("tczyx")[-pixels.ndim :]
        assert found.axes == Axes(
            pixels.ndim, pixels.ndim - 2, pixels.ndim - 1, channel=1 if pixels.ndim == 5 else None
        )


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf")])
def test_a_pixel_size_that_is_none_is_unknown(tmp_path: Path, size: float) -> None:
    steps = [{"type": "scale", "scale": [size, 0.5, 0.25]}]
    write(tmp_path / "a", {**IMAGE, "datasets": [{"path": "0", "coordinateTransformations": steps}]})
    found = open_stack(tmp_path / "a").coordinates
    assert (found.scale, found.units) == ((1, 0.5, 0.25), (None, "micrometer", "micrometer"))


def test_what_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a", {**IMAGE, "datasets": [{"path": "0"}, {"path": "1"}]})
    group = zarr.open_group(str(tmp_path / "a"))
    group.create_array("1", data=PIXELS[:, ::2, ::2])
    shutil.rmtree(tmp_path / "a" / "0")
    with pytest.raises(BadPicture, match=r"array '0' of .* is missing, its finest level \(it has the coarser 1\)"):
        open_stack(tmp_path / "a")
    write(tmp_path / "b", {**IMAGE, "axes": [{"name": n} for n in "zab"]})
    with pytest.raises(BadPicture, match="names the axes z, a, b"):
        open_stack(tmp_path / "b")
    assert open_stack(tmp_path / "b", "zyx").axes == Axes(3, 1, 2)
    damaged: list[dict[str, Any]]
    damaged = [{"axes": 3}, {"datasets": []}, {"datasets": [{}]}, {"datasets": 5, "axes": None}]
    for number, entry in enumerate(damaged):
        write(tmp_path / f"c{number}", {**IMAGE, **entry})
        with pytest.raises(BadPicture, match="damaged OME metadata"):
            open_stack(tmp_path / f"c{number}")
    zarr.open_group(str(tmp_path / "d"), mode="w").create_array("raw", data=PIXELS)
    with pytest.raises(BadPicture, match="a group with the arrays raw"):
        open_stack(tmp_path / "d")


def test_zip_files_are_read(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a.zarr")
    shutil.make_archive(str(tmp_path / "flat"), "zip", tmp_path / "x" / "a.zarr")
    shutil.make_archive(str(tmp_path / "inner"), "zip", tmp_path / "x")
    (tmp_path / "flat.zip").rename(tmp_path / "a.ozx")
    holds(tmp_path / "a.ozx")
    holds(tmp_path / "inner.zip")
    plate(tmp_path / "p", 2)
    shutil.make_archive(str(tmp_path / "p"), "zip", tmp_path / "p")
    holds(tmp_path / "p.zip" / "A" / "1" / "1")
    (tmp_path / "bad.ozx").write_bytes(b"no zip")
    with pytest.raises(BadPicture, match=r"bad.ozx' cannot be opened as a Zarr \(File is not a zip file\)"):
        open_stack(tmp_path / "bad.ozx")


def command(*words: str | Path) -> int:
    return main(["stack", *map(str, words), "--scale", "2", "--device", "cpu", "--model", str(MODEL)])


@pytest.mark.skipif(not find_spec("ome_zarr"), reason="ome-zarr is not installed")
@pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")
def test_every_image_of_a_plate_is_enlarged_to_a_plate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = plate(tmp_path / "in.zarr", 2), tmp_path / "out.ome.zarr"
    shutil.rmtree(source / "A" / "2" / "0" / "0")
    assert command(source, target, "--every") == 1
    said = capsys.readouterr().err
    assert "A/2/0: The array '0' of" in said
    assert "1 of 4 images failed" in said
    write(source / "A" / "2" / "0")
    assert command(source, target, "--every") == 2
    assert "add --resume" in capsys.readouterr().err
    assert command(source, target, "--every", "--resume") == 0
    assert images_of(str(target))[1].images == ("A/1/0", "A/1/1", "A/2/0", "A/2/1")
    root = zarr.open_group(str(target), mode="r")
    wells = zarr.open_group(str(source)).attrs["ome"]["plate"]["wells"]
    assert root.attrs["ome"] == {"version": "0.5", "plate": {"wells": wells, "version": "0.5"}}
    assert command(source / "A" / "1" / "0", tmp_path / "one.ome.zarr") == 0
    alone = open_stack(tmp_path / "one.ome.zarr")
    for path in ("A/1/0", "A/2/1"):
        found = open_stack(target / path)
        assert np.array_equal(found.source[...], alone.source[...])
        assert found.coordinates == alone.coordinates
    series = bioformats2raw(tmp_path / "bf.zarr", 2)
    assert command(series, tmp_path / "bf.ome.zarr", "--every") == 0
    assert np.array_equal(open_stack(tmp_path / "bf.ome.zarr" / "1").source[...], alone.source[...])
    assert command(tmp_path / "one.ome.zarr", tmp_path / "no.ome.zarr", "--every") == 2
    assert "leave --every out" in capsys.readouterr().err
    assert not (tmp_path / "no.ome.zarr").exists()


@pytest.mark.skipif(not find_spec("ome_zarr"), reason="ome-zarr is not installed")
@pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("well", "is missing"),
        ("row", "is missing"),
        ("empty", "lists no field"),
        ("none", "lists no field"),
        ("cut", "has damaged metadata"),
        ("path", "lists a field without a path"),
    ],
)
def test_a_well_that_is_gone_or_damaged_counts_as_failed(
    tmp_path: Path, harm: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = plate(tmp_path / "in.zarr", 2), tmp_path / "out.ome.zarr"
    whole = zarr.open_group(str(source))
    wells = [{"path": "A/1"}, {"path": "B/2"}]
    whole.attrs["ome"] = {"version": "0.5", "plate": {"wells": wells}}
    (source / "B").mkdir()
    (source / "A" / "2").rename(source / "B" / "2")
    assert command(source, target, "--every") == 0
    well = zarr.open_group(str(source / "B" / "2"))
    if harm in ("well", "row"):
        shutil.rmtree(source / "B" / "2" if harm == "well" else source / "B")
    elif harm == "cut":
        text = (source / "B" / "2" / "zarr.json").read_bytes()
        (source / "B" / "2" / "zarr.json").write_bytes(text[: len(text) // 2])
    elif harm == "path":
        well.attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": "0"}, {}]}}
    else:
        well.attrs.put({} if harm == "none" else {"ome": {"version": "0.5", "well": {"images": []}}})
    for out, more in ((tmp_path / "new.ome.zarr", ()), (target, ("--resume",))):
        capsys.readouterr()
        assert command(source, out, "--every", *more) == 1
        found = [line for line in capsys.readouterr().err.splitlines() if said in line]
        assert len(found) == 1
        assert found[0].startswith("linf: B/2: '")
        assert images_of(str(out))[1].images[:2] == ("A/1/0", "A/1/1")


@pytest.mark.skipif(not find_spec("ome_zarr"), reason="ome-zarr is not installed")
@pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")
@pytest.mark.parametrize("gone", ["0", "1", "2"])
def test_a_series_that_is_gone_counts_as_failed(tmp_path: Path, gone: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = bioformats2raw(tmp_path / "in.zarr", 3, listed=False)
    xml = '<OME:OME xmlns:OME="x">' + '<OME:Image ID="a"><OME:ImageRef/></OME:Image>' * 3 + "</OME:OME>"
    shutil.rmtree(source / gone)
    if gone == "2":  # nothing else tells
        (source / "OME" / "METADATA.ome.xml").write_text(xml)
    with pytest.raises(BadPicture, match=f"folder of 2 images .*; {gone} is missing"):
        open_stack(source)
    assert command(source, tmp_path / "out.ome.zarr", "--every") == 1
    assert f"{gone}: '{source}/{gone}' is missing: copy it again" in capsys.readouterr().err
    for path in {"0", "1", "2"} - {gone}:
        assert open_stack(tmp_path / "out.ome.zarr" / path).source.shape == (2, 40, 30)
    (source / "OME" / "METADATA.ome.xml").write_text(xml)
    write(source / gone, {**IMAGE, "version": "0.4"}, ome=False)
    assert command(source, tmp_path / "out.ome.zarr", "--every", "--resume") == 0


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_address[1]}"
        found.shutdown()
        thread.join()


@pytest.mark.skipif(not (find_spec("aiohttp") and find_spec("fsspec")), reason="the extra remote is not installed")
def test_urls_are_read_or_refused_in_a_sentence(tmp_path: Path, server: str) -> None:
    write(tmp_path / "a.zarr")
    plate(tmp_path / "p.zarr", 2)
    holds(f"{server}/a.zarr")
    holds(f"{server}/p.zarr/A/2/1")
    with pytest.raises(BadPicture, match="plate of 4 images"):
        open_stack(f"{server}/p.zarr")
    holds((tmp_path / "a.zarr").as_uri())
    for url, says in (
        (f"{server}/none.zarr", "cannot be opened as a Zarr"),
        ("http://127.0.0.1:1/x.zarr", "cannot be opened as a Zarr"),
        ("memory://nothing/x.zarr", "cannot be opened as a Zarr"),
        ("nosuch://place/x.zarr", "cannot be opened as a Zarr"),
        ("file:///nowhere/x.zarr", "no file '/nowhere/x.zarr'"),
        (f"{server}/a.tif", "download it first"),
    ):
        with pytest.raises(BadPicture, match=says):
            open_stack(url)
