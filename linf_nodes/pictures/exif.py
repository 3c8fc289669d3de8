"""The EXIF block: orientation, resolution and recipe, the rest carried along."""

import struct
from collections.abc import Iterable, Mapping
from typing import IO, Any

from PIL import Image
from PIL.ExifTags import GPSTAGS, IFD, TAGS, Base

from .provenance import pack_comment, unpack_comment

# UserWarning is what Pillow says of damaged tags, where the user has turned warnings into errors.
_BROKEN = (
    SyntaxError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    AttributeError,
    OverflowError,
    struct.error,
    UserWarning,
)

# The tags of a TIFF's first directory that describe the picture; the rest say where its samples lie.
DESCRIPTIVE = (
    Base.ImageDescription,
    Base.Make,
    Base.Model,
    Base.Software,
    Base.DateTime,
    Base.Artist,
    Base.HostComputer,
    Base.Copyright,
)
DIRECTORIES = (IFD.Exif, IFD.GPSInfo)

# Descriptions that tell a program the old file's shape (tifffile, ImageJ, OME): wrong of any other file.
_LAYOUTS = ('{"shape"', "ImageJ=", "<?xml", "<OME")

_RESOLUTION = (Base.XResolution, Base.YResolution, Base.ResolutionUnit)


def exif_of(image: Image.Image, *, decoding: bool = True) -> Image.Exif:
    """The EXIF of an open picture; a block too damaged to read counts as none.

    Behind the samples of a PNG it is found by `decoding` them alone.
    """
    try:
        exif = image.getexif() if decoding else Image.Image.getexif(image)
        for ifd in DIRECTORIES:
            exif.get_ifd(ifd)
    except _BROKEN:
        return Image.Exif()
    return exif


def exif_of_tiff(stream: IO[bytes], offset: int, *, byteorder: str, big: bool) -> Image.Exif:
    """The EXIF of the TIFF directory at `offset`: descriptive tags, resolution, orientation and sub-directories."""
    source = Image.Exif()
    source.endian, source.bigtiff = byteorder, big
    try:
        source.load_from_fp(stream, offset)
        exif = _selected(source, [*DESCRIPTIVE, Base.Orientation, *_RESOLUTION])
    except _BROKEN:
        return Image.Exif()
    if str(exif.get(Base.ImageDescription, "")).lstrip().startswith(_LAYOUTS):
        del exif[Base.ImageDescription]
    return exif


def _selected(source: Image.Exif, tags: Iterable[int]) -> Image.Exif:
    """Copy the tags and the sub-directories, but not Interop, which holds places in the old file and nothing else."""
    exif = Image.Exif()
    for tag in tags:
        if tag in source:
            exif[tag] = source[tag]
    for ifd in DIRECTORIES:
        if entries := {tag: value for tag, value in source.get_ifd(ifd).items() if tag != IFD.Interop}:
            exif.get_ifd(ifd).update(entries)
    return exif


def load_exif(block: bytes | None) -> Image.Exif:
    """Parse an EXIF block, with or without its `Exif` header."""
    exif = Image.Exif()
    try:
        exif.load(block or b"")
        for ifd in DIRECTORIES:
            exif.get_ifd(ifd)
    except _BROKEN:
        return Image.Exif()
    return exif


def dump_exif(exif: Image.Exif) -> bytes | None:
    """The EXIF block as bytes; None when nothing is in it. The thumbnail of the old picture is left out."""
    plain = [tag for tag in exif if tag not in DIRECTORIES]
    if not plain and not any(exif.get_ifd(ifd) for ifd in DIRECTORIES):
        return None
    return _selected(exif, plain).tobytes()


def take_odd(exif: Image.Exif) -> tuple[str, ...]:
    """Remove the tags that cannot be written, of impossible types say, and name them: the rest is kept."""
    if _writable(exif):
        return ()
    odd = []
    for place, names in ((None, TAGS), (IFD.Exif, TAGS), (IFD.GPSInfo, GPSTAGS)):
        entries = exif if place is None else exif.get_ifd(place)
        for tag in [t for t in entries if t not in (*DIRECTORIES, IFD.Interop)]:
            alone = Image.Exif()
            (alone if place is None else alone.get_ifd(place))[tag] = entries[tag]
            if not _writable(alone):
                del entries[tag]
                odd.append(names.get(tag, str(tag)))
    return tuple(odd)


def _writable(exif: Image.Exif) -> bool:
    try:
        dump_exif(exif)
    except _BROKEN:
        return False
    return True


def take_orientation(exif: Image.Exif) -> int:
    """Remove the orientation, 1 to 8, and hand it over."""
    orientation = exif.get(Base.Orientation, 1)
    if Base.Orientation in exif:
        del exif[Base.Orientation]
    return orientation if orientation in range(1, 9) else 1


def take_recipe(exif: Image.Exif) -> dict[str, Any] | None:
    """Remove our recipe and put back the comment it displaced."""
    details = exif.get_ifd(IFD.Exif)
    unpacked = unpack_comment(details.get(Base.UserComment))
    if unpacked is None:
        return None
    recipe, old = unpacked
    if old is None:
        del details[Base.UserComment]
    else:
        details[Base.UserComment] = old
    return recipe


def put_recipe(exif: Image.Exif, recipe: Mapping[str, object]) -> None:
    """Store the recipe as UserComment; a comment of another program is kept inside it."""
    take_recipe(exif)
    details = exif.get_ifd(IFD.Exif)
    details[Base.UserComment] = pack_comment(recipe, details.get(Base.UserComment))


def take_resolution(exif: Image.Exif) -> tuple[float, float] | None:
    """Remove the resolution and hand it over as (x, y) pixels per inch."""
    dpi = _resolution(exif)
    for tag in _RESOLUTION:
        if tag in exif:
            del exif[tag]
    return dpi


def _resolution(exif: Image.Exif) -> tuple[float, float] | None:
    per_inch = {2: 1.0, 3: 2.54}.get(exif.get(Base.ResolutionUnit, 2))
    try:
        x, y = float(exif[Base.XResolution]), float(exif[Base.YResolution])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return None if per_inch is None else usable_dpi((x * per_inch, y * per_inch))


def put_resolution(exif: Image.Exif, dpi: tuple[float, float]) -> None:
    """Store (x, y) pixels per inch."""
    exif[Base.XResolution], exif[Base.YResolution], exif[Base.ResolutionUnit] = float(dpi[0]), float(dpi[1]), 2


def put_size(exif: Image.Exif, height: int, width: int) -> None:
    """Correct the pixel dimensions where the block states them."""
    details = exif.get_ifd(IFD.Exif)
    for tag, value in ((Base.ExifImageWidth, width), (Base.ExifImageHeight, height)):
        if tag in details:
            details[tag] = value
    for tag, value in ((Base.ImageWidth, width), (Base.ImageLength, height)):
        if tag in exif:
            exif[tag] = value


def usable_dpi(dpi: object) -> tuple[float, float] | None:
    """A pair of positive finite numbers, or None."""
    if not isinstance(dpi, tuple) or len(dpi) != 2:
        return None
    x, y = float(dpi[0]), float(dpi[1])
    return (x, y) if 0 < x < 1e9 and 0 < y < 1e9 else None
