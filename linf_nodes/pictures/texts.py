"""What a file says in words: XMP, IPTC, texts of a PNG, comments. Carried along, sizes and orientation mended."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from PIL import Image

from .provenance import KEY

XMP_KEY = "XML:com.adobe.xmp"  # under which a PNG holds XMP
COMMENT_KEY = "Comment"
_IPTC_RESOURCE = 0x0404  # of Photoshop's blocks, the one that holds IPTC
_OWN = re.compile(r"Raw profile type (exif|xmp|iptc|icc|icm|APP1)|" + re.escape(XMP_KEY))  # have a place of their own

_SIZES = {
    "PixelXDimension": 1,
    "PixelYDimension": 0,
    "ImageWidth": 1,
    "ImageLength": 0,
}


@dataclass(frozen=True)
class Texts:
    """XMP and IPTC blocks as bytes, and pairs of (key, text) in the file's order."""

    xmp: bytes | None = None
    iptc: bytes | None = None
    pairs: tuple[tuple[str, str], ...] = ()

    def sized(self, height: int, width: int) -> "Texts":
        """The same for a picture of this size that stands upright."""
        return replace(self, xmp=None if self.xmp is None else _mended(self.xmp, (height, width)))

    @property
    def comments(self) -> tuple[str, ...]:
        """The texts that a JPEG can hold too."""
        return tuple(text for key, text in self.pairs if key.lower() == COMMENT_KEY.lower())


def texts_of(image: Image.Image) -> Texts:
    """The words of an open picture; those of a PNG are complete once it is loaded."""
    said = getattr(image, "text", {})
    xmp = image.info.get("xmp") or image.info.get(XMP_KEY) or _profile(said, "xmp")
    pairs = [(k, str(v)) for k, v in said.items() if k != KEY and not _OWN.fullmatch(k)]
    pairs += [(COMMENT_KEY, _text(comment)) for comment in _comments(image)]
    iptc = _iptc(image) or _profile(said, "iptc")
    return Texts(xmp.encode() if isinstance(xmp, str) else _bytes(xmp), iptc, tuple(pairs))


def png_chunks(texts: Texts) -> list[tuple[bytes, bytes]]:
    """Names and bodies of the chunks that hold the words in a PNG."""
    pairs = list(texts.pairs)
    if texts.xmp is not None:
        pairs.append((XMP_KEY, texts.xmp.decode("utf-8", "replace")))
    if texts.iptc is not None:
        lines = re.findall(".{1,72}", texts.iptc.hex())
        pairs.append(("Raw profile type iptc", "\n".join(["", "iptc", f"{len(texts.iptc):8}", *lines, ""])))
    return [_text_chunk(key, text) for key, text in pairs]


def _text_chunk(key: str, text: str) -> tuple[bytes, bytes]:
    name = key.encode("latin-1", "replace")[:79] or b"Text"
    try:
        if key != XMP_KEY:
            return b"tEXt", name + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        pass
    return b"iTXt", name + b"\0\0\0\0\0" + text.encode("utf-8")


def comment_segment(comment: str) -> bytes:
    """A JPEG segment that holds a comment."""
    body = comment.encode()
    return b"\xff\xfe" + (len(body) + 2).to_bytes(2, "big") + body


def photoshop_block(iptc: bytes) -> bytes:
    """A JPEG segment that holds an IPTC block."""
    body = b"8BIM" + _IPTC_RESOURCE.to_bytes(2, "big") + b"\0\0" + len(iptc).to_bytes(4, "big") + iptc
    segment = b"Photoshop 3.0\0" + body + b"\0" * (len(iptc) % 2)
    return b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment


def _iptc(image: Image.Image) -> bytes | None:
    blocks = image.info.get("photoshop")
    return _bytes(blocks.get(_IPTC_RESOURCE)) if isinstance(blocks, dict) else None


def _comments(image: Image.Image) -> list[object]:
    """All of them, but what an encoder says of itself; Pillow hands over a JPEG's last."""
    found = [body for name, body in getattr(image, "applist", []) if name == "COM"]
    if not found and image.format != "PNG" and (comment := image.info.get("comment")):
        found = [comment]
    return [c for c in found if c and not _text(c).startswith("Created by OpenJPEG")]


def _profile(said: Mapping[str, object], name: str) -> bytes | None:
    """A block that stands in a PNG as hexadecimal digits below its name and length, as ImageMagick writes it."""
    found = re.fullmatch(rf"\s*{name}\s+\d+\s+([0-9a-fA-F\s]+)", str(said.get(f"Raw profile type {name}", "")))
    digits = re.sub(r"\s", "", found[1]) if found else ""
    return bytes.fromhex(digits) if digits and len(digits) % 2 == 0 else None


def _bytes(block: object) -> bytes | None:
    return block if isinstance(block, bytes) and block else None


def _text(comment: object) -> str:
    if not isinstance(comment, bytes):
        return str(comment)
    try:
        return comment.decode("utf-8")
    except UnicodeDecodeError:
        return comment.decode("latin-1")


def _mended(xmp: bytes, size: tuple[int, int]) -> bytes:
    """Orientation and sizes that the block states, as attributes or as elements, made those of the new picture."""
    stated = {"Orientation": 1, **{name: size[axis] for name, axis in _SIZES.items()}}
    for name, value in stated.items():
        number = str(value).encode()
        tag = rb"(?:tiff|exif):" + name.encode()
        xmp = re.sub(rb"(\b" + tag + rb"\s*=\s*[\"'])\d+([\"'])", rb"\g<1>" + number + rb"\2", xmp)
        xmp = re.sub(rb"(<" + tag + rb"\s*>)\s*\d+\s*(</" + tag + rb"\s*>)", rb"\g<1>" + number + rb"\2", xmp)
    return xmp
