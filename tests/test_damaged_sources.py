"""Sources that hold less than they state, or change: an error that says so, and all that can be done is done."""

import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from linf_nodes.errors import BadPicture, SourceLost
from linf_nodes.hosts.cli.main import main
from linf_nodes.stacks import file_stamp
from linf_nodes.stacks.stack_file import open_stack
from linf_nodes.stacks.tiff_stack import TiffStack

from . import tiny
from .stacks import Array, stack

zarr = pytest.importorskip("zarr")
pytest.importorskip("ome_zarr")
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")

PIXELS = stack(10, 24, 20)  # the levels are those of eight planes, without 2 and 7
NAMES = {
    "imagej": "ij.tif",
    "ome": "t.ome.tif",
    "plain": "plain.tif",
    "deflated": "deflated.tif",
    "shaped": "shaped.tif",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny.write_models(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(file_stamp, "WAITS", (0.0, 0.0))
    return tmp_path


def enlarge(source: str, target: str = "out.ome.zarr", *more: str) -> int:
    words = ["--scale", "2", "--model", "tiny.safetensors", "--device", "cpu", "--tile", "14"]
    return main(["stack", source, target, *words, *more])


def write_tiff(kind: str) -> str:
    name = NAMES[kind]
    if kind == "imagej":
        tifffile.imwrite(name, PIXELS, imagej=True, metadata={"axes": "ZYX"})
    elif kind == "ome":
        tifffile.imwrite(name, PIXELS, ome=True, photometric="minisblack", metadata={"axes": "ZYX"})
    else:
        packed = "zlib" if kind == "deflated" else None
        metadata = {"axes": "ZYX"} if kind == "shaped" else None
        tifffile.imwrite(name, PIXELS, photometric="minisblack", metadata=metadata, compression=packed)
    return name


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_a_tiff_that_is_cut_off_is_damaged(
    folder: Path, kind: str, share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write_tiff(kind)
    assert np.array_equal(open_stack(name).source[(slice(None),) * 3], PIXELS)
    assert enlarge(name, "right.ome.zarr") == 0
    data = Path(name).read_bytes()
    Path(name).write_bytes(data[: int(len(data) * share)])
    capsys.readouterr()
    if enlarge(name) == 0:  # what it has lost is no sample, but a comment at its end say
        assert share > 0.99
        assert np.array_equal(written("out.ome.zarr/0"), written("right.ome.zarr/0"))
        return
    said = capsys.readouterr().err
    assert "is damaged" in said
    assert said.count("\n") == 1
    assert not Path("out.ome.zarr").exists()


@pytest.mark.parametrize("tag", ["StripOffsets", "StripByteCounts", "TileOffsets", "TileByteCounts"])
@pytest.mark.parametrize("packed", [None, "zlib"])
@pytest.mark.parametrize(("page", "part"), [(0, 0), (2, 1), (9, -1)])
def test_a_tiff_that_was_not_written_to_its_end_is_damaged(
    folder: Path, tag: str, packed: str | None, page: int, part: int, capsys: pytest.CaptureFixture[str]
) -> None:
    cut: dict[str, Any] = {"tile": (16, 16)} if tag.startswith("Tile") else {"rowsperstrip": 8}
    tifffile.imwrite("a.tif", PIXELS, photometric="minisblack", compression=packed, **cut)
    assert np.array_equal(open_stack("a.tif").source[(slice(None),) * 3], PIXELS)
    with tifffile.TiffFile("a.tif") as tiff:
        found: Any = tiff.pages[page]
        found = found.aspage().tags[tag]
    size = found.valuebytecount // found.count
    with Path("a.tif").open("r+b") as file:
        file.seek(found.valueoffset + part % found.count * size)
        file.write(bytes(size))
    assert enlarge("a.tif") == 2
    said = capsys.readouterr().err
    assert f"'{folder / 'a.tif'}' is damaged: it lacks samples of page " in said
    if page == 0:
        assert main(["upscale", "a.tif", "b.tif", "--model", "tiny.safetensors", "--device", "cpu"]) == 2
        assert "is truncated" in capsys.readouterr().err


def test_a_part_of_a_sparse_tiff_is_zeros(folder: Path) -> None:
    tifffile.imwrite("a.tif", PIXELS, photometric="minisblack", compression="zlib", rowsperstrip=8)
    with tifffile.TiffFile("a.tif") as tiff:
        places = [tiff.pages.first.tags[tag] for tag in ("StripOffsets", "StripByteCounts")]
    with Path("a.tif").open("r+b") as file:
        for tag in places:
            file.seek(tag.valueoffset)
            file.write(bytes(tag.valuebytecount // tag.count))
    found = open_stack("a.tif").source[(slice(None),) * 3]
    assert not found[0, :8].any()
    assert np.array_equal(found[0, 8:], PIXELS[0, 8:])
    assert np.array_equal(found[1:], PIXELS[1:])


COLOURS = stack(24, 20, 4, dtype=np.uint8, low=1, high=254)
RANDOM = np.random.default_rng(0).integers(0, 65535, (3, 256), np.uint16)
RAMP = np.arange(256, dtype=np.uint16)[None] * np.array([[0], [257], [0]], np.uint16)  # green


@pytest.mark.parametrize(
    ("pixels", "words", "says"),
    [
        (COLOURS, {"photometric": "separated"}, "holds inks (CMYK): convert it to RGB"),
        (np.moveaxis(COLOURS, -1, 0), {"photometric": "separated", "planarconfig": "separate"}, "holds inks (CMYK)"),
        (COLOURS[..., :3], {"photometric": "cielab"}, "holds colours as CIELAB"),
        (COLOURS[..., :3], {"photometric": "ycbcr"}, "holds colours as YCBCR"),
        (COLOURS[..., 0], {"photometric": "cfa"}, "holds a raw mosaic of colour filters"),
        (COLOURS[..., 0], {"photometric": "palette", "colormap": RANDOM}, "holds numbers of a palette"),
        (COLOURS[..., 0].astype("f4"), {"photometric": "miniswhite"}, "says of float32 that 0 is white"),
    ],
)
def test_what_is_no_intensity_is_refused(
    folder: Path, pixels: Array, words: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite("a.tif", pixels, **words)
    assert enlarge("a.tif") == 2
    said = capsys.readouterr().err
    assert f"'{folder / 'a.tif'}' {says}" in said
    assert said.count("\n") == 1


def test_a_palette_of_labels_or_of_one_colour_keeps_its_numbers(folder: Path) -> None:
    tifffile.imwrite("a.tif", COLOURS[..., 0], photometric="palette", colormap=RANDOM)
    assert enlarge("a.tif", "a.ome.tif", "--labels") == 0
    assert np.array_equal(tifffile.imread("a.ome.tif")[::2, ::2], COLOURS[..., 0])
    tifffile.imwrite("b.tif", COLOURS[..., 0], photometric="palette", colormap=RAMP)
    assert np.array_equal(open_stack("b.tif").source[:, :], COLOURS[..., 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_white_that_is_0_is_inverted_and_said(folder: Path, dtype: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = (PIXELS // 32).astype(dtype)
    info = np.iinfo(dtype)
    dark = (int(info.max) + int(info.min) - pixels.astype(int)).astype(dtype)
    tifffile.imwrite("white.tif", pixels, photometric="miniswhite")
    tifffile.imwrite("black.tif", dark, photometric="minisblack")
    assert enlarge("white.tif", "white.ome.tif") == 0
    assert "note: '" in (said := capsys.readouterr().err)
    assert "white.tif' says that 0 is white: its samples are inverted" in said
    assert enlarge("black.tif", "black.ome.tif") == 0
    assert "0 is white" not in capsys.readouterr().err
    assert np.array_equal(tifffile.imread("white.ome.tif"), tifffile.imread("black.ome.tif"))
    assert enlarge("white.tif", "labels.ome.tif", "--labels") == 0
    assert np.array_equal(tifffile.imread("labels.ome.tif")[..., ::2, ::2], pixels)


def ome_xml(own: int) -> str:
    names = [f"urn:uuid:00000000-0000-4000-8000-00000000000{i}" for i in (1, 2)]
    planes = "".join(
        f'<TiffData FirstZ="{i}" FirstC="0" FirstT="0" IFD="0" PlaneCount="1"><UUID FileName="{n}.ome.tif">{names[i]}'
        "</UUID></TiffData>"
        for i, n in enumerate("ab")
    )
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="{names[own]}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
        'SizeX="20" SizeY="24" SizeZ="2" SizeC="1" SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        f"{planes}</Pixels></Image></OME>"
    )


def test_an_ome_tiff_without_one_of_its_files_names_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i, name in enumerate("ab"):
        xml = ome_xml(i)
        tifffile.imwrite(f"{name}.ome.tif", PIXELS[i], description=xml, metadata=None, photometric="minisblack")
    found = TiffStack.of(folder / "a.ome.tif")
    assert np.array_equal(found[(slice(None),) * 3], PIXELS[:2])
    os.utime("b.ome.tif", (1, 1))
    with pytest.raises(SourceLost, match=r"b\.ome\.tif' has changed since"):
        found[(0, slice(None), slice(None))]
    Path("b.ome.tif").unlink()
    assert enlarge("a.ome.tif") == 2
    assert "planes in 'b.ome.tif', which is not there" in capsys.readouterr().err
    with pytest.raises(SourceLost, match="cannot be read on"):
        found[(1, slice(None), slice(None))]


@pytest.mark.parametrize("kind", ["plain", "deflated"])
def test_a_file_that_is_replaced_is_not_mixed(folder: Path, kind: str) -> None:
    name = write_tiff(kind)
    np.save("s.npy", PIXELS)
    for path in (name, "s.npy"):
        source = open_stack(path).source
        assert np.array_equal(source[(1, slice(None), slice(None))], PIXELS[1])
        Path(path).rename("aside")
        with pytest.raises(SourceLost, match="cannot be read on"):
            source[(1, slice(None), slice(None))]
        shutil.copy("aside", path)
        with pytest.raises(SourceLost, match="has changed since the work began"):
            source[(2, slice(None), slice(None))]
        Path("aside").unlink()


def written(path: str) -> Array:
    found: Array = np.asarray(zarr.open_array(path, mode="r")[...])
    return found


@pytest.mark.parametrize("kind", ["zarr", "tif"])
def test_what_is_not_damaged_is_done_and_a_resume_does_the_rest(
    folder: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "zarr":
        zarr.create_array("s.zarr", shape=PIXELS.shape, chunks=(1, 12, 20), dtype="u2")[...] = PIXELS
        source, part, named = "s.zarr", Path("s.zarr/c/2/1/0"), "the chunk c/2/1/0 is damaged"
        damage, at = part.read_bytes()[:20], 0
    else:
        source, named = write_tiff("deflated"), "is damaged, at"
        with tifffile.TiffFile(source) as tiff:
            at = tiff.pages[2].dataoffsets[0]
        part, damage = Path(source), b"\0\1\2\3" * 8
    assert enlarge(source, "right.ome.zarr") == 0
    kept, times = part.read_bytes(), part.stat()
    part.write_bytes(damage if kind == "zarr" else kept[:at] + damage + kept[at + len(damage) :])
    for more in ((), ("--resume",)):
        assert enlarge(source, "out.ome.zarr", *more) == 2
        said = capsys.readouterr().err
        assert named in said
        assert "--resume goes on with them" in said
        assert said.count("\n") == 1
        right, found = written("right.ome.zarr/0"), written("out.ome.zarr/0")
        assert np.array_equal(np.delete(found, 2, 0), np.delete(right, 2, 0))
        assert json.loads(Path("out.ome.zarr/zarr.json").read_text())["attributes"]["linf"]["finished"] is False
    part.write_bytes(kept)
    os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert enlarge(source, "out.ome.zarr", "--resume") == 0
    for level in "01":
        assert np.array_equal(written(f"out.ome.zarr/{level}"), written(f"right.ome.zarr/{level}"))


def zipped(path: str, pixels: Array) -> None:
    store = zarr.storage.ZipStore(path, mode="w")
    zarr.create_array(store, shape=pixels.shape, chunks=(1, *pixels.shape[1:]), dtype="u2")[...] = pixels
    store.close()


def test_a_zip_file_that_goes_away_or_is_replaced_is_no_zeros(folder: Path) -> None:
    zipped("a.zip", PIXELS)
    zipped("b.zip", PIXELS[::-1])
    source = open_stack("a.zip").source
    plane = (1, slice(None), slice(None))
    assert np.array_equal(source[plane], PIXELS[1])
    Path("a.zip").rename("aside")
    with pytest.raises(SourceLost, match="cannot be read on"):
        source[plane]
    Path("aside").rename("a.zip")
    assert np.array_equal(source[plane], PIXELS[1])
    before = source.stamp(plane)
    Path("b.zip").replace("a.zip")
    assert source.stamp(plane) != before
    with zipfile.ZipFile("a.zip") as archive:
        assert "zarr.json" in archive.namelist()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="limits of file sizes are a matter of Linux")
def test_a_disk_that_refuses_is_said_in_a_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import resource

    zarr.create_array("s.zarr", shape=PIXELS.shape, chunks=(1, 12, 20), dtype="u2")[...] = PIXELS
    assert enlarge("s.zarr", "right.ome.zarr") == 0
    capsys.readouterr()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(p.stat().st_size for p in Path("right.ome.zarr/0/c").rglob("*") if p.is_file())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest - 1, before[1]))
    try:
        assert enlarge("s.zarr") == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().err
    assert "raise the file size limit or choose another folder" in said
    assert said.count("\n") == 1
    assert enlarge("s.zarr", "out.ome.zarr", "--resume") == 0
    assert np.array_equal(written("out.ome.zarr/0"), written("right.ome.zarr/0"))


def test_a_url_that_is_gone_is_no_zeros(folder: Path) -> None:
    pytest.importorskip("fsspec")
    import fsspec

    files = fsspec.filesystem("memory")
    array: Any = zarr.create_array(
        zarr.storage.FsspecStore.from_url("memory://gone/s.zarr"), shape=(3, 24, 20), chunks=(1, 24, 20), dtype="u2"
    )
    array[:2] = PIXELS[:2]
    source = open_stack("memory://gone/s.zarr").source
    plane = (1, slice(None), slice(None))
    assert np.array_equal(source[plane], PIXELS[1])
    assert not source[(2, slice(None), slice(None))].any(), "never written"
    files.rm("/gone", recursive=True)
    with pytest.raises((SourceLost, BadPicture), match="cannot be read on"):
        source[plane]
