"""Encode TIFF through tifffile, deflated, with EXIF directories."""

import struct
from pathlib import Path
from typing import Any

import tifffile
from PIL import Image
from PIL.ExifTags import IFD
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from .exif import DESCRIPTIVE
from .samples import Samples
from .texts import Texts

NOTHING = Texts()
_BIG = 2**32 - 2**26  # beyond this many bytes the 32-bit offsets of a TIFF may not do
# tifffile writes no EXIF directories: it is given these unused tags, renamed when the directories are in the file
_PLACEHOLDERS = {IFD.Exif: 34664, IFD.GPSInfo: 34852}


def write_tiff(
    path: Path,
    samples: Samples,
    *,
    icc: bytes | None,
    exif: Image.Exif,
    dpi: tuple[float, float] | None,
    texts: Texts = NOTHING,
    big: bool | None = None,
) -> None:
    """Write samples `[h, w, c]` of any integer or float type; the last of 2 or 4 channels is alpha."""
    channels = samples.shape[2]
    big = samples.nbytes > _BIG if big is None else big
    integers = samples.dtype.kind in "iu" and samples.dtype.itemsize <= 2
    directories = {tag: dict(exif.get_ifd(tag)) for tag in _PLACEHOLDERS if exif.get_ifd(tag)}
    offset_type = "Q" if big else "I"
    tifffile.imwrite(
        path,
        samples if channels > 1 else samples[..., 0],
        bigtiff=big,
        byteorder="<",
        photometric="rgb" if channels >= 3 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        compression="zlib",
        predictor=integers,
        metadata=None,
        software=False,
        iccprofile=icc,
        resolution=dpi,
        resolutionunit="INCH" if dpi else None,
        extratags=[
            *((int(tag), "s", 0, _text(exif[tag]), True) for tag in DESCRIPTIVE if tag in exif),
            *((tag, "B", len(block), block, True) for tag, block in ((700, texts.xmp), (33723, texts.iptc)) if block),
            *((_PLACEHOLDERS[tag], offset_type, 1, 0, True) for tag in directories),
        ],
    )
    if directories:
        _append_directories(path, directories, big)


def _text(value: Any) -> bytes:
    return (value if isinstance(value, bytes) else str(value).encode()).rstrip(b"\0") + b"\0"


def _append_directories(path: Path, directories: dict[IFD, dict[int, Any]], big: bool) -> None:
    """Put the directories at the end of the file, and their places into the tags that wait for them."""
    header = b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) if big else b"II*\0" + struct.pack("<I", 8)
    with tifffile.TiffFile(path) as tiff:
        places = {tag: tiff.pages.first.tags[_PLACEHOLDERS[tag]] for tag in directories}
        slots = {tag: (place.offset, place.valueoffset) for tag, place in places.items()}
    with path.open("r+b") as stream:
        for tag, values in directories.items():
            end = stream.seek(0, 2)
            stream.write(b"\0" * (end % 2))
            start = end + end % 2
            directory = ImageFileDirectory_v2(header, group=tag)
            for key, value in values.items():
                directory[key] = value
            stream.write(directory.tobytes(start))
            entry, value_at = slots[tag]
            stream.seek(entry)
            stream.write(struct.pack("<H", int(tag)))
            stream.seek(value_at)
            stream.write(struct.pack("<Q" if big else "<I", start))
