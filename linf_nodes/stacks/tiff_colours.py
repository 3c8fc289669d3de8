"""What the samples of a TIFF stand for: only intensities can be enlarged as such."""

from pathlib import Path
from typing import Any

import numpy as np
from tifffile import COMPRESSION

from ..errors import BadPicture

_INTENSITIES = ("MINISBLACK", "RGB", "MASK", "LINEAR_RAW", "DEPTH_MAP")
_NAMED = {"SEPARATED": "inks (CMYK)", "CFA": "a raw mosaic of colour filters"}
# other codecs turn YCbCr into RGB as they decode
_LEAVE_COLOURS = ("NONE", "LZW", "DEFLATE", "ADOBE_DEFLATE", "PACKBITS", "LZMA", "ZSTD")


def white_is_zero(page: Any, path: str | Path, labels: bool = False) -> bool:
    """Whether a page's samples are to be inverted to be intensities; not if they are labels.

    Raises
    ------
    BadPicture
        When they are no intensities: inks, numbers of a palette, another space of colours.
    """
    kind = getattr(page.photometric, "name", str(page.photometric))
    if kind == "MINISWHITE" and not labels:
        if np.dtype(page.dtype).kind == "f":
            raise BadPicture(f"'{path}' says of {page.dtype} that 0 is white: export it with 0 as black.")
        return True
    if kind == "PALETTE" and not (labels or _is_ramp(page)):
        raise BadPicture(
            f"'{path}' holds numbers of a palette, which are no intensities: convert it to RGB, or say --labels if "
            "that is what they are."
        )
    decoded = kind == "YCBCR" and page.compression not in {COMPRESSION[name] for name in _LEAVE_COLOURS}
    if kind not in (*_INTENSITIES, "MINISWHITE", "PALETTE") and not decoded:
        raise BadPicture(f"'{path}' holds {_NAMED.get(kind, f'colours as {kind}')}: convert it to RGB or grey.")
    return False


def _is_ramp(page: Any) -> bool:
    """Whether a palette only colours intensities: none of its three colours falls, as microscopes write it.

    ImageJ and LSM write tables of any colours over intensities.
    """
    if page.parent.is_imagej or page.parent.is_lsm or page.colormap is None:
        return True
    return bool((np.diff(np.asarray(page.colormap, np.int64), axis=1) >= 0).all())
