"""What each format holds of what a file says beside its pixels, and what becomes of the rest."""

import os
from dataclasses import replace

from ..errors import BadValue
from .codes import Colours
from .colour import as_srgb, is_srgb_profile
from .formats import format_by_name
from .picture import Picture
from .texts import COMMENT_KEY, Texts

_ALL = ("icc", "exif", "xmp", "iptc", "comment")
_HELD: dict[str, tuple[str, ...]] = {
    "PNG": (*_ALL, "texts"),
    "JPEG": _ALL,
    "TIFF": ("icc", "exif", "xmp", "iptc"),
    "WEBP": ("icc", "exif", "xmp"),
    "AVIF": ("icc", "exif", "xmp"),
    "JPEG2000": ("comment",),
}
# Pixels per inch: of whole numbers of 16 bits, and of 31 bits to a metre; elsewhere of ratios of 32 bits
_MOST_DPI = {"JPEG": 65535, "PNG": 5e7, "BMP": 5e7}
_SHOWN = 8  # names of what is lost
LONGEST_SEGMENT = 65533  # bytes of a JPEG's segment with its length; one block is one segment
_HEADS = {"xmp": 31, "iptc": 40, "exif": 2, "comment": 2}  # what stands before a block in its segment


def check_colours(picture: Picture, kind: str, path: str | os.PathLike[str]) -> None:
    """Refuse colours that a format cannot state and that cannot be converted.

    Raises
    ------
    BadValue
    """
    if not (kind == "PNG" or picture.colours.convertible or _by_profile(picture, kind)):
        raise BadValue(
            f"'{path}' cannot hold the picture's colours, {picture.colours.name}, and they cannot be converted to sRGB "
            "here: use .png"
        )


def fitted(picture: Picture, kind: str) -> Picture:
    """The picture with what a file of this kind can hold, its colours as the file will state them."""
    held = _HELD.get(kind, ())
    if kind != "PNG":
        pixels = picture.pixels if _by_profile(picture, kind) else picture.colours.to_srgb(picture.pixels)
        picture = replace(picture, pixels=pixels, colours=Colours())
    if picture.icc is not None and "icc" not in held:
        pixels = picture.pixels if _deep(picture, kind) else as_srgb(picture.pixels, picture.icc)
        picture = replace(picture, pixels=pixels, icc=None)
    exif = picture.exif if "exif" in held and _short(picture.exif, "exif", kind) else None
    dpi = picture.dpi if picture.dpi is not None and max(picture.dpi) <= _MOST_DPI.get(kind, 4e9) else None
    return replace(picture, exif=exif, dpi=dpi, texts=_kept(picture.texts, kind))


def loss_notes(picture: Picture, path: str | os.PathLike[str]) -> list[str]:
    """What a file of this name cannot hold of a picture, a sentence each."""
    kind = format_by_name(path)
    notes = []
    by_profile = _by_profile(picture, kind)
    if kind != "PNG" and picture.colours.convertible and not picture.colours.usual and not by_profile:
        notes.append(f"'{path}' cannot state the picture's colours, {picture.colours.name}: they become sRGB")
    if picture.icc and "icc" not in _HELD.get(kind, ()) and not is_srgb_profile(picture.icc):
        corner = picture.pixels[:1, :1]
        converts = not _deep(picture, kind) and as_srgb(corner, picture.icc) is not corner
        notes.append(
            f"'{path}' cannot hold the picture's ICC profile: its colours "
            + ("become sRGB" if converts else "will be taken for sRGB; a PNG or TIFF keeps them")
        )
    if lost := _lost(picture, kind):
        way = "" if kind == "PNG" else "; a PNG can"
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        notes.append(f"'{path}' cannot hold the picture's {', '.join(lost[:_SHOWN])}{more}{way}")
    return notes


def _lost(picture: Picture, kind: str) -> list[str]:
    kept, texts = fitted(replace(picture, pixels=picture.pixels[:1, :1], alpha=None), kind), picture.texts
    lost = [n for n in ("exif", "dpi") if getattr(picture, n) is not None and getattr(kept, n) is None]
    lost += [n for n in ("xmp", "iptc") if getattr(texts, n) is not None and getattr(kept.texts, n) is None]
    return [*map(str.upper, lost)] + [key for key, text in texts.pairs if text not in {t for _, t in kept.texts.pairs}]


def _by_profile(picture: Picture, kind: str) -> bool:
    """Whether the file states the colours by an ICC profile, which often stands beside codes for the same colours."""
    return picture.icc is not None and "icc" in _HELD.get(kind, ())


def _deep(picture: Picture, kind: str) -> bool:
    """Whether a file without ICC profiles gets more bits than colours are converted with."""
    return kind == "PPM" and picture.dtype.itemsize > 1


def _kept(texts: Texts, kind: str) -> Texts:
    held = _HELD.get(kind, ())
    xmp = texts.xmp if "xmp" in held and _short(texts.xmp, "xmp", kind) else None
    iptc = texts.iptc if "iptc" in held and _short(texts.iptc, "iptc", kind) else None
    if "texts" in held:
        return Texts(xmp, iptc, texts.pairs)
    comments = texts.comments if "comment" in held else ()
    short = tuple((COMMENT_KEY, text) for text in comments if _short(text.encode(), "comment", kind))
    return Texts(xmp, iptc, short[:1] if kind == "JPEG2000" else short)


def _short(block: bytes | None, what: str, kind: str) -> bool:
    return block is None or kind != "JPEG" or len(block) + _HEADS[what] <= LONGEST_SEGMENT
