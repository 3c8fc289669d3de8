"""Other colour models to sRGB."""

import io

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
