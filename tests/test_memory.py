"""What needs more memory than is free is refused by its header, with both numbers; what cannot be is called damaged."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from linf_nodes import memory
from linf_nodes.catalogue import NODES
from linf_nodes.errors import BadPicture, OutOfMemory
from linf_nodes.hosts.cli.main import main
from linf_nodes.pictures import read_header, read_picture, read_recipe
from linf_nodes.pictures.size import Header
from linf_nodes.workflow import one_click_graph

from .models import make_model, picture
from .tiny import samples, write_models, write_png


def starve(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: free)


# What is free


def group(folder: Path, limit: str, used: int, cached: int, version: int) -> None:
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(limit)
    (folder / names[1]).write_text(str(used))
    prefix = "" if version == 2 else "total_"
    other = "" if version == 2 else f"inactive_file {cached * 9}\n"
    (folder / "memory.stat").write_text(f"anon 5\n{other}{prefix}inactive_file {cached}\n{prefix}active_file 1000\n")


@pytest.mark.parametrize("version", [1, 2])
def test_the_tightest_container_counts_and_cached_files_are_free(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_SYSTEM", tmp_path)
    (tmp_path / "proc/self").mkdir(parents=True)
    line = "0::/a/b" if version == 2 else "12:pids:/x\n4:cpu,memory:/a/b"
    (tmp_path / "proc/self/cgroup").write_text(f"{line}\n")
    root = tmp_path / ("sys/fs/cgroup" if version == 2 else "sys/fs/cgroup/memory")
    group(root, "max" if version == 2 else str((1 << 63) - 4096), 0, 0, version)
    group(root / "a", "9000000", 8000000, 3000000, version)
    group(root / "a/b", "8000000", 1000000, 0, version)
    assert memory.free_memory() == 9000000 - 8000000 + 3000000 + 1000
    (root / "a" / "memory.stat").unlink()  # nobody says: the other limits hold
    assert memory.free_memory() == 8000000 - 1000000 + 1000


def test_a_machine_without_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_SYSTEM", tmp_path)
    free = memory.free_memory()
    assert free is not None
    assert 1 << 20 < free < 1 << 50


def test_memory_that_nobody_knows_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    assert memory.fits(1e30)


def test_the_user_may_go_on_nevertheless(monkeypatch: pytest.MonkeyPatch) -> None:
    starve(monkeypatch, 1000)
    assert not memory.fits(2000)
    monkeypatch.setenv(memory.IGNORE, "1")
    assert memory.fits(2000)
    monkeypatch.setenv(memory.IGNORE, "0")
    assert not memory.fits(2000)


@pytest.mark.parametrize(("nbytes", "text"), [(12, "12 bytes"), (21e9, "21 GB"), (3.14e6, "3.14 MB"), (2e15, "2 PB")])
def test_numbers_of_bytes_for_people(nbytes: float, text: str) -> None:
    assert memory.memory_text(nbytes) == text


# What files claim


def claiming_png(path: Path) -> None:
    Image.fromarray(samples()).save(path, "PNG")
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 60000, 60000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    path.write_bytes(bytes(data))


def claiming_jpeg(path: Path) -> None:
    Image.fromarray(samples()).save(path, "JPEG")
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 60000, 60000)
    path.write_bytes(bytes(data))


def claiming_webp(path: Path, lossless: bool = True) -> None:
    Image.fromarray(samples()).save(path, "WEBP", lossless=lossless, xmp=b"<x/>")
    data = bytearray(path.read_bytes())
    assert data[12:16] == b"VP8X"
    data[27:30] = (16711711).to_bytes(3, "little")
    path.write_bytes(bytes(data))


def claiming_animation(path: Path) -> None:
    frames = [Image.fromarray(samples() // k) for k in (1, 2)]
    frames[0].save(path, "WEBP", save_all=True, append_images=frames[1:])
    data = bytearray(path.read_bytes())
    data[27:30] = (16711711).to_bytes(3, "little")
    path.write_bytes(bytes(data))


def claiming_canvas(path: Path) -> None:
    claiming_webp(path)
    data = bytearray(path.read_bytes())
    data[24:30] = (16000).to_bytes(3, "little") * 2
    path.write_bytes(bytes(data))


def claiming_ppm(path: Path) -> None:
    path.write_bytes(b"P6\n60000 60000\n255\n" + bytes(300))


def claiming_tga(path: Path) -> None:
    Image.fromarray(samples()).save(path, "TGA")
    data = bytearray(path.read_bytes())
    data[12:16] = struct.pack("<HH", 60000, 60000)
    path.write_bytes(bytes(data))


def claiming_tiff(path: Path, compression: Any = None) -> None:
    tifffile.imwrite(path, samples(), photometric="rgb", compression=compression, metadata=None)
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages.first.tags
        places = [tags[name].valueoffset for name in (256, 257, 278)]
    data = bytearray(path.read_bytes())
    for place in places:
        data[place : place + 2] = struct.pack("<H", 60000)
    path.write_bytes(bytes(data))


def claiming_bmp(path: Path) -> None:
    Image.fromarray(samples()).save(path, "BMP")
    data = bytearray(path.read_bytes())
    data[18:26] = struct.pack("<ii", 60000, -60000)
    path.write_bytes(bytes(data))


CLAIMS: dict[str, Any] = {
    "a.png": claiming_png,
    "a.jpg": claiming_jpeg,
    "lossless.webp": claiming_webp,
    "lossy.webp": lambda path: claiming_webp(path, lossless=False),
    "animated.webp": claiming_animation,
    "canvas.webp": claiming_canvas,
    "a.ppm": claiming_ppm,
    "a.tga": claiming_tga,
    "a.bmp": claiming_bmp,
    "a.tif": claiming_tiff,
    "zip.tif": lambda path: claiming_tiff(path, "zlib"),
}


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("read", [read_picture, read_header])
def test_a_claim_that_the_bytes_cannot_hold_is_damage(
    name: str, read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(memory.IGNORE, "1")  # whatever is free, it is damaged
    CLAIMS[name](tmp_path / name)
    with pytest.raises(BadPicture, match=r"is damaged: it claims (60000|7|16001) x (60000|16711712|16001) pixels"):
        read(tmp_path / name)


def test_a_width_that_is_no_number_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, samples(32, 40), photometric="rgb", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        place = tiff.pages.first.tags[256].offset
    data = bytearray(path.read_bytes())
    data[place + 4 : place + 12] = struct.pack("<II", 96, 40)
    path.write_bytes(bytes(data))
    with pytest.raises(BadPicture, match=r"is damaged: its tag 256 is \(.*\); fetch"):
        read_picture(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.avif", "a.tif", "a.bmp", "a.gif", "a.jp2", "a.tga"])
def test_a_header_says_what_reading_gives(name: str, tmp_path: Path) -> None:
    Image.fromarray(samples(12, 20)).save(tmp_path / name)
    header, whole = read_header(tmp_path / name), read_picture(tmp_path / name)
    height, width, channels = whole.pixels.shape
    assert header == Header(height, width, channels, whole.dtype.itemsize)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.jp2", "a.tga", "a.bmp"])
def test_no_sample_is_decoded_for_a_header(name: str, tmp_path: Path) -> None:
    Image.fromarray(samples(60, 80)).save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 9 // 10])
    header = read_header(tmp_path / name)
    assert (header.height, header.width) == (60, 80)
    with pytest.raises(BadPicture, match="damaged or truncated"):
        read_picture(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_a_header_is_upright(name: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(samples(12, 20)).save(tmp_path / name, exif=exif)
    header = read_header(tmp_path / name)
    assert (header.height, header.width) == read_picture(tmp_path / name).size == (20, 12)


def test_sixteen_bits_and_alpha_are_counted(tmp_path: Path) -> None:
    Image.fromarray(samples(4, 5, 4)).save(tmp_path / "a.png")
    assert read_header(tmp_path / "a.png") == Header(4, 5, 4, 1)
    tifffile.imwrite(tmp_path / "a.tif", samples(4, 5, 3, np.uint16), photometric="rgb")
    assert read_header(tmp_path / "a.tif") == Header(4, 5, 3, 2)


# What does not fit


def test_reading_is_refused_by_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(tmp_path / "a.png", 1000, 1000)
    starve(monkeypatch, 1 << 20)
    with pytest.raises(BadPicture, match=r"1000 x 1000 pixels, and reading them takes 33 MB .* 1\.05 MB are free"):
        read_picture(tmp_path / "a.png")
    assert read_recipe(tmp_path / "a.png") is None  # needs no samples


def test_a_result_is_refused_before_its_picture_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("a picture was decoded")

    monkeypatch.setenv("LINF_MODELS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_models(tmp_path)
    write_png(Path("a.png"), 100, 100)
    starve(monkeypatch, 4_000_000)
    command = ["upscale", "a.png", "b.png", "--model", "tiny", "--scale"]
    assert main([*command, "2"]) == 0  # 40,000 pixels of 30 bytes
    assert "note: 'a.png' takes 1.32 MB of memory, of 4 MB free" in capsys.readouterr().err
    monkeypatch.setattr("linf_nodes.hosts.cli.batch.read_picture", never)
    assert main([*command, "8"]) == 2
    told = capsys.readouterr().err
    assert "'a.png' with a result 800 high and 800 wide takes 19.3 MB of memory, but 4 MB are free" in told
    assert memory.IGNORE in told
    Path("p.json").write_text(json.dumps(one_click_graph({"model": "tiny"}, {"scale": 8.0})))
    assert main(["run", "p.json", "a.png", "b.png"]) == 2
    assert "'a.png' with a result 800 high and 800 wide takes 19.7 MB of memory" in capsys.readouterr().err
    starve(monkeypatch, 700_000)
    assert main(["filter", "unsharp-mask", "a.png", "b.png"]) == 2
    assert "'a.png' with a result 100 high and 100 wide takes 780 kB of memory" in capsys.readouterr().err


def test_a_resized_picture_beyond_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    starve(monkeypatch, 1 << 20)
    with pytest.raises(OutOfMemory, match=r"9000 high and 9000 wide takes 972 MB of memory"):
        NODES["LINFResize"].function(picture(9, 9), 9000, 9000)


def test_info_says_what_reading_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png(tmp_path / "a.png", 100, 100)
    starve(monkeypatch, 500_000)
    assert main(["info", str(tmp_path / "a.png")]) == 0
    assert "takes 330 kB of memory, of 500 kB free" in capsys.readouterr().err


def test_every_host_is_told_of_a_result_beyond_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    starve(monkeypatch, 100_000)
    with pytest.raises(OutOfMemory, match=r"512 high and 512 wide takes 3\.15 MB of memory, but 100 kB are free"):
        NODES["LINFUpscale"].function(make_model(), picture(16, 16), scale=32.0)
    assert NODES["LINFUpscale"].function(make_model(), picture(16, 16), scale=2.0).shape == (1, 3, 32, 32)
