"""Write a picture file."""

import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from PIL import Image

from ..atomic import atomic_write
from ..errors import BadPicture, BadValue
from . import exif as exif_blocks
from .formats import format_by_name
from .holding import check_colours, fitted
from .picture import Picture
from .raster_writing import LOSSY, encoded, sized_texts
from .samples import Samples, from_float, full_range
from .tiff_writing import write_tiff
from .webp import LONGEST_SIDE

Depth = Literal["8", "16", "float32"]

DTYPES: dict[str, np.dtype[Any]] = {
    "8": np.dtype(np.uint8),
    "16": np.dtype(np.uint16),
    "float32": np.dtype(np.float32),
}
_LONGEST_SIDE = {"JPEG": 65500, "WEBP": LONGEST_SIDE}
_EIGHT_BITS = (*LOSSY, "BMP", "TGA", "JPEG2000")
_NO_ALPHA = ("JPEG", "BMP", "PPM")


def write_picture(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    depth: Depth | None = None,
    recipe: Mapping[str, object] | None = None,
    quality: int | None = None,
) -> None:
    """Write a picture in the format its extension names, whole or not at all.

    Integer samples are clipped to the file's range, then rounded. ICC, EXIF, DPI, XMP, IPTC and texts are kept where
    the format holds them; colours stated by code are kept in a PNG, and become sRGB elsewhere.

    Parameters
    ----------
    depth
        Sample type of the file; None keeps the picture's own. 16 bits need PNG or TIFF, float32 needs TIFF.
    recipe
        Stored in the file as JSON: PNG text "linf", EXIF UserComment elsewhere. `read_recipe` reads it back.
    quality
        1 to 100 for JPEG, WebP and AVIF. None means 95 for JPEG and AVIF, both without chroma subsampling, and
        lossless for WebP.

    Raises
    ------
    BadValue
        When format, depth, quality, alpha and size do not go together, or the file cannot be written.
    BadPicture
        When the pixels hold NaN or infinity.
    """
    kind = format_by_name(path)
    dtype = _dtype(picture, depth, kind, path)
    _check(picture, picture.pixels.shape[:2], kind, quality, path)
    _check_finite(picture, path)
    picture = fitted(picture, kind)
    samples = _samples(picture, dtype, depth)
    exif = _exif(picture, kind, recipe)
    with atomic_write(path) as temporary:
        if kind == "TIFF":
            write_tiff(temporary, samples, icc=picture.icc, exif=exif, dpi=picture.dpi, texts=sized_texts(picture))
        else:
            temporary.write_bytes(encoded(picture, samples, kind, exif, recipe, quality, path))


def check_target(
    picture: Picture, path: str | os.PathLike[str], size: tuple[int, int], depth: Depth | None = None
) -> None:
    """Refuse, before anything is computed, what `write_picture` would refuse of a result `size (h, w)` of `picture`.

    Raises
    ------
    BadValue
        When format, depth, alpha and size do not go together.
    """
    kind = format_by_name(path)
    _dtype(picture, depth, kind, path)
    _check(picture, size, kind, None, path)


def _dtype(picture: Picture, depth: Depth | None, kind: str, path: str | os.PathLike[str]) -> np.dtype[Any]:
    if depth is not None and depth not in DTYPES:
        raise BadValue(f"depth is {depth!r}; use {', '.join(map(repr, DTYPES))} or None")
    dtype = np.dtype(picture.dtype) if depth is None else DTYPES[depth]
    asked = f"depth {depth!r}" if depth else f"the picture's own samples, {dtype},"
    if kind == "PNG" and dtype not in (np.uint8, np.uint16):
        raise BadValue(f"{asked} cannot go into '{path}': PNG holds 8 or 16 bits; use .tif, or depth '8' or '16'")
    if kind == "PPM" and dtype not in (np.uint8, np.uint16):
        raise BadValue(f"{asked} cannot go into '{path}': PPM holds 8 or 16 bits; use .tif, or depth '8' or '16'")
    deep = kind == "JPEG2000" and dtype == np.uint16 and picture.pixels.shape[2] == 1 and picture.alpha is None
    if kind in _EIGHT_BITS and dtype != np.uint8 and not deep:
        way_out = ".png or .tif" if dtype == np.uint16 else ".tif"
        raise BadValue(f"{asked} cannot go into '{path}': {kind} holds 8 bits; use {way_out}, or depth '8'")
    return dtype


def _check(
    picture: Picture, size: tuple[int, int], kind: str, quality: int | None, path: str | os.PathLike[str]
) -> None:
    if quality is not None and kind not in LOSSY:
        raise BadValue(f"quality {quality} does not apply to '{path}': {kind} is lossless; leave it out")
    if quality is not None and not (isinstance(quality, int) and 1 <= quality <= 100):
        raise BadValue(f"quality is {quality!r}; use a whole number from 1 to 100")
    if kind == "GIF":
        raise BadValue(f"'{path}' cannot be written: a GIF holds 256 colours; use .png")
    check_colours(picture, kind, path)
    if kind in _NO_ALPHA and picture.alpha is not None:
        raise BadValue(f"'{path}' cannot hold the picture's alpha: use .png, .webp, .avif or .tif, or drop the alpha")
    height, width = size
    if max(height, width) > _LONGEST_SIDE.get(kind, max(height, width)):
        raise BadValue(
            f"{width} x {height} pixels are too many for '{path}': {kind} allows {_LONGEST_SIDE[kind]} a side;"
            " use .png or .tif"
        )


def _check_finite(picture: Picture, path: str | os.PathLike[str]) -> None:
    planes = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
    bad = sum(int(plane.size - np.isfinite(plane).sum()) for plane in planes)
    if bad:
        raise BadPicture(
            f"cannot write '{path}': {bad} samples are NaN or infinite; replace them with numpy.nan_to_num"
        )


def _samples(picture: Picture, dtype: np.dtype[Any], depth: Depth | None) -> Samples:
    """Samples `[h, w, c]` in the file's type, alpha joined as the last channel."""
    full = full_range(dtype)
    limits = picture.range if depth is None and picture.range is not None else full
    samples = from_float(picture.pixels, dtype, limits)
    if picture.alpha is None:
        return samples
    return np.concatenate([samples, from_float(picture.alpha, dtype, full)[..., None]], axis=2)


def _exif(picture: Picture, kind: str, recipe: Mapping[str, object] | None) -> Image.Exif:
    """The picture's EXIF made true for this file, with the recipe where the format has no better place."""
    exif = exif_blocks.load_exif(picture.exif)
    exif_blocks.take_orientation(exif)
    exif_blocks.take_recipe(exif)
    exif_blocks.take_odd(exif)
    exif_blocks.put_size(exif, *picture.pixels.shape[:2])
    if picture.dpi is not None and (picture.exif or kind in ("WEBP", "AVIF")):
        exif_blocks.put_resolution(exif, picture.dpi)
    if recipe is not None and kind != "PNG":
        exif_blocks.put_recipe(exif, recipe)
    return exif
