"""What files say in words, colours by code, older formats, and sizes that cannot be: read, kept, or refused in time."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from linf_nodes.errors import BadPicture, BadValue
from linf_nodes.pictures import loss_notes, read_picture, write_picture
from linf_nodes.pictures.cicp import to_srgb
from linf_nodes.pictures.size import check_size
from linf_nodes.pictures.texts import Texts

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description dc:title="barn" tiff:Orientation="6" '
    b'exif:PixelXDimension="40"><exif:PixelYDimension>32</exif:PixelYDimension></rdf:Description></x:xmpmeta>'
)
IPTC = b"\x1c\x02\x69\x00\x04barn"


def pixels(h: int = 6, w: int = 8, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)


def jpeg(path: Path) -> None:
    segment = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + len(IPTC).to_bytes(4, "big") + IPTC + b"\0" * (len(IPTC) % 2)
    extra = b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment
    Image.fromarray(pixels()).save(path, "JPEG", xmp=XMP, comment=b"hello", extra=extra)


def png(path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "a tree\nSteps: 20")
    texts.add_itxt("workflow", '{"name": "Bäume"}')
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    Image.fromarray(pixels()).save(path, "PNG", pnginfo=texts)


def tiff(path: Path) -> None:
    tags = [(700, "B", len(XMP), XMP, True), (33723, "B", len(IPTC), IPTC, True)]
    tifffile.imwrite(path, pixels(), photometric="rgb", extratags=tags, metadata=None)


@pytest.mark.parametrize("target", ["o.jpg", "o.png", "o.tif", "o.webp"])
@pytest.mark.parametrize("make", [jpeg, png, tiff])
def test_xmp_is_kept_upright_and_of_the_new_size(tmp_path: Path, make: Any, target: str) -> None:
    make(tmp_path / "a")
    picture = read_picture(tmp_path / "a")
    write_picture(picture, tmp_path / target)
    again = read_picture(tmp_path / target).texts.xmp
    assert again is not None
    assert b'dc:title="barn"' in again
    assert b'tiff:Orientation="1"' in again
    h, w = picture.pixels.shape[:2]  # turned, where the reader heeds the orientation that XMP states
    assert f'PixelXDimension="{w}"'.encode() in again
    assert f"<exif:PixelYDimension>{h}</".encode() in again


@pytest.mark.parametrize("depth", ["8", "16"])
def test_texts_of_a_png_are_kept_and_ours_stays_apart(tmp_path: Path, depth: Any) -> None:
    png(tmp_path / "a.png")
    write_picture(read_picture(tmp_path / "a.png"), tmp_path / "b.png", depth=depth, recipe={"scale": 2})
    write_picture(read_picture(tmp_path / "b.png"), tmp_path / "c.png", depth=depth, recipe={"scale": 3})
    with Image.open(tmp_path / "c.png") as image:
        image.load()
        found = dict(image.text)  # type: ignore[attr-defined]  # a PNG's alone
    assert found.pop("XML:com.adobe.xmp").startswith("<x:xmpmeta")
    assert found == {"linf": '{"scale": 3}', "parameters": "a tree\nSteps: 20", "workflow": '{"name": "Bäume"}'}


@pytest.mark.parametrize("target", ["b.jpg", "b.tif"])
@pytest.mark.parametrize("make", [jpeg, tiff])
def test_iptc_is_kept(tmp_path: Path, make: Any, target: str) -> None:
    make(tmp_path / "a")
    write_picture(read_picture(tmp_path / "a"), tmp_path / target)
    assert read_picture(tmp_path / target).texts.iptc == IPTC


def test_comments_of_a_jpeg_are_kept(tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg")
    write_picture(read_picture(tmp_path / "a.jpg"), tmp_path / "b.jpg")
    write_picture(read_picture(tmp_path / "b.jpg"), tmp_path / "c.png")
    for name in ("b.jpg", "c.png"):
        assert read_picture(tmp_path / name).texts.comment == "hello"


def test_what_a_format_cannot_hold_is_said(tmp_path: Path) -> None:
    png(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert loss_notes(picture, "b.png") == []
    assert loss_notes(picture, "b.jpg") == ["'b.jpg' cannot hold the picture's parameters, workflow; a PNG can"]


def test_words_stay_as_they_are_where_nothing_is_wrong() -> None:
    assert Texts().sized(3, 4) == Texts()
    assert Texts(b"no numbers").sized(3, 4).xmp == b"no numbers"


# Colours by code


def coded(path: Path, code: bytes) -> None:
    """A PNG whose cICP chunk says `code`."""
    Image.fromarray(pixels()).save(path)
    data = path.read_bytes()
    chunk = struct.pack(">I", 4) + b"cICP" + code + struct.pack(">I", zlib.crc32(b"cICP" + code))
    path.write_bytes(data[:33] + chunk + data[33:])


P3, PQ = bytes((12, 13, 0, 1)), bytes((9, 16, 0, 1))


@pytest.mark.parametrize("depth", ["8", "16"])
@pytest.mark.parametrize("code", [P3, PQ])
def test_a_png_keeps_its_colours_code(tmp_path: Path, code: bytes, depth: Any) -> None:
    coded(tmp_path / "a.png", code)
    picture = read_picture(tmp_path / "a.png")
    write_picture(picture, tmp_path / "b.png", depth=depth)
    again = read_picture(tmp_path / "b.png")
    assert again.cicp == code
    assert np.allclose(again.pixels, picture.pixels, atol=1e-6)


def test_display_p3_becomes_srgb_elsewhere_and_pq_is_refused(tmp_path: Path) -> None:
    coded(tmp_path / "a.png", P3)
    picture = read_picture(tmp_path / "a.png")
    write_picture(picture, tmp_path / "b.tif")
    assert np.allclose(read_picture(tmp_path / "b.tif").pixels, to_srgb(picture.pixels, P3), atol=1 / 500)
    assert loss_notes(picture, "b.tif") == ["'b.tif' cannot state the picture's colours, Display P3: they become sRGB"]
    coded(tmp_path / "q.png", PQ)
    with pytest.raises(BadValue, match=r"Rec\. 2020 PQ.*use \.png"):
        write_picture(read_picture(tmp_path / "q.png"), tmp_path / "q.tif")


def test_display_p3_to_srgb_is_the_standards_matrix() -> None:
    grey = np.full((1, 1, 3), 0.5, np.float32)
    assert np.allclose(to_srgb(grey, P3), grey, atol=1e-6)
    red = np.array([[[1.0, 0.0, 0.0]]], np.float32)
    assert np.allclose(to_srgb(red, P3), [[[1, 0, 0]]])  # beyond sRGB: clipped
    muted = np.array([[[0.6, 0.5, 0.4]]], np.float32)  # by way of XYZ
    linear = ((muted + 0.055) / 1.055) ** 2.4
    to_xyz = np.array(
        [[0.48657095, 0.26566769, 0.19821729], [0.22897456, 0.69173852, 0.07928691], [0, 0.04511338, 1.04394437]]
    )
    from_xyz = np.array(
        [
            [3.24096994, -1.53738318, -0.49861076],
            [-0.96924364, 1.8759675, 0.04155506],
            [0.05563008, -0.20397696, 1.05697151],
        ]
    )
    wanted = 1.055 * (linear @ to_xyz.T @ from_xyz.T) ** (1 / 2.4) - 0.055
    assert np.allclose(to_srgb(muted, P3), wanted, atol=1e-4)


# Formats that others read


@pytest.mark.parametrize("suffix", [".bmp", ".ppm", ".tga", ".jp2"])
def test_older_formats_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(pixels()).save(tmp_path / f"a{suffix}")
    picture = read_picture(tmp_path / f"a{suffix}")
    assert np.array_equal(np.rint(picture.pixels * 255), pixels())
    write_picture(picture, tmp_path / f"b{suffix}")
    assert np.array_equal(read_picture(tmp_path / f"b{suffix}").pixels, picture.pixels)


def test_a_gif_gives_its_first_frame_and_is_not_written(tmp_path: Path) -> None:
    frames = [Image.fromarray(pixels(seed=k)[..., 0]) for k in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    picture = read_picture(tmp_path / "a.gif")
    assert picture.pages == 3
    assert np.array_equal(np.rint(picture.pixels[..., 0] * 255), pixels()[..., 0])
    with pytest.raises(BadValue, match=r"256 colours; use \.png"):
        write_picture(picture, tmp_path / "b.gif")


def test_sixteen_bit_grey_of_a_pgm_is_kept(tmp_path: Path) -> None:
    samples = np.array([[0, 1, 300], [40000, 65534, 65535]], np.uint16)
    (tmp_path / "a.pgm").write_bytes(b"P5\n3 2\n65535\n" + samples.astype(">u2").tobytes())
    picture = read_picture(tmp_path / "a.pgm")
    assert picture.dtype == np.uint16
    assert np.array_equal(np.rint(picture.pixels[..., 0] * 65535), samples)


# Sizes that cannot be


def claiming(path: Path, width: int, height: int) -> None:
    """A small PNG whose header claims another size."""
    Image.fromarray(pixels()).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    path.write_bytes(bytes(data))


def test_a_claim_that_the_bytes_cannot_hold_is_damage(tmp_path: Path) -> None:
    claiming(tmp_path / "a.png", 60000, 60000)
    with pytest.raises(BadPicture, match=r"damaged: it claims 60000 x 60000 pixels, which \d+ bytes of PNG cannot"):
        read_picture(tmp_path / "a.png")


def test_a_picture_beyond_the_memory_is_told_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.webp"
    Image.fromarray(pixels()).save(file)
    monkeypatch.setattr("linf_nodes.memory.free_memory", lambda: 1 << 20)
    monkeypatch.setattr("linf_nodes.pictures.size.free_memory", lambda: 1 << 20)
    check_size(file, "WEBP", 100, 100, 3, 1)
    with pytest.raises(
        BadPicture, match=r"claims 1000 x 1000 pixels, and reading them takes 33 MB .* 1\.05 MB are free"
    ):
        check_size(file, "WEBP", 1000, 1000, 3, 1)


def test_a_tag_that_asks_for_all_memory_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def starved(*_: Any) -> Any:
        raise MemoryError("Unable to allocate 383. GiB for an array")

    tiff(tmp_path / "a.tif")
    monkeypatch.setattr("linf_nodes.pictures.reading.read_tiff", starved)
    with pytest.raises(BadPicture, match=r"asks for more memory than there is \(Unable to allocate 383"):
        read_picture(tmp_path / "a.tif")
