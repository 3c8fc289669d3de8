"""Pictures in and out: PNG, JPEG, WebP, AVIF, TIFF and older formats, as float32 planes with their metadata."""

from .finding import find_pictures, place_pictures
from .formats import EXTENSIONS, written_suffix
from .holding import loss_notes
from .picture import Picture
from .reading import read_header, read_picture, read_recipe
from .size import Header
from .writing import Depth, check_target, write_picture

__all__ = [
    "EXTENSIONS",
    "Depth",
    "Header",
    "Picture",
    "check_target",
    "find_pictures",
    "loss_notes",
    "place_pictures",
    "read_header",
    "read_picture",
    "read_recipe",
    "write_picture",
    "written_suffix",
]
