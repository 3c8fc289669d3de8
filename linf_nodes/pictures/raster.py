"""Decode through Pillow: PNG, JPEG, WebP, AVIF, and the TIFFs it knows best."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, PngImagePlugin

from . import exif as exif_blocks
from .codes_reading import read_colours
from .colour import to_srgb
from .ppm import read_ppm16
from .samples import Decoded, Samples
from .size import Header, check_size
from .texts import texts_of
from .webp import check_canvas

_opening = threading.Lock()
_ITEMSIZES = {"I": 4, "F": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}


@contextmanager
def opened(path: Path, kind: str) -> Iterator[ImageFile.ImageFile]:
    """Open a picture of any size.

    Big pictures are the purpose here, so Pillow's guard against decompression bombs is lifted, for the opening only; so
    is that against long texts, such as workflows with pictures in them: all together may have 64 MB.
    """
    if kind == "WEBP":
        check_canvas(path)
    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        longest, PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
        try:
            image = Image.open(path, formats=[kind])
        finally:
            Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = limit, longest
    with image:
        yield image


def read_raster(path: Path, kind: str) -> Decoded:
    """Decode the first frame of whatever Pillow reads."""
    with opened(path, kind) as image:
        deep = _is_deep(image, kind)
        check_size(path, kind, _header(image, kind))
        # an MPO is a JPEG that carries further views of the same picture
        pages = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        if kind == "PPM" and (wide := read_ppm16(path)) is not None:
            return Decoded(wide)
        samples, icc = (_deep_png(path, image), icc_of(image)) if deep else image_samples(image)
        exif = exif_blocks.exif_of(image)
        from_exif = exif_blocks.take_resolution(exif)
        dpi = _stated_dpi(image, kind) or from_exif
        return Decoded(samples, exif, icc, dpi, pages, texts_of(image), read_colours(path, kind))


def raster_header(path: Path, kind: str) -> Header:
    """What the file states, checked; no sample is decoded."""
    with opened(path, kind) as image:
        header = _header(image, kind)
        check_size(path, kind, header)
        turned = exif_blocks.take_orientation(exif_blocks.exif_of(image, decoding=False)) >= 5
        return replace(header, height=header.width, width=header.height) if turned else header


def _header(image: Image.Image, kind: str) -> Header:
    channels = len(image.getbands()) + (image.has_transparency_data and image.mode in ("1", "L", "RGB", "P"))
    colours = max(3, channels) if image.mode == "P" else channels
    return Header(image.height, image.width, colours, 2 if _is_deep(image, kind) else _ITEMSIZES.get(image.mode, 1))


def _is_deep(image: Image.Image, kind: str) -> bool:
    """Whether it is a 16-bit PNG; known until the picture is loaded."""
    return kind == "PNG" and _rawmode(image).endswith(";16B")


def _stated_dpi(image: Image.Image, kind: str) -> tuple[float, float] | None:
    """The resolution outside EXIF. For a JPEG without one Pillow would make up 72."""
    if kind == "JPEG" and image.info.get("jfif_unit") not in (1, 2):
        return None
    return exif_blocks.usable_dpi(image.info.get("dpi"))


def icc_of(image: Image.Image) -> bytes | None:
    """The ICC profile of an open picture."""
    return image.info.get("icc_profile") or None


def image_samples(image: Image.Image) -> tuple[Samples, bytes | None]:
    """Samples `[h, w, c]` of an open picture, and the ICC profile that still describes them."""
    if image.mode in ("1", "L"):
        _scale_transparency(image)
    image.load()  # in full: a truncated file raises here
    mode, clear = image.mode, image.has_transparency_data
    icc = icc_of(image)
    if mode in ("1", "L", "LA", "La"):
        image = image.convert("LA" if clear else "L")
    elif mode in ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX"):
        image = image.convert("RGBA" if clear else "RGB")
    elif mode not in ("I", "F") and not mode.startswith("I;16"):
        image, icc = to_srgb(image), None
    return as_planes(np.array(image)), icc


def as_planes(samples: Samples) -> Samples:
    """`[h, w]` or `[h, w, c]` to `[h, w, c]`."""
    return samples[..., None] if samples.ndim == 2 else samples


def _rawmode(image: Image.Image) -> str:
    """How Pillow's decoder will unpack the file's samples; known until the picture is loaded."""
    args: Any = image.tile[0].args if isinstance(image, ImageFile.ImageFile) and image.tile else ""
    return str(args[0] if isinstance(args, tuple) else args)


def _scale_transparency(image: Image.Image) -> None:
    """Pillow spreads 2- and 4-bit grey over 0 to 255, but not the grey level that is transparent."""
    factor = {"L;2": 85, "L;4": 17}.get(_rawmode(image))
    if factor and isinstance(image.info.get("transparency"), int):
        image.info["transparency"] *= factor


def reread(path: Path, kind: str, rawmode: str) -> Samples:
    """Decode a file again with its samples unpacked another way."""
    with opened(path, kind) as image:
        tile = image.tile[0]
        args = (rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode
        image.tile = [tile._replace(args=args)]
        return np.asarray(image)


def reread_deep(path: Path, kind: str, rawmode: str, order: str) -> Samples:
    """Decode 16-bit RGB or RGBA, of which Pillow keeps one byte: once for each byte.

    `rawmode` is "RGB" or "RGBA"; `order` says which byte the decoder sees first, "B" the high one, "L" the low one.
    """
    other = "L" if order == "B" else "B"
    high = reread(path, kind, f"{rawmode};16{order}").astype(np.uint16)
    high <<= 8
    high |= reread(path, kind, f"{rawmode};16{other}")
    return high


def _deep_png(path: Path, image: Image.Image) -> Samples:
    """All 16 bits of a 16-bit PNG, alpha made from the transparent colour where there is one."""
    rawmode = _rawmode(image)
    if rawmode == "I;16B":
        samples = as_planes(np.array(image).astype(np.uint16))
    elif rawmode == "LA;16B":  # four bytes per pixel, as in an 8-bit RGBA: high and low of grey, then of alpha
        samples = np.ascontiguousarray(reread(path, "PNG", "RGBA")).view(">u2").astype(np.uint16)
    else:
        samples = reread_deep(path, "PNG", rawmode.split(";")[0], "B")
    clear = image.info.get("transparency")
    if clear is None or samples.shape[2] in (2, 4):
        return samples
    alpha = np.where((samples == np.array(clear, np.uint16)).all(axis=2, keepdims=True), 0, 65535)
    return np.concatenate([samples, alpha.astype(np.uint16)], axis=2)
