"""Pictures of more than 8 bits, and stacks, as training pictures: every plane, none of its depth lost."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile
from torch import Tensor

from ..errors import BadPicture
from .zarr_volumes import is_zarr, read_zarr

Samples = NDArray[Any]


def is_deep(image: Image.Image) -> bool:
    """Whether an opened file has samples that Pillow would cut to 8 bits, or is a TIFF with more than one page."""
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2.get(BITSPERSAMPLE, 8)
        return image.n_frames > 1 or max(bits if isinstance(bits, tuple) else (bits,)) > 8
    deep_png = isinstance(image, PngImageFile) and ";16" in str(image.tile[0].args if image.tile else "")
    return deep_png or image.mode[0] in "IF"


def read_planes(file: Path) -> list[Tensor]:
    """Planes `[1, h, w]`, or `[3, h, w]` of a file with RGB samples; uint16, or uint8 if the file's are.

    RGB keeps its values; grey planes are stretched, all of a channel alike. Alpha is left out.

    Raises
    ------
    OSError
        When the file cannot be decoded, or its reader is not installed.
    BadPicture
        When its samples are no brightness, are all equal, or use 12 bits of 16.
    """
    if is_zarr(file):
        volume, axes = read_zarr(file)
    else:
        volume, axes = _deep_png(file) if file.suffix.lower() == ".png" else _tiff(file)
    return planes_of(volume, axes)


def planes_of(volume: Samples, axes: str) -> list[Tensor]:
    """The planes of a volume with one letter for each axis: Y and X; S for RGB samples, C for channels."""
    if "Y" not in axes or "X" not in axes:
        raise BadPicture(f"its axes are {axes}: it needs y and x")
    if volume.dtype.kind not in "uif" or not np.isfinite(volume).all():
        raise BadPicture(f"its samples ({volume.dtype}) are not all numbers: save it in 8 or 16 bits")
    samples = volume.shape[axes.index("S")] if "S" in axes else 1
    order = "".join(a for a in axes if a not in "CSYX") + "SYX"
    volume = volume if "S" in axes else volume[..., None]
    axes = axes if "S" in axes else f"{axes}S"
    channels = np.moveaxis(volume, axes.index("C"), 0) if "C" in axes else volume[None]
    axes = axes.replace("C", "")
    planes: list[Tensor] = []
    for channel in channels:
        turned = channel.transpose([axes.index(a) for a in order])
        colours = turned[..., : 3 if samples >= 3 else 1, :, :]  # the last of 2 or 4 samples is alpha
        levels = _levels(colours)
        planes += [torch.from_numpy(plane.copy()) for plane in levels.reshape(-1, *levels.shape[-3:])]
    return planes


def _levels(volume: Samples) -> Samples:
    """In 8 or 16 bits."""
    from ..pictures.contrast import stretched

    low, high = float(volume.min()), float(volume.max())
    if low == high:
        raise BadPicture(f"its samples are all {low:g}")
    if volume.dtype == np.uint8:
        return volume
    if volume.shape[-3] == 3 and volume.dtype == np.uint16:
        if high < 4096:
            raise BadPicture(f"its RGB samples reach {high:g} of 65535, which is 12 bits at most: stretch them to 16")
        return volume
    return stretched(volume)


def _deep_png(file: Path) -> tuple[Samples, str]:
    _check_reader()
    from ..pictures.raster import read_raster

    return read_raster(file, "PNG").samples, "YXS"


def _tiff(file: Path) -> tuple[Samples, str]:
    _check_reader()
    import tifffile

    from ..pictures.tiff_reading import read_tiff

    try:
        with tifffile.TiffFile(file) as tiff:
            series = tiff.series[0]
            if not set(series.axes) <= set("YXS"):
                return np.asarray(series.asarray()), series.axes
        return read_tiff(file).samples, "YXS"
    except (tifffile.TiffFileError, ValueError, IndexError, KeyError, ImportError) as error:
        raise OSError(str(error)) from error


def _check_reader() -> None:
    try:
        import tifffile  # noqa: F401
    except ImportError as error:
        raise OSError("more than 8 bits are read by tifffile, which is not installed: pip install tifffile") from error
