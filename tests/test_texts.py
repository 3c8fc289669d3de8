"""What files say in words, colours by code, older formats, and sizes that cannot be: read, kept, or refused in time."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from linf_nodes.errors import BadPicture, BadValue
from linf_nodes.pictures import Picture, loss_notes, read_picture, read_recipe, write_picture
from linf_nodes.pictures.codes import Colours
from linf_nodes.pictures.png16 import with_chunks
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
        assert read_picture(tmp_path / name).texts.comments == ("hello",)


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
    assert again.colours.cicp == code
    assert np.allclose(again.pixels, picture.pixels, atol=1e-6)


def test_display_p3_becomes_srgb_elsewhere_and_pq_is_refused(tmp_path: Path) -> None:
    coded(tmp_path / "a.png", P3)
    picture = read_picture(tmp_path / "a.png")
    write_picture(picture, tmp_path / "b.tif")
    assert np.allclose(
        read_picture(tmp_path / "b.tif").pixels, Colours(((b"cICP", P3),)).to_srgb(picture.pixels), atol=1 / 500
    )
    assert loss_notes(picture, "b.tif") == ["'b.tif' cannot state the picture's colours, Display P3: they become sRGB"]
    coded(tmp_path / "q.png", PQ)
    with pytest.raises(BadValue, match=r"Rec\. 2020 PQ.*use \.png"):
        write_picture(read_picture(tmp_path / "q.png"), tmp_path / "q.tif")


def test_display_p3_to_srgb_is_the_standards_matrix() -> None:
    grey = np.full((1, 1, 3), 0.5, np.float32)
    assert np.allclose(Colours(((b"cICP", P3),)).to_srgb(grey), grey, atol=1e-6)
    red = np.array([[[1.0, 0.0, 0.0]]], np.float32)
    assert np.allclose(Colours(((b"cICP", P3),)).to_srgb(red), [[[1, 0, 0]]])  # beyond sRGB: clipped
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
    assert np.allclose(Colours(((b"cICP", P3),)).to_srgb(muted), wanted, atol=1e-4)


def test_codes_of_an_avif_are_read(tmp_path: Path) -> None:
    Image.fromarray(pixels()).save(tmp_path / "a.avif", quality=100, subsampling="4:4:4")
    plain = read_picture(tmp_path / "a.avif")
    assert plain.colours.usual
    data = (tmp_path / "a.avif").read_bytes()
    at = data.index(b"colrnclx") + 8
    for code in (P3, PQ):
        coded = data[:at] + bytes((0, code[0], 0, code[1])) + data[at + 4 :]
        (tmp_path / "b.avif").write_bytes(coded)
        assert read_picture(tmp_path / "b.avif").colours.cicp == code
    with pytest.raises(BadValue, match=r"Rec\. 2020 PQ.*use \.png"):
        write_picture(read_picture(tmp_path / "b.avif"), tmp_path / "c.avif")


def chunked(path: Path, *chunks: tuple[bytes, bytes]) -> None:
    Image.fromarray(pixels()).save(path, "PNG")
    path.write_bytes(with_chunks(path.read_bytes(), chunks))


LINEAR = (b"gAMA", struct.pack(">I", 100000))
USUAL = (b"gAMA", struct.pack(">I", 45455))
ADOBE = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))


@pytest.mark.parametrize("depth", ["8", "16"])
def test_a_png_keeps_every_word_about_its_colours(tmp_path: Path, depth: Any) -> None:
    said = ((b"cICP", PQ), (b"mDCV", bytes(range(24))), (b"cLLI", bytes(8)), LINEAR, ADOBE)
    chunked(tmp_path / "a.png", *said)
    write_picture(read_picture(tmp_path / "a.png"), tmp_path / "b.png", depth=depth)
    assert read_picture(tmp_path / "b.png").colours.chunks == said


def test_a_gamma_is_converted_elsewhere(tmp_path: Path) -> None:
    chunked(tmp_path / "a.png", LINEAR)
    picture = read_picture(tmp_path / "a.png")
    assert loss_notes(picture, "b.jpg") == [
        "'b.jpg' cannot state the picture's colours, a gamma of 1: they become sRGB"
    ]
    write_picture(picture, tmp_path / "b.tif")
    linear = picture.pixels
    wanted = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(read_picture(tmp_path / "b.tif").pixels - wanted).max() < 1 / 400


def test_the_usual_gamma_changes_nothing(tmp_path: Path) -> None:
    for name, said in (("a.png", [USUAL]), ("b.png", [(b"sRGB", b"\0"), LINEAR, ADOBE]), ("c.png", [])):
        chunked(tmp_path / name, *said)
        picture = read_picture(tmp_path / name)
        assert picture.colours.usual
        assert loss_notes(picture, "o.jpg") == []
        write_picture(picture, tmp_path / "o.tif")
        assert np.array_equal(read_picture(tmp_path / "o.tif").pixels, picture.pixels)


def test_primaries_by_number_are_those_by_code() -> None:
    numbers = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    by_number = Colours(((b"cHRM", struct.pack(">8I", *numbers)), USUAL))
    sample = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    assert np.allclose(by_number.to_srgb(sample), Colours.of_code(12, 13).to_srgb(sample), atol=1e-4)


@pytest.mark.parametrize("primaries", [1, 4, 5, 6, 7, 9, 11, 12, 22])
@pytest.mark.parametrize("curve", [4, 5, 8, 13])
def test_white_stays_white(primaries: int, curve: int) -> None:
    white = np.ones((1, 1, 3), np.float32)
    assert np.allclose(Colours.of_code(primaries, curve).to_srgb(white), white, atol=1e-5)


@pytest.mark.parametrize("code", [(9, 18, 0, 1), (12, 13, 1, 1), (12, 13, 0, 0), (99, 13, 0, 1), (9, 11, 0, 1)])
def test_colours_that_nobody_here_knows_are_refused_elsewhere(tmp_path: Path, code: tuple[int, ...]) -> None:
    coded(tmp_path / "a.png", bytes(code))
    with pytest.raises(BadValue, match="cannot be converted"):
        write_picture(read_picture(tmp_path / "a.png"), tmp_path / "b.jpg")


def other_profile() -> bytes:
    """A sound profile of other colours than sRGB's: red and green change places."""
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    places = {bytes(icc[k : k + 4]): k for k in range(132, 132 + 12 * int.from_bytes(icc[128:132], "big"), 12)}
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    icc[red + 4 : red + 12], icc[green + 4 : green + 12] = icc[green + 4 : green + 12], icc[red + 4 : red + 12]
    at = bytes(icc).index("sRGB".encode("utf-16-be"))
    icc[at : at + 8] = "swap".encode("utf-16-be")
    return bytes(icc)


