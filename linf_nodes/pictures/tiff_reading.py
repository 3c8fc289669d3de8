"""Decode TIFF: tifffile for its many sample types, Pillow for palettes, CMYK and the codecs tifffile lacks."""

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import tifffile
from PIL import Image

from ..errors import BadPicture, quoted
from .exif import exif_of_tiff, take_orientation, take_resolution
from .raster import as_planes, image_samples, opened, reread_deep
from .samples import Decoded, Samples
from .size import Header, check_claim, check_size
from .texts import Texts

# Bytes that a byte of the file can stand for at most, by compression; others can stand for any number.
_MOST_BYTES = {
    tifffile.COMPRESSION.NONE: 1,
    tifffile.COMPRESSION.PACKBITS: 64,
    tifffile.COMPRESSION.LZW: 2731,
    tifffile.COMPRESSION.DEFLATE: 1032,
    tifffile.COMPRESSION.ADOBE_DEFLATE: 1032,
}
_GREY_OR_RGB = (tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)


def read_tiff(path: Path) -> Decoded:
    """Decode the first page of a TIFF or BigTIFF, tiles or strips, either planar configuration."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        pages = len(tiff.pages)
        check_size(path, "TIFF", _header(page, path))
        _check_whole(page, path)
        exif = _page_exif(tiff)
        icc = page.tags.valueof(34675)
        words = Texts(_block(page, 700), _block(page, 33723))
        samples = _direct_samples(page, path)
    if samples is None:
        samples, icc = _pillow_samples(page, path, icc)
    return Decoded(samples, exif, bytes(icc) if icc else None, take_resolution(exif), pages, words)


def tiff_exif(path: Path) -> Image.Exif:
    """The EXIF of a TIFF's first page, without its pixels."""
    with tifffile.TiffFile(path) as tiff:
        return _page_exif(tiff)


def _page_exif(tiff: tifffile.TiffFile) -> Image.Exif:
    stream = cast(IO[bytes], tiff.filehandle)
    return exif_of_tiff(stream, tiff.pages.first.offset, byteorder=tiff.byteorder, big=tiff.is_bigtiff)


