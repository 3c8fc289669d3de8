"""Pictures in and out: PNG, JPEG, WebP, AVIF and TIFF, as float32 planes with their metadata."""

from linf_nodes.pictures.finding import find_pictures
from linf_nodes.pictures.formats import EXTENSIONS
from linf_nodes.pictures.picture import Picture
from linf_nodes.pictures.reading import read_picture, read_recipe
from linf_nodes.pictures.writing import Depth, write_picture

__all__ = ["EXTENSIONS", "Depth", "Picture", "find_pictures", "read_picture", "read_recipe", "write_picture"]
