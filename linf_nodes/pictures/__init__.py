"""Pictures in and out: PNG, JPEG, WebP, AVIF and TIFF, as float32 planes with their metadata."""

from .finding import find_pictures
from .formats import EXTENSIONS
from .picture import Picture
from .reading import read_picture, read_recipe
from .writing import Depth, check_target, write_picture

__all__ = [
    "EXTENSIONS",
    "Depth",
    "Picture",
    "check_target",
    "find_pictures",
    "read_picture",
    "read_recipe",
    "write_picture",
]