def tiff_header(path: Path) -> Header:
    """What the first page states, checked; no sample is decoded."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        header = _header(page, path)
        check_size(path, "TIFF", header)
        _check_whole(page, path)
        turned = take_orientation(_page_exif(tiff)) >= 5
        return replace(header, height=header.width, width=header.height) if turned else header


def _header(page: Any, path: Path) -> Header:
    """Sides and samples, each one number; together no more than the file's bytes can hold."""
    for tag in (256, 257, 277):
        value = page.tags.valueof(tag, 1)
        if not isinstance(value, int) or value < 0:
            raise BadPicture(f"'{path}' is damaged: its tag {tag} is {quoted(value)}; fetch or export it again")
    planes, depth, height, width, contiguous = page.shaped
    bits = page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)
    channels = planes * depth * contiguous
    if page.compression in _MOST_BYTES:
        most = 8 * _MOST_BYTES[page.compression] * path.stat().st_size / max(1, channels * bits)
        check_claim(path, "TIFF", width, height, most)
    return Header(height, width, channels, max(1, (bits + 7) // 8))


def _block(page: Any, tag: int) -> bytes | None:
    """The bytes of a tag that holds text of its own."""
    value = page.tags.valueof(tag)
    return bytes(value) if isinstance(value, bytes | tuple) and value and isinstance(value[0], int) else None


def _check_whole(page: Any, path: Path) -> None:
    """Refuse a page with samples missing; tifffile would fill them with zeros."""
    if 0 in page.shaped:
        raise BadPicture(f"'{path}' is {page.imagewidth} x {page.imagelength} pixels; export it again")
    size = path.stat().st_size
    chunks = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    whole = all(offset > 0 and count > 0 and offset + count <= size for offset, count in chunks)
    if page.compression == tifffile.COMPRESSION.NONE:
        bits = math.prod(page.shaped) * page.bitspersample if isinstance(page.bitspersample, int) else 0
        whole = whole and sum(count for _, count in chunks) * 8 >= bits
    if not whole or len(chunks) != math.prod(page.chunked):
        raise BadPicture(f"'{path}' is truncated: some of its samples are missing; fetch or export it again")


def _direct_samples(page: Any, path: Path) -> Samples | None:
    """Samples through tifffile; None where Pillow is the better reader."""
    if page.photometric not in _GREY_OR_RGB or page.bitspersample not in (8, 16, 32, 64) or page.dtype is None:
        return None
    try:
        array = page.asarray()
    except ValueError as error:
        if "imagecodecs" in str(error):
            return None
        raise
    if array.dtype.kind not in "uif":
        raise BadPicture(f"'{path}' holds samples of the type {array.dtype}; convert it to integers or floats")
    planes, depth, height, width, contiguous = page.shaped
    if depth != 1:
        raise BadPicture(f"'{path}' is a volume of {depth} slices; export one slice as a picture")
    array = np.moveaxis(array.reshape(planes, height, width, contiguous), 0, 2)
    samples = array.reshape(height, width, planes * contiguous).astype(array.dtype.newbyteorder("="))
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and samples.dtype.kind == "u":
        samples[..., 0] = np.iinfo(samples.dtype).max - samples[..., 0]
    return _with_alpha(samples, page, path)


def _with_alpha(samples: Samples, page: Any, path: Path) -> Samples:
    """Check the channels and divide premultiplied colours by their alpha."""
    channels, extra = samples.shape[2], tuple(page.extrasamples)
    rgb = page.photometric == tifffile.PHOTOMETRIC.RGB
    # by custom an unnamed fourth sample of RGB is alpha; an unnamed second one of grey is another channel
    marked = bool(extra) and (extra[0] != tifffile.EXTRASAMPLE.UNSPECIFIED or rgb)
    if channels not in (1, 3) and not (channels in (2, 4) and len(extra) == 1 and marked):
        raise BadPicture(
            f"'{path}' has {channels} channels that are neither grey nor RGB, with or without alpha;"
            " split it into single channels"
        )
    if channels in (2, 4) and extra[0] == tifffile.EXTRASAMPLE.ASSOCALPHA:
        return _unmultiplied(samples)
    return samples


def _unmultiplied(samples: Samples) -> Samples:
    top = 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)
    alpha = samples[..., -1:].astype(np.float64) / top
    colour = np.divide(samples[..., :-1], alpha, out=np.zeros(samples[..., :-1].shape), where=alpha > 0)
    if samples.dtype.kind != "f":
        colour = np.rint(np.minimum(colour, top))
    return np.concatenate([colour.astype(samples.dtype), samples[..., -1:]], axis=2)


def _pillow_samples(page: Any, path: Path, icc: bytes | None) -> tuple[Samples, bytes | None]:
    bits = page.bitspersample
    if bits not in (1, 2, 4, 8, 16, 32):
        raise BadPicture(f"'{path}' has {bits} bits per sample; convert it to 8 or 16")
    try:
        with opened(path, "TIFF") as image:
            args = image.tile[0].args
            rawmode = str(args[0]) if isinstance(args, tuple) else ""
            if image.mode in ("RGB", "RGBA") and bits == 16:
                if rawmode not in ("RGB;16N", "RGBA;16N") or page.planarconfig != tifffile.PLANARCONFIG.CONTIG:
                    raise _needs_codec(page, path)
                order = "L" if sys.byteorder == "little" else "B"
                return reread_deep(path, "TIFF", image.mode, order), icc
            if bits > 8 and image.mode != "F" and not image.mode.startswith(("I", "CMYK")):
                raise _needs_codec(page, path)
            samples, kept = image_samples(image)
    except (SyntaxError, TypeError, KeyError, ImportError) as error:
        raise _needs_codec(page, path) from error
    except OSError as error:
        if "identify" not in str(error):
            raise
        raise _needs_codec(page, path) from error
    return as_planes(samples), kept


def _needs_codec(page: Any, path: Path) -> BadPicture:
    compression = getattr(page.compression, "name", page.compression)
    return BadPicture(
        f"'{path}' uses {compression} compression in a way this reader does not know;"
        " pip install imagecodecs, or save it uncompressed"
    )