@pytest.mark.parametrize("name", ["b.bmp", "b.ppm", "b.tga", "b.jp2"])
def test_colours_of_a_profile_become_srgb_where_it_cannot_be_held(tmp_path: Path, name: str) -> None:
    Image.fromarray(pixels()).save(tmp_path / "a.png", icc_profile=other_profile())
    picture = read_picture(tmp_path / "a.png")
    assert loss_notes(picture, name) == [f"'{name}' cannot hold the picture's ICC profile: its colours become sRGB"]
    write_picture(picture, tmp_path / name)
    found = np.rint(read_picture(tmp_path / name).pixels * 255)
    assert np.abs(found - pixels()[..., [1, 0, 2]]).max() <= 2


def test_a_profile_goes_before_codes_where_there_is_no_place_for_codes(tmp_path: Path) -> None:
    icc = other_profile()
    Image.fromarray(pixels()).save(tmp_path / "a.png", icc_profile=icc)
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(with_chunks(data, [(b"cICP", PQ)]))
    picture = read_picture(tmp_path / "a.png")
    write_picture(picture, tmp_path / "b.tif")
    again = read_picture(tmp_path / "b.tif")
    assert again.icc == icc
    assert np.array_equal(again.pixels, picture.pixels)


# EXIF of wrong types


def block(*entries: tuple[int, int, int, bytes]) -> bytes:
    """An EXIF block of (tag, type, count, value of at most 4 bytes)."""
    body = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in entries)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)


ODD = {
    "floats": (block((0x8298, 11, 1, b"abcd"), (0x010F, 2, 4, b"me\0")), ("Copyright",)),
    "a text for a number": (block((0x0100, 2, 3, b"ab"), (0x0131, 9, 1, b"\xff" * 4)), ("ImageWidth",)),
    "a turn in words": (block((0x0112, 2, 2, b"6")), ()),
    "a directory that is none": (block((0x8769, 2, 2, b"x")), ()),
    "a directory in itself": (block((0x8769, 4, 1, b"\x08"), (0x8825, 4, 1, b"\x08")), ()),
    "no type": (block((0x0132, 0, 0, b""), (0x010F, 99, 1, b"")), ()),
}


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
@pytest.mark.parametrize("kind", ODD)
def test_exif_of_wrong_types_costs_its_tags_alone(tmp_path: Path, name: str, kind: str) -> None:
    exif, odd = ODD[kind]
    Image.fromarray(pixels()).save(tmp_path / name, exif=exif)
    picture = read_picture(tmp_path / name)
    assert picture.odd == odd
    for target in ("b.jpg", "b.png", "b.tif", "b.webp"):
        write_picture(replace(picture, exif=exif), tmp_path / target, recipe={"scale": 2})
        again = read_picture(tmp_path / target)
        assert again.size == (6, 8)
        assert again.odd == ()
        assert read_recipe(tmp_path / target) == {"scale": 2}


