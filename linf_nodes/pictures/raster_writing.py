"""Encode through Pillow, but 16-bit PNG and PPM: the whole file in memory, words and colours with it."""

import io
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from ..errors import BadValue
from . import exif as exif_blocks
from .holding import LONGEST_SEGMENT
from .picture import Picture
from .png16 import encode_png16, with_chunks
from .ppm import encode_ppm16
from .provenance import KEY, recipe_text
from .samples import Samples
from .texts import Texts, comment_segment, photoshop_block, png_chunks

LOSSY = ("JPEG", "WEBP", "AVIF")


def encoded(
    picture: Picture,
    samples: Samples,
    kind: str,
    exif: Image.Exif,
    recipe: Mapping[str, object] | None,
    quality: int | None,
    path: str | os.PathLike[str],
) -> bytes:
    """The whole file in memory, so that a full disk and a refusing encoder are told apart."""
    block = _block(exif, kind)
    texts = sized_texts(picture)
    chunks = _png_chunks(picture, texts, recipe) if kind == "PNG" else []
    if samples.dtype == np.uint16 and kind == "PPM":
        return encode_ppm16(samples)
    if samples.dtype == np.uint16 and kind == "PNG":
        return encode_png16(samples, icc=picture.icc, exif=block, dpi=picture.dpi, more=chunks)
    options = _words(kind, texts)
    if kind in LOSSY:
        options |= _lossy_options(kind, quality, grey=samples.shape[2] < 3)
    if picture.dpi is not None:
        options["dpi"] = picture.dpi
    if block:
        options["exif"] = block
    if picture.icc and not (kind == "WEBP" and _describes_grey(picture.icc)):
        options["icc_profile"] = picture.icc
    stream = io.BytesIO()
    try:
        Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples).save(stream, kind, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise BadValue(f"cannot write '{path}' as {kind}: {error}; use .png or .tif") from error
    return with_chunks(stream.getvalue(), chunks) if chunks else stream.getvalue()


def sized_texts(picture: Picture) -> Texts:
    return picture.texts.sized(*picture.size)


def _png_chunks(picture: Picture, texts: Texts, recipe: Mapping[str, object] | None) -> list[tuple[bytes, bytes]]:
    """What a PNG says beside ICC, EXIF and resolution; colours first, as the format asks."""
    chunks = [c for c in picture.colours.chunks if not (picture.icc and c[0] == b"sRGB")]
    if recipe is not None:
        texts = replace(texts, pairs=((KEY, recipe_text(recipe)), *texts.pairs))
    return chunks + png_chunks(texts)


def _block(exif: Image.Exif, kind: str) -> bytes | None:
    """The EXIF block; without our recipe where a JPEG has no room for both."""
    block = exif_blocks.dump_exif(exif)
    if kind == "JPEG" and block and len(block) + 2 > LONGEST_SEGMENT:
        exif_blocks.take_recipe(exif)
        return exif_blocks.dump_exif(exif) or block
    return block


def _words(kind: str, texts: Texts) -> dict[str, Any]:
    """What other formats than PNG and TIFF hold of the words."""
    options: dict[str, Any] = {}
    if texts.xmp is not None and kind in LOSSY:
        options["xmp"] = texts.xmp
    if kind in ("JPEG", "JPEG2000") and texts.comments:
        options["comment"] = texts.comments[0]
    if kind == "JPEG":
        iptc = b"" if texts.iptc is None else photoshop_block(texts.iptc)
        options["extra"] = iptc + b"".join(map(comment_segment, texts.comments[1:]))
    return options


def _lossy_options(kind: str, quality: int | None, *, grey: bool) -> dict[str, Any]:
    if kind == "WEBP":
        # exact keeps the colours under transparent pixels
        return {"lossless": True, "exact": True} if quality is None else {"quality": quality, "exact": True}
    chosen: dict[str, Any] = {"quality": 95 if quality is None else quality}
    if not grey:
        chosen["subsampling"] = "4:4:4"
    return chosen


def _describes_grey(icc: bytes) -> bool:
    """Whether a profile is for grey samples; WebP turns grey into RGB, which such a profile does not fit."""
    return icc[16:20] == b"GRAY"
