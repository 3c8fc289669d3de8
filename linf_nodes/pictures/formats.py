"""Which formats there are, by file name and by content."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ..errors import BadPicture, BadValue

EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        ".png": "PNG",
        ".jpg": "JPEG",
        ".jpeg": "JPEG",
        ".webp": "WEBP",
        ".avif": "AVIF",
        ".tif": "TIFF",
        ".tiff": "TIFF",
        ".bmp": "BMP",
        ".gif": "GIF",
        ".j2k": "JPEG2000",
        ".jp2": "JPEG2000",
        ".pbm": "PPM",
        ".pgm": "PPM",
        ".pnm": "PPM",
        ".ppm": "PPM",
        ".tga": "TGA",
    }
)
"""Lower-case file extension to format name: the one list of what can be read; all but GIF can be written too."""

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are BigTIFF
_AVIF_BRANDS = (b"avif", b"avis", b"mif1", b"msf1")


def extension_list(written: bool = False) -> str:
    """The extensions of what is read, or written, as a phrase for messages."""
    *most, last = (name for name, kind in EXTENSIONS.items() if not (written and kind == "GIF"))
    return f"{', '.join(most)} or {last}"


def format_by_name(path: str | os.PathLike[str]) -> str:
    """The format that the extension of a file to be written asks for; raises `BadValue` for any other extension."""
    suffix = Path(path).suffix.lower()
    if suffix not in EXTENSIONS:
        has = f"has the extension '{suffix}'" if suffix else "has no extension"
        raise BadValue(f"'{path}' {has}; use {extension_list(written=True)}")
    return EXTENSIONS[suffix]


def written_suffix(path: Path) -> str:
    """The extension of a result that has its picture's name: the picture's own, and .png for a GIF's first frame."""
    return ".png" if EXTENSIONS.get(path.suffix.lower()) == "GIF" else path.suffix


def format_by_content(path: str | os.PathLike[str]) -> str:
    """The format that the first bytes of the file show, whatever its name says.

    Raises
    ------
    BadPicture
        When the file is missing, unreadable, empty, or of no known format.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(16)
    except FileNotFoundError:
        raise BadPicture(f"there is no file '{path}'; check the name") from None
    except IsADirectoryError:
        raise BadPicture(f"'{path}' is a folder, not a picture; name a file in it") from None
    except OSError as error:
        raise BadPicture(f"cannot open '{path}': {error.strerror}; check its permissions") from error
    if not head:
        raise BadPicture(f"'{path}' is empty (0 bytes); fetch or export it again")
    kind = _sniffed(head)
    if kind is None and Path(path).suffix.lower() == ".tga":  # nothing at its beginning tells a TGA
        kind = "TGA"
    if kind is None:
        raise BadPicture(f"'{path}' is not a picture in a known format; convert it to {extension_list()}")
    return kind


def _sniffed(head: bytes) -> str | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS:
        return "AVIF"
    if head.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")):
        return "JPEG2000"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"BM"):
        return "BMP"
    return "TIFF" if head.startswith(_TIFF_MAGIC) else None
