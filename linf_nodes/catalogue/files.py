"""Latents in and out of files, and pictures into files of 16 bits."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ..errors import BadValue
from ..pipeline import latent_file
from ..pipeline.features import check_image, has_alpha
from .node import node
from .types import Features, Image, Latent

if TYPE_CHECKING:
    from ..pictures import Picture


_DEEP = ("PNG", "TIFF", "PPM", "JPEG2000")  # the last two hold 16 bits of some pictures


@node("Save Latent", ("path",))
def save_latent(features: Features, latent: Latent, path: str = "latent.safetensors") -> str:
    """Write a latent to a safetensors file that names its model and grid: 12 bytes per output pixel.

    Parameters
    ----------
    features
        From Encode LR: the pictures that the latent belongs to.
    latent
        From Sample Latent, Learned Prior or Encode Reference.
    path
        File to write; an older one is replaced.
    """
    latent_file.save_latent(Path(path), features, latent)
    return path


@node("Load Latent", ("latent",))
def load_latent(path: str = "latent.safetensors") -> Latent:
    """Read a latent that Save Latent wrote; it fits the model and the grid that it was made for.

    Parameters
    ----------
    path
        File to read.
    """
    return latent_file.load_latent(Path(path))


@node("Save 16-bit Image", ("files",), aliases=("save image", "png", "tiff", "export", "16 bit"))
def save_16bit_image(image: Image, path: str = "linf.png") -> str:
    """Write pictures with 65536 levels per channel, alpha too, each to a file of its own.

    Parameters
    ----------
    image
        Any pictures; values outside 0 to 1 are clipped.
    path
        Where and how: .png or .tif; a number is put behind the name, so that no older file is replaced.
    """
    return "\n".join(map(str, write_numbered(image, Path(path))))


def write_numbered(image: Image, path: Path, texts: Sequence[tuple[str, str]] = ()) -> list[Path]:
    """Write pictures `[b, c, h, w]` with 16 bits, each to a file with a number of its own; a PNG holds `texts` too."""
    from ..pictures import write_picture  # late: TIFF is slow to import
    from ..pictures.formats import EXTENSIONS

    check_image(image)
    if EXTENSIONS.get(path.suffix.lower()) not in _DEEP:
        raise BadValue(f"the name '{path.name}' is for no file of 16 bits: let it end in .png or .tif")
    files = _numbered(path, len(image))
    for picture, file in zip(image, files, strict=True):
        write_picture(_picture(picture, texts), file, depth="16")
    return files


def _picture(image: Tensor, texts: Sequence[tuple[str, str]]) -> "Picture":
    from ..pictures import Picture
    from ..pictures.texts import Texts

    planes, words = image.detach().float().movedim(0, -1).cpu().numpy(), Texts(pairs=tuple(texts))
    if not has_alpha(image):
        return Picture(planes, texts=words)
    return Picture(planes[..., :-1], planes[..., -1], texts=words)


def _numbered(path: Path, count: int) -> list[Path]:
    """`count` file names behind all that are taken: `name_00001_.png`, as ComfyUI numbers its own."""
    if not path.parent.is_dir():
        raise BadValue(f"cannot write '{path}': there is no folder '{path.parent}'; make it first")
    name = re.compile(re.escape(path.stem) + r"_(\d+)_\..+", re.IGNORECASE)
    taken = [int(m[1]) for m in (name.fullmatch(f.name) for f in path.parent.iterdir()) if m]
    first = max(taken, default=0) + 1
    return [path.with_name(f"{path.stem}_{n:05}_{path.suffix}") for n in range(first, first + count)]
