"""Other colour models to sRGB."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert CMYK, Lab, YCbCr or HSV to sRGB; CMYK through the file's own ICC profile where it has a sound one."""
    source = _source_profile(image)
    if source is not None:
        try:
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), _INTENT, outputMode="RGB", flags=_FLAGS
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a profile of another colour space
        if converted is not None:
            return converted
    return image.convert("RGB")


def as_srgb(pixels: NDArray[np.float32], icc: bytes) -> NDArray[np.float32]:
    """Display-coded `[h, w, 3]` of an ICC profile as sRGB, of 8 bits; the same where the profile does not fit."""
    if pixels.shape[2] != 3 or is_srgb_profile(icc):
        return pixels
    image = Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        found = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), _INTENT, flags=_FLAGS)
    except (ImageCms.PyCMSError, OSError):
        return pixels
    return np.asarray(found, np.float32) / np.float32(255)


def is_srgb_profile(icc: bytes) -> bool:
    """Whether a profile says of itself that it is sRGB's."""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).lower().startswith("srgb")
    except (ImageCms.PyCMSError, OSError):
        return False


def _source_profile(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    if image.mode == "LAB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    icc = image.info.get("icc_profile")
    if image.mode != "CMYK" or not icc:
        return None
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(icc))
    except (ImageCms.PyCMSError, OSError):
        return None
