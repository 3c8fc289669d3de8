"""Grey, 16-bit, float and many-page TIFF files as training pictures: every plane, normalised by its volume."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

LOW, HIGH = 0.1, 99.9  # percentiles of the volume that become 0 and 1: a hot pixel must not darken the rest


def is_stack(image: Image.Image) -> bool:
    """Whether an opened file is a TIFF with more than one page, or with samples that Pillow would cut to 8 bits."""
    return image.format == "TIFF" and (getattr(image, "n_frames", 1) > 1 or image.mode[0] in "IF")


def read_planes(file: Path) -> list[Tensor]:
    """Planes `[1, h, w]`, or `[3, h, w]` of a file with RGB samples; uint16, or uint8 if the file's are.

    Alpha is left out.

    Raises
    ------
    OSError
        When the file cannot be decoded, or tifffile is not installed.
    """
    try:
        import tifffile
    except ImportError as error:
        raise OSError("a stack is read by tifffile, which is not installed") from error
    try:
        with tifffile.TiffFile(file) as tiff:
            series = tiff.series[0]
            axes, volume = series.axes, np.asarray(series.asarray())
    except (tifffile.TiffFileError, ValueError, IndexError, KeyError, ImportError) as error:
        raise OSError(str(error)) from error
    if "Y" not in axes or "X" not in axes or volume.dtype.kind not in "uif" or not np.isfinite(volume).all():
        raise OSError(f"axes {axes} of {volume.dtype} are no planes of finite samples")
    last = [axes.index(name) for name in ("SYX" if "S" in axes else "YX")]
    volume = np.moveaxis(volume, last, range(-len(last), 0))
    volume = volume if "S" in axes else volume[..., None, :, :]
    volume = volume[..., : 3 if volume.shape[-3] >= 3 else 1, :, :]  # the last of 2 or 4 samples is alpha
    planes = _normalised(volume).reshape(-1, *volume.shape[-3:])
    return [torch.from_numpy(plane.copy()) for plane in planes]


def _normalised(volume: NDArray[Any]) -> NDArray[Any]:
    if volume.dtype == np.uint8:
        return volume
    low, high = (float(v) for v in np.percentile(volume.astype(np.float32), (LOW, HIGH)))
    scaled = (volume.astype(np.float32) - low) * (65535 / max(high - low, 1e-12))
    return scaled.clip(0, 65535).round().astype(np.uint16)
