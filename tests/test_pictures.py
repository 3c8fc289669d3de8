"""Pictures in and out: exact round trips, metadata, refusals, and files that are whole or not there at all."""

import dataclasses
import errno
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, PngImagePlugin
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from linf_nodes.atomic import atomic_write
from linf_nodes.errors import BadPicture, BadShape, BadValue, LinfError
from linf_nodes.pictures import EXTENSIONS, Depth, Picture, find_pictures, read_picture, read_recipe, write_picture
from linf_nodes.pictures.png16 import encode_png16
from linf_nodes.pictures.tiff_writing import write_tiff

RECIPE = {"model": "linf-lp", "scale": [3.5, 2], "seed": 7, "note": "naïve — 雨"}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SHAPE = (13, 17)

Array = NDArray[Any]
DType = type[Any]  # of a sample: np.uint8 and the like


def noise(dtype: DType, channels: int, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(0.5, 1, (*shape, channels)).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, (*shape, channels), dtype=dtype, endpoint=True)


def picture_of(samples: Array, **kwargs: Any) -> Picture:
    top = 1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
    planes = samples.astype(np.float32) / np.float32(top)
    colours = 3 if samples.shape[2] > 2 else 1
    alpha = planes[..., -1] if samples.shape[2] > colours else None
    return Picture(planes[..., :colours], alpha, samples.dtype, **kwargs)


def same(a: Picture, b: Picture) -> None:
    assert a.pixels.dtype == np.float32
    np.testing.assert_array_equal(a.pixels, b.pixels)
    assert (a.alpha is None) == (b.alpha is None)
    if a.alpha is not None:
        np.testing.assert_array_equal(a.alpha, b.alpha)


def full_exif() -> bytes:
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    exif[Base.Make] = "Maker"
    exif[Base.Copyright] = "me"
    exif.get_ifd(IFD.Exif)[Base.LensModel] = "50 mm"
    exif.get_ifd(IFD.Exif)[Base.ExifImageWidth] = 1
    exif.get_ifd(IFD.GPSInfo)[1] = "N"
    return exif.tobytes()


def exif_of(path: Path) -> Image.Exif:
    """What a file carries."""
    data = read_picture(path).exif
    assert data is not None
    exif = Image.Exif()
    exif.load(data)
    return exif


# --- round trips -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("a.png", np.uint8),
        ("a.png", np.uint16),
        ("a.tif", np.uint8),
        ("a.tiff", np.uint16),
        ("a.tif", np.float32),
        ("a.webp", np.uint8),
    ],
)
def test_lossless_round_trip(tmp_path: Path, name: str, dtype: DType, channels: int) -> None:
    path = tmp_path / name
    before = picture_of(noise(dtype, channels))
    write_picture(before, path)
    after = read_picture(path)
    if name.endswith("webp") and channels < 3:  # WebP knows no grey
        before = dataclasses.replace(before, pixels=before.pixels.repeat(3, axis=2))
    same(after, before)
    assert (after.dtype, after.format, after.pages) == (np.dtype(dtype), EXTENSIONS[path.suffix], 1)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32, np.int8])
def test_unusual_integers_round_trip_by_their_own_range(tmp_path: Path, dtype: DType) -> None:
    samples = noise(np.uint16, 3).astype(np.int64) % 100 - (0 if np.dtype(dtype).kind == "u" else 50)
    tifffile.imwrite(tmp_path / "a.tif", samples.astype(dtype), photometric="rgb")
    picture = read_picture(tmp_path / "a.tif")
    assert picture.range == (samples.min(), samples.max())
    assert (picture.pixels.min(), picture.pixels.max()) == (0, 1)
    write_picture(picture, tmp_path / "b.tif")
    after = tifffile.imread(tmp_path / "b.tif")
    assert after.dtype == dtype
    np.testing.assert_array_equal(after, samples)
    write_picture(picture, tmp_path / "b.png", depth="16")
    assert read_picture(tmp_path / "b.png").pixels.max() == 1


