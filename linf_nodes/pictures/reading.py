"""Read a picture file."""

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ..errors import BadPicture
from .exif import dump_exif, exif_of, take_odd, take_orientation, take_recipe
from .formats import format_by_content
from .picture import FloatArray, Picture
from .provenance import KEY, parse_recipe
from .raster import opened, raster_header, read_raster
from .samples import Decoded, full_range, oriented, to_float, unusual_range
from .size import Header
from .tiff_reading import read_tiff, tiff_exif, tiff_header

# What decoders raise on damaged files.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    ZeroDivisionError,
    RuntimeError,
    UserWarning,  # where the user has turned warnings into errors
    struct.error,
    zlib.error,
    tifffile.TiffFileError,
)


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Read a PNG, JPEG, WebP, AVIF, TIFF, BMP, PPM, TGA, JPEG 2000 or GIF file, recognised by its content.

    Palette, 1-bit, CMYK, Lab and YCbCr pictures become grey or RGB; the EXIF orientation is applied; of several pages
    or frames the first is read. A recipe is left out of `exif` (see `read_recipe`): it belongs to the file only.

    Raises
    ------
    BadPicture
        When the file is missing, empty, not a picture, damaged, truncated, or holds NaN or infinite samples.
    """
    path = Path(path)
    kind = format_by_content(path)
    try:
        decoded = read_tiff(path) if kind == "TIFF" else read_raster(path, kind)
    except BadPicture:
        raise
    except MemoryError as error:
        raise BadPicture(
            f"'{path}' asks for more memory than there is ({error or 'no size is said'}): it is damaged, or too large "
            "for this machine; fetch it again, or cut it into parts"
        ) from error
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    return _picture(decoded, kind, path)


def read_header(path: str | os.PathLike[str]) -> Header:
    """What a file states of its size, checked as `read_picture` checks it; no sample is decoded."""
    path = Path(path)
    kind = format_by_content(path)
    try:
        return tiff_header(path) if kind == "TIFF" else raster_header(path, kind)
    except BadPicture:
        raise
    except (*_DAMAGE, MemoryError) as error:
        raise _damaged(path, error) from error


def read_recipe(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The recipe that `write_picture` stored in a file, or None; raises `BadPicture` as `read_picture` does."""
    path = Path(path)
    kind = format_by_content(path)
    try:
        if kind == "TIFF":
            return take_recipe(tiff_exif(path))
        with opened(path, kind) as image:
            return parse_recipe(str(image.info.get(KEY, ""))) if kind == "PNG" else take_recipe(exif_of(image))
    except BadPicture:
        raise
    except (*_DAMAGE, MemoryError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> BadPicture:
    reason = str(error).replace(str(path), "the file").split("\n")[0] or type(error).__name__
    return BadPicture(f"'{path}' is damaged or truncated ({reason}); fetch or export it again")


def _picture(decoded: Decoded, kind: str, path: Path) -> Picture:
    orientation = take_orientation(decoded.exif)
    take_recipe(decoded.exif)
    odd = take_odd(decoded.exif)
    samples = oriented(decoded.samples, orientation)
    if 0 in samples.shape:
        raise BadPicture(f"'{path}' is {samples.shape[1]} x {samples.shape[0]} pixels; export it again")
    colours = 3 if samples.shape[2] >= 3 else 1
    limits = unusual_range(samples[..., :colours])
    full = full_range(samples.dtype)
    pixels = np.ascontiguousarray(to_float(samples[..., :colours], limits or full))
    alpha = np.ascontiguousarray(to_float(samples[..., -1], full)) if samples.shape[2] > colours else None
    if samples.dtype.kind == "f":
        _check_finite(pixels if alpha is None else np.dstack([pixels, alpha]), path)
    return Picture(
        pixels=pixels,
        alpha=alpha,
        dtype=np.dtype(np.float32) if samples.dtype.kind == "f" else samples.dtype,
        icc=decoded.icc,
        exif=dump_exif(decoded.exif),
        dpi=decoded.dpi[::-1] if decoded.dpi and orientation >= 5 else decoded.dpi,
        format=kind,
        range=limits,
        pages=decoded.pages,
        texts=decoded.texts,
        odd=odd,
        colours=decoded.colours,
    )


def _check_finite(samples: FloatArray, path: Path) -> None:
    bad = int((~np.isfinite(samples)).any(axis=2).sum())
    if bad:
        raise BadPicture(
            f"'{path}' holds {bad} pixels that are NaN or infinite; replace them first, with numpy.nan_to_num say"
        )