def test_odd_tags_of_a_tiff_are_named(tmp_path: Path) -> None:
    tags = [(305, "2i", 1, (7, 9), True), (271, "s", 0, "me", True)]
    tifffile.imwrite(tmp_path / "a.tif", pixels(), photometric="rgb", metadata=None, software=False, extratags=tags)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.odd == ("Software",)
    write_picture(picture, tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as image:
        assert dict(image.getexif()) == {0x010F: "me"}


# What has no room


def test_long_words_of_a_png_are_kept(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("workflow", "w" * 3_000_000, zip=True)
    Image.fromarray(pixels()).save(tmp_path / "a.png", pnginfo=texts)
    before = PngImagePlugin.MAX_TEXT_CHUNK
    write_picture(read_picture(tmp_path / "a.png"), tmp_path / "b.png")
    assert dict(read_picture(tmp_path / "b.png").texts.pairs) == {"workflow": "w" * 3_000_000}
    assert before == PngImagePlugin.MAX_TEXT_CHUNK


@pytest.mark.parametrize("depth", ["8", "16"])
def test_a_resolution_beyond_a_format_is_left_out(tmp_path: Path, depth: Any) -> None:
    many = Picture(np.zeros((6, 8, 3), np.float32), dpi=(3e10, 3e10))
    for name in ("b.png", "b.tif"):
        write_picture(many, tmp_path / name, depth=depth)
        assert read_picture(tmp_path / name).dpi is None
    for name in ("b.jpg", "b.webp", "b.avif"):
        write_picture(many, tmp_path / name)
        assert read_picture(tmp_path / name).dpi is None
    write_picture(many, tmp_path / "b.bmp")
    assert loss_notes(many, "b.png") == ["'b.png' cannot hold the picture's DPI"]
    fine = replace(many, dpi=(2.54e6, 2.54e6))  # 10 nm
    write_picture(fine, tmp_path / "b.png", depth=depth)
    assert read_picture(tmp_path / "b.png").dpi == pytest.approx((2.54e6, 2.54e6))
    assert loss_notes(fine, "b.jpg") == ["'b.jpg' cannot hold the picture's DPI; a PNG can"]


def test_many_words_are_not_all_told() -> None:
    texts = Texts(pairs=tuple((f"k{i}", f"{i}") for i in range(99)))
    picture = Picture(np.zeros((6, 8, 3), np.float32), texts=texts)
    notes = ["'b.bmp' cannot hold the picture's k0, k1, k2, k3, k4, k5, k6, k7 and 91 more; a PNG can"]
    assert loss_notes(picture, "b.bmp") == notes


def test_words_too_long_for_a_jpeg_cost_only_themselves(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "c" * 70000)
    texts.add_itxt("XML:com.adobe.xmp", "<x>" + "z" * 70000 + "</x>")
    exif = Image.Exif()
    exif[0x010E] = "d" * 70000
    Image.fromarray(pixels()).save(tmp_path / "a.png", pnginfo=texts, exif=exif)
    picture = read_picture(tmp_path / "a.png")
    assert loss_notes(picture, "b.jpg") == ["'b.jpg' cannot hold the picture's EXIF, XMP, Comment; a PNG can"]
    write_picture(picture, tmp_path / "b.jpg", recipe={"scale": 2})
    assert read_picture(tmp_path / "b.jpg").texts == Texts()
    assert read_recipe(tmp_path / "b.jpg") == {"scale": 2}


@pytest.mark.parametrize("name", ["b.bmp", "b.ppm", "b.tga", "b.jp2"])
def test_lost_exif_is_said(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "barn"
    Image.fromarray(pixels()).save(tmp_path / "a.png", exif=exif)
    assert loss_notes(read_picture(tmp_path / "a.png"), name) == [f"'{name}' cannot hold the picture's EXIF; a PNG can"]


def test_sizes_in_every_directory_of_the_exif_are_mended(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0100], exif[0x0101] = 8, 6
    exif.get_ifd(0x8769)[0xA002] = 8
    exif.get_ifd(0x8769)[0xA003] = 6
    Image.fromarray(pixels()).save(tmp_path / "a.jpg", exif=exif)
    large = replace(read_picture(tmp_path / "a.jpg"), pixels=np.zeros((12, 16, 3), np.float32))
    write_picture(large, tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as image:
        found = image.getexif()
    assert (found[0x0100], found[0x0101]) == (16, 12)
    assert (found.get_ifd(0x8769)[0xA002], found.get_ifd(0x8769)[0xA003]) == (16, 12)


def test_every_comment_of_a_jpeg_is_kept(tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[:2] + b"\xff\xfe\0\x07first" + data[2:])
    write_picture(read_picture(tmp_path / "a.jpg"), tmp_path / "b.jpg")
    assert sorted(read_picture(tmp_path / "b.jpg").texts.comments) == ["first", "hello"]


@pytest.mark.parametrize("depth", ["8", "16"])
def test_texts_behind_the_samples_are_found(tmp_path: Path, depth: Any) -> None:
    png(tmp_path / "a.png")
    write_picture(read_picture(tmp_path / "a.png"), tmp_path / "b.png", depth=depth)
    data = (tmp_path / "b.png").read_bytes()
    body = b"tEXtlate\0words"
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "b.png").write_bytes(data[:-12] + chunk + data[-12:])
    assert ("late", "words") in read_picture(tmp_path / "b.png").texts.pairs


def test_blocks_that_a_png_holds_as_digits_go_elsewhere(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    for name, block in (("iptc", IPTC), ("xmp", XMP)):
        texts.add_text(f"Raw profile type {name}", f"\n{name}\n{len(block):8}\n{block.hex()}\n", zip=True)
    Image.fromarray(pixels()).save(tmp_path / "a.png", pnginfo=texts)
    write_picture(read_picture(tmp_path / "a.png"), tmp_path / "b.jpg")
    again = read_picture(tmp_path / "b.jpg").texts
    assert again.iptc == IPTC
    assert b'dc:title="barn"' in (again.xmp or b"")
    assert again.pairs == ()


def test_iptc_as_long_numbers(tmp_path: Path) -> None:
    block = IPTC + bytes(-len(IPTC) % 4)
    tag = (33723, "I", len(block) // 4, struct.unpack(f"<{len(block) // 4}I", block), True)
    tifffile.imwrite(tmp_path / "a.tif", pixels(), photometric="rgb", extratags=[tag], metadata=None)
    assert read_picture(tmp_path / "a.tif").texts.iptc == block


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


@pytest.mark.parametrize(("name", "channels", "most"), [
    ("a.pgm", 1, 65535), ("a.ppm", 3, 65535), ("a.pnm", 3, 1023), ("a.pgm", 1, 4095)
])  # fmt: skip
def test_sixteen_bits_of_a_ppm_are_kept(tmp_path: Path, name: str, channels: int, most: int) -> None:
    samples = np.random.default_rng(0).integers(0, most + 1, (4, 5, channels), np.uint16)
    samples[0, 0] = most
    head = b"P%d # by hand\n5 4\n%d\n" % (6 if channels == 3 else 5, most)
    (tmp_path / name).write_bytes(head + samples.astype(">u2").tobytes())
    picture = read_picture(tmp_path / name)
    assert picture.dtype == np.uint16
    assert np.abs(picture.pixels * most - samples).max() <= most / 65535
    write_picture(picture, tmp_path / f"b{name}")
    assert np.array_equal(read_picture(tmp_path / f"b{name}").pixels, picture.pixels)
    (tmp_path / name).write_bytes((head + samples.astype(">u2").tobytes())[:-3])
    with pytest.raises(BadPicture, match=f"{name}' is truncated"):
        read_picture(tmp_path / name)


def test_sixteen_bits_of_a_grey_jpeg_2000_are_kept(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 65536, (40, 50), np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.jp2")
    write_picture(read_picture(tmp_path / "a.jp2"), tmp_path / "b.jp2")
    assert np.array_equal(np.rint(read_picture(tmp_path / "b.jp2").pixels[..., 0] * 65535), grey)


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


def test_a_tag_that_asks_for_all_memory_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def starved(*_: Any) -> Any:
        raise MemoryError("Unable to allocate 383. GiB for an array")

    tiff(tmp_path / "a.tif")
    monkeypatch.setattr("linf_nodes.pictures.reading.read_tiff", starved)
    with pytest.raises(BadPicture, match=r"asks for more memory than there is \(Unable to allocate 383"):
        read_picture(tmp_path / "a.tif")