@pytest.mark.parametrize("name", ["a.jpg", "a.avif", "a.webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossy_is_near(tmp_path: Path, name: str, channels: int) -> None:
    ramp = np.linspace(0, 255, 64 * 48).reshape(48, 64, 1).repeat(channels, 2).astype(np.uint8)
    write_picture(picture_of(ramp), tmp_path / name)
    after = read_picture(tmp_path / name)
    if name.endswith("jpg"):  # WebP knows no grey, nor does AVIF in older versions of Pillow
        assert after.pixels.shape[2] == channels
    assert np.abs(after.pixels * 255 - ramp).max() < 4
    write_picture(picture_of(ramp), tmp_path / ("low" + name), quality=10)
    assert (tmp_path / ("low" + name)).stat().st_size != (tmp_path / name).stat().st_size


@pytest.mark.parametrize(("name", "channels"), [("a.jpg", 3), ("a.avif", 3), ("a.avif", 4)])
def test_no_chroma_subsampling(tmp_path: Path, name: str, channels: int) -> None:
    stripes = np.zeros((32, 32, channels), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255
    stripes[..., 3:] = 255
    write_picture(picture_of(stripes), tmp_path / name)
    after = read_picture(tmp_path / name)
    assert np.abs(after.pixels * 255 - stripes[..., :3]).max() < 60


def test_integers_are_clipped_and_rounded(tmp_path: Path) -> None:
    pixels = np.array([[[-0.2], [0.5 / 255 + 1e-4], [1.9 / 255], [1.7]]], np.float32)
    write_picture(Picture(pixels), tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), [[0, 1, 2, 255]])


def test_depth_converts(tmp_path: Path) -> None:
    picture = picture_of(noise(np.float32, 4))
    cases: list[tuple[Depth, DType, str]]
    cases = [("8", np.uint8, "a.png"), ("16", np.uint16, "b.png"), ("float32", np.float32, "c.tif")]
    for depth, dtype, name in cases:
        write_picture(picture, tmp_path / name, depth=depth)
        assert read_picture(tmp_path / name).dtype == dtype
    same(read_picture(tmp_path / "c.tif"), picture)


@pytest.mark.parametrize(
    ("dtype", "channels", "name", "options", "word"),
    [
        (np.uint16, 3, "a.jpg", {}, ".png or .tif"),
        (np.uint8, 3, "a.webp", {"depth": "16"}, ".png or .tif"),
        (np.uint8, 3, "a.avif", {"depth": "16"}, ".png or .tif"),
        (np.float32, 3, "a.png", {}, ".tif"),
        (np.uint8, 3, "a.jpg", {"depth": "float32"}, ".tif"),
        (np.uint8, 4, "a.jpg", {}, "alpha"),
        (np.uint8, 3, "a.xcf", {}, ".avif"),
        (np.uint8, 3, "a", {}, ".avif"),
        (np.uint8, 3, "a.png", {"depth": "12"}, "'12'"),
        (np.uint8, 3, "a.png", {"quality": 90}, "lossless"),
        (np.uint8, 3, "a.jpg", {"quality": 0}, "1 to 100"),
        (np.uint8, 3, "a.png", {"recipe": {"x": object()}}, "JSON"),
        (np.uint8, 3, "a.jpg", {"recipe": {"x": "y" * 70000}}, "too long"),
    ],
)
def test_combinations_that_cannot_be(
    tmp_path: Path, dtype: DType, channels: int, name: str, options: dict[str, Any], word: str
) -> None:
    with pytest.raises(BadValue, match=word):
        write_picture(picture_of(noise(dtype, channels)), tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_formats_with_a_longest_side(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="16383"):
        write_picture(Picture(np.zeros((1, 16384, 1), np.float32)), tmp_path / "a.webp")


@pytest.mark.parametrize("shape", [(3, 3), (3, 3, 2), (0, 3, 3), (1, 3, 3, 3)])
def test_picture_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadShape, match="shape"):
        Picture(np.zeros(shape, np.float32))
    with pytest.raises(BadShape, match="alpha"):
        Picture(np.zeros((2, 3, 1), np.float32), np.zeros((3, 2), np.float32))


# --- foreign files ---------------------------------------------------------------------------------------------------


def write_chunks(path: Path, header: tuple[int, ...], clear: bytes, body: bytes) -> None:
    """A PNG from its header's fields, its transparent colour and its filtered scanlines."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", *header)), (b"IDAT", zlib.compress(body)), (b"IEND", b"")]
    if clear:
        parts.insert(1, (b"tRNS", clear))
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def hand_made_png(path: Path, samples: Array, kinds: Sequence[int], clear: bytes = b"") -> None:
    """A 16-bit PNG whose row i is filtered with kinds[i % len(kinds)], by the specification's scalar formulas."""
    height, width, channels = samples.shape
    rows = samples.astype(">u2").tobytes()
    stride, step = width * channels * 2, channels * 2
    body = bytearray()
    for y in range(height):
        kind = kinds[y % len(kinds)]
        body.append(kind)
        for x in range(stride):
            at = y * stride + x
            a = rows[at - step] if x >= step else 0
            b = rows[at - stride] if y else 0
            c = rows[at - stride - step] if y and x >= step else 0
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            body.append((rows[at] - (0, a, b, (a + b) // 2, nearest)[kind]) % 256)

    write_chunks(path, (width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0), clear, bytes(body))


def plain_png_samples(data: bytes, shape: tuple[int, ...]) -> tuple[Array, set[int]]:
    """Undo a PNG by the specification's scalar formulas, as the writer's independent judge."""
    at, packed = 8, b""
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(name + body)
        packed += body if name == b"IDAT" else b""
        at += 12 + size
    raw, (height, width, channels) = zlib.decompress(packed), shape
    stride, step = width * channels * 2, channels * 2
    out, kinds = bytearray(), set()
    for y in range(height):
        kind = raw[y * (stride + 1)]
        kinds.add(kind)
        for x in range(stride):
            a = out[y * stride + x - step] if x >= step else 0
            b = out[(y - 1) * stride + x] if y else 0
            c = out[(y - 1) * stride + x - step] if y and x >= step else 0
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            out.append((raw[y * (stride + 1) + 1 + x] + (0, a, b, (a + b) // 2, nearest)[kind]) % 256)
    return np.frombuffer(bytes(out), ">u2").reshape(shape), kinds


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png16_reader_knows_all_five_filters(tmp_path: Path, channels: int) -> None:
    samples = noise(np.uint16, channels)
    hand_made_png(tmp_path / "a.png", samples, kinds=(0, 1, 2, 3, 4))
    same(read_picture(tmp_path / "a.png"), picture_of(samples))
    assert read_picture(tmp_path / "a.png").dtype == np.uint16


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png16_interlaced(tmp_path: Path, channels: int) -> None:
    samples = noise(np.uint16, channels)
    body = b""
    for y, x, down, across in [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]:
        body += b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples[y::down, x::across])
    header = (SHAPE[1], SHAPE[0], 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 1)
    write_chunks(tmp_path / "a.png", header, b"", body)
    same(read_picture(tmp_path / "a.png"), picture_of(samples))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png16_writer_obeys_the_specification(channels: int) -> None:
    y, x = np.mgrid[:70, :9]  # more rows than one block
    samples = (y * 900 + x * 1500)[..., None] + np.arange(channels) * 5000 + noise(np.uint8, channels, (70, 9)) % 3
    samples = samples.astype(np.uint16)
    samples[:6] = noise(np.uint16, channels, (6, 9))
    decoded, kinds = plain_png_samples(encode_png16(samples), samples.shape)
    np.testing.assert_array_equal(decoded, samples)
    assert len(kinds) >= 3


@pytest.mark.parametrize("channels", [1, 3])
def test_png16_transparent_colour(tmp_path: Path, channels: int) -> None:
    samples = noise(np.uint16, channels)
    hand_made_png(tmp_path / "a.png", samples, (0,), samples[2, 3].astype(">u2").tobytes())
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.alpha == 0, (samples == samples[2, 3]).all(axis=2))


def test_eight_bit_modes(tmp_path: Path) -> None:
    rgba = Image.fromarray(noise(np.uint8, 4))
    palette = rgba.convert("RGB").quantize(16)
    cases: dict[str, tuple[Image.Image, dict[str, Any], str]] = {
        "palette": (palette, {}, "RGB"),
        "clear palette": (palette, {"transparency": 3}, "RGBA"),
        "clear palette bytes": (palette, {"transparency": bytes(range(0, 256, 16))}, "RGBA"),
        "bits": (rgba.convert("1"), {}, "L"),
        "clear bit": (rgba.convert("1"), {"transparency": 1}, "LA"),
        "clear grey": (rgba.convert("L"), {"transparency": 7}, "LA"),
        "clear colour": (rgba.convert("RGB"), {"transparency": (1, 2, 3)}, "RGBA"),
        "grey alpha": (rgba.convert("LA"), {}, "LA"),
    }
    for name, (image, options, mode) in cases.items():
        path = tmp_path / f"{name}.png"
        image.save(path, **options)
        with Image.open(path) as again:
            expected = np.asarray(again.convert("L").convert(mode) if name == "bits" else again.convert(mode))
        picture = read_picture(path)
        assert picture.dtype == np.uint8
        same(picture, picture_of(expected if expected.ndim == 3 else expected[..., None]))


def test_transparent_level_of_few_bits(tmp_path: Path) -> None:
    scanlines = bytes.fromhex("00 0123 00 4567 00 89ab 00 cdef")
    write_chunks(tmp_path / "a.png", (4, 4, 4, 0, 0, 0, 0), b"\0\5", scanlines)
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha.ravel() == 0, np.arange(16) == 5)
    np.testing.assert_array_equal(np.rint(picture.pixels.ravel() * 15), np.arange(16))


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_becomes_rgb(tmp_path: Path, name: str) -> None:
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red.save(tmp_path / name)
    picture = read_picture(tmp_path / name)
    np.testing.assert_allclose(picture.pixels[4, 4], (1, 0, 0), atol=0.02)
    red.save(tmp_path / name, icc_profile=SRGB)  # a profile that does not fit is ignored
    picture = read_picture(tmp_path / name)
    np.testing.assert_allclose(picture.pixels[4, 4], (1, 0, 0), atol=0.02)
    assert picture.icc is None


def test_lab_tiff_becomes_srgb(tmp_path: Path) -> None:
    grey = Image.new("RGB", (4, 4), (128, 128, 128))
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(grey, to_lab)
    assert lab is not None
    lab.save(tmp_path / "a.tif")
    np.testing.assert_allclose(read_picture(tmp_path / "a.tif").pixels, 128 / 255, atol=0.02)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate", "packbits", "jpeg", "group4"])
def test_tiff_codecs_of_pillow(tmp_path: Path, compression: str | None) -> None:
    image = Image.fromarray(noise(np.uint8, 3) // 64 * 64)
    if compression == "group4":
        image = image.convert("1")
    image.save(tmp_path / "a.tif", compression=compression)
    with Image.open(tmp_path / "a.tif") as again:
        expected = np.asarray(again.convert("L") if compression == "group4" else again.convert("RGB"))
    same(read_picture(tmp_path / "a.tif"), picture_of(expected if expected.ndim == 3 else expected[..., None]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.float16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_layouts(tmp_path: Path, dtype: DType, planar: str, byteorder: Literal["<", ">"]) -> None:
    for channels in (3, 4):
        samples = noise(dtype, channels)
        tifffile.imwrite(
            tmp_path / "a.tif",
            samples if planar == "contig" else np.moveaxis(samples, 2, 0),
            photometric="rgb",
            planarconfig=planar,
            byteorder=byteorder,
            extrasamples=["unassalpha"] if channels == 4 else None,
            tile=(16, 16) if planar == "contig" else None,
            bigtiff=byteorder == ">",
        )
        same(read_picture(tmp_path / "a.tif"), picture_of(samples))


def test_tiff_white_is_zero_and_premultiplied_alpha(tmp_path: Path) -> None:
    grey = noise(np.uint16, 1)
    tifffile.imwrite(tmp_path / "a.tif", 65535 - grey[..., 0], photometric="miniswhite")
    same(read_picture(tmp_path / "a.tif"), picture_of(grey))
    rgba = np.full((4, 4, 4), 20000, np.uint16)
    rgba[..., 3], rgba[0, 0] = 40000, 0
    tifffile.imwrite(tmp_path / "b.tif", rgba, photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(tmp_path / "b.tif")
    np.testing.assert_allclose(picture.pixels[1, 1], 0.5, atol=1e-4)
    assert picture.alpha is not None
    assert picture.pixels[0, 0].max() == picture.alpha[0, 0] == 0


def test_tiff_pages(tmp_path: Path) -> None:
    samples = noise(np.uint16, 1, (3, 5))
    tifffile.imwrite(tmp_path / "a.tif", np.stack([samples[..., 0]] * 4), photometric="minisblack")
    assert read_picture(tmp_path / "a.tif").pages == 4
    same(read_picture(tmp_path / "a.tif"), picture_of(samples))


def lzw(data: bytes) -> bytes:
    """TIFF's LZW without compression: literals of 9 bits, the table cleared before it grows."""
    codes = []
    for start in range(0, len(data), 200):
        codes += [256, *data[start : start + 200]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_lzw_of_16_bits(tmp_path: Path, channels: int) -> None:
    samples = noise(np.uint16, channels, (5, 6))
    data = lzw(samples.tobytes())
    ifd = ImageFileDirectory_v2()
    bits = (16,) * channels
    tags = {256: 6, 257: 5, 258: bits, 259: 5, 262: 2 if channels > 1 else 1, 277: channels, 278: 5, 279: len(data)}
    for tag, value in (tags | ({338: 2} if channels == 4 else {})).items():
        ifd[tag] = value
    ifd[273] = 0  # Pillow adds the place after the directory
    head = ifd.tobytes(8)
    (tmp_path / "a.tif").write_bytes(b"II*\0\x08\0\0\0" + head + data)
    same(read_picture(tmp_path / "a.tif"), picture_of(samples))


def test_tiff_refuses_channels_it_cannot_name(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(np.uint8, 2), photometric="minisblack", planarconfig="contig")
    with pytest.raises(BadPicture, match="2 channels"):
        read_picture(tmp_path / "a.tif")


def test_big_pictures_are_no_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for name in ("a.png", "a.jpg", "a.webp", "a.avif", "a.tif"):
        write_picture(picture_of(noise(np.uint8, 3)), tmp_path / name)
        assert read_picture(tmp_path / name).pixels.shape == (*SHAPE, 3)
        read_recipe(tmp_path / name)
    assert Image.MAX_IMAGE_PIXELS == 10


# --- metadata --------------------------------------------------------------------------------------------------------

LOSSLESS = ["a.png", "b.png", "a.tif", "b.tif", "c.tif", "a.webp", "a.avif", "a.jpg"]


@pytest.mark.parametrize("name", LOSSLESS)
def test_metadata_is_kept(tmp_path: Path, name: str) -> None:
    dtype = {"a": np.uint8, "b": np.uint16, "c": np.float32}[name[0]]
    before = picture_of(noise(dtype, 3), icc=SRGB, exif=full_exif(), dpi=(300.0, 150.0))
    for recipe in (None, RECIPE):
        write_picture(before, tmp_path / name, recipe=recipe)
        after = read_picture(tmp_path / name)
        assert after.icc == SRGB
        assert after.dpi == pytest.approx((300, 150), rel=1e-4)
        same(after, before) if after.format not in ("JPEG", "AVIF") else None
        assert after.exif is not None
        exif = Image.Exif()
        exif.load(after.exif)
        assert Base.Orientation not in exif
        assert (exif[Base.Make], exif[Base.Copyright]) == ("Maker", "me")
        assert exif.get_ifd(IFD.Exif)[Base.LensModel] == "50 mm"
        assert exif.get_ifd(IFD.Exif)[Base.ExifImageWidth] == SHAPE[1]
        assert exif.get_ifd(IFD.GPSInfo)[1] == "N"
        assert b"linf" not in after.exif
        assert read_recipe(tmp_path / name) == recipe
        if dtype != np.float32:
            with Image.open(tmp_path / name) as image:
                assert image.getexif().get(Base.Orientation, 1) == 1
                assert image.getexif()[Base.Make] == "Maker"


@pytest.mark.parametrize("name", LOSSLESS)
def test_no_metadata_stays_none(tmp_path: Path, name: str) -> None:
    dtype = {"a": np.uint8, "b": np.uint16, "c": np.float32}[name[0]]
    write_picture(picture_of(noise(dtype, 1)), tmp_path / name)
    after = read_picture(tmp_path / name)
    assert (after.icc, after.exif, after.dpi) == (None, None, None)
    assert read_recipe(tmp_path / name) is None
    write_picture(after, tmp_path / name, recipe=RECIPE)
    assert read_recipe(tmp_path / name) == RECIPE
    assert read_picture(tmp_path / name).exif is None


@pytest.mark.parametrize("name", ["a.jpg", "a.tif", "a.webp", "a.avif"])
def test_a_foreign_comment_survives_the_recipe(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.UserComment] = b"ASCII\0\0\0hello"
    picture = picture_of(noise(np.uint8, 3), exif=exif.tobytes())
    write_picture(picture, tmp_path / name, recipe=RECIPE)
    assert read_recipe(tmp_path / name) == RECIPE
    after = exif_of(tmp_path / name)
    assert after.get_ifd(IFD.Exif)[Base.UserComment] == b"ASCII\0\0\0hello"


def test_bigtiff_carries_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.load(full_exif())
    write_tiff(tmp_path / "a.tif", noise(np.uint16, 3), icc=None, exif=exif, dpi=(72, 72), big=True)
    after = exif_of(tmp_path / "a.tif")
    assert after.get_ifd(IFD.Exif)[Base.LensModel] == "50 mm"
    with Image.open(tmp_path / "a.tif") as image:
        assert image.getexif().get_ifd(IFD.GPSInfo)[1] == "N"


def test_png_text_of_others_is_no_recipe(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("linf", "not JSON")
    Image.new("L", (2, 2)).save(tmp_path / "a.png", pnginfo=info)
    assert read_recipe(tmp_path / "a.png") is None


def test_webp_drops_a_grey_profile(tmp_path: Path) -> None:
    grey_profile = SRGB[:16] + b"GRAY" + SRGB[20:]
    write_picture(picture_of(noise(np.uint8, 1), icc=grey_profile), tmp_path / "a.webp")
    assert read_picture(tmp_path / "a.webp").icc is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a.avif"])
def test_orientation_is_applied_once(tmp_path: Path, orientation: int, name: str) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    options: dict[str, Any] = {} if name.endswith(("webp", "avif")) else {"dpi": (300, 150)}
    Image.fromarray(noise(np.uint8, 3)).save(tmp_path / name, exif=exif, **options)
    with Image.open(tmp_path / name) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    picture = read_picture(tmp_path / name)
    same(picture, picture_of(expected))
    if options:
        assert picture.dpi == pytest.approx((150, 300) if orientation > 4 else (300, 150), rel=1e-4)
    write_picture(picture, tmp_path / "again.png")
    same(read_picture(tmp_path / "again.png"), picture)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.avif"])
def test_damaged_exif_costs_only_the_exif(tmp_path: Path, name: str) -> None:
    picture = picture_of(noise(np.uint8, 3), exif=b"Exif\0\0nonsense")
    write_picture(picture, tmp_path / name, recipe=RECIPE)
    assert read_picture(tmp_path / name).exif is None
    assert read_recipe(tmp_path / name) == RECIPE


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "b.png", "a.jpg", "a.webp", "a.avif", "a.tif", "b.tif"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated(tmp_path: Path, name: str, part: float) -> None:
    path = tmp_path / name
    write_picture(picture_of(noise(np.uint16 if name[0] == "b" else np.uint8, 3, (64, 64))), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(BadPicture, match=name):
        read_picture(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_truncated_tiff_with_its_directory_first(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(np.uint16, 3, (64, 64)), photometric="rgb", compression=compression)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadPicture, match="truncated"):
        read_picture(path)


@pytest.mark.parametrize(
    "content", [b"", b"hello, world, this is no picture", b"\x89PNG\r\n\x1a\n", b"II*\0", b"GIF89a"]
)
def test_not_a_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    for reader in (read_picture, read_recipe):
        with pytest.raises(BadPicture, match=r"a\.png"):
            reader(tmp_path / "a.png")


def test_missing_and_folder(tmp_path: Path) -> None:
    with pytest.raises(BadPicture, match=r"no file .*gone\.png"):
        read_picture(tmp_path / "gone.png")
    with pytest.raises(BadPicture, match="folder"):
        read_picture(tmp_path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_pixels_that_are_not_numbers(tmp_path: Path, bad: float) -> None:
    samples = noise(np.float64, 3)
    samples[1, 2] = samples[3, 4, 1] = bad
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb")
    with pytest.raises(BadPicture, match=r"a\.tif.* 2 pixels.*nan_to_num"):
        read_picture(tmp_path / "a.tif")


def test_nan_is_not_written(tmp_path: Path) -> None:
    pixels = np.full((2, 2, 1), np.nan, np.float32)
    with pytest.raises(BadPicture, match="4 samples"):
        write_picture(Picture(pixels), tmp_path / "a.tif", depth="float32")


# --- whole or not at all ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException
) -> None:
    path = tmp_path / name
    path.write_bytes(b"old")

    def fail(*args: object) -> NoReturn:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    expected = BadValue if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match="No space left" if isinstance(error, OSError) else None):
        write_picture(picture_of(noise(np.uint8, 3)), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_a_full_disk(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"old")
    code = f"""
import resource, numpy as np
from linf_nodes.errors import BadValue
from linf_nodes.pictures import Picture, write_picture
pixels = np.random.default_rng(0).random((200, 200, 3), np.float32)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_picture(Picture(pixels), {str(tmp_path / name)!r})
except BadValue as error:
    assert "too large" in str(error) and {name!r} in str(error), error
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"old"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    picture = picture_of(noise(np.uint8, 1))
    for name, word in [("file/a.png", "no folder"), ("none/a.png", "no folder"), ("folder.png", "is a folder")]:
        with pytest.raises(BadValue, match=word):
            write_picture(picture, tmp_path / name)
    with pytest.raises(LinfError, match="name"):
        write_picture(picture, tmp_path / ("x" * 300 + ".png"))


def test_atomic_write_follows_links_and_keeps_permissions(tmp_path: Path) -> None:
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    with atomic_write(link) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640

    def fail_halfway() -> None:
        with atomic_write(link) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.txt", "target.txt"]


# --- finding ---------------------------------------------------------------------------------------------------------


def test_find_pictures(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "notes.txt", ".hidden.png", "sub/c.tiff", "odd[1].webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    own = [tmp_path / name for name in ("a.jpg", "b.PNG", "odd[1].webp")]
    assert find_pictures([tmp_path]) == own
    assert find_pictures(str(tmp_path)) == own
    assert find_pictures([tmp_path / "b.PNG", f"{tmp_path}/*"]) == [own[1], own[0], own[2]]
    assert find_pictures([f"{tmp_path}/**/*.tiff", tmp_path / "odd[1].webp"]) == [tmp_path / "sub/c.tiff", own[2]]
    assert find_pictures([tmp_path / "notes.txt"]) == [tmp_path / "notes.txt"]
    (tmp_path / "empty").mkdir()
    for spec in (tmp_path / "gone.png", f"{tmp_path}/*.avif", tmp_path / "empty"):
        with pytest.raises(BadPicture, match=Path(spec).name.replace("*", r"\*")):
            find_pictures([tmp_path, spec])


@pytest.mark.parametrize("imagej", [False, True])
def test_a_description_of_the_old_files_shape_is_dropped(tmp_path: Path, imagej: bool) -> None:
    source, target = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(source, np.zeros((40, 30), np.uint16), imagej=imagej, metadata={"axes": "YX"})
    picture = read_picture(source)
    write_picture(dataclasses.replace(picture, pixels=np.zeros((80, 60, 1), np.float32)), target)
    with tifffile.TiffFile(target) as file:
        assert file.series[0].shape == (80, 60)
        assert not file.is_imagej
