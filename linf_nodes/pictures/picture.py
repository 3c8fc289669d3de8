"""One picture, as every other room sees it."""

from dataclasses import dataclass, field

import numpy as np

from ..errors import BadShape
from .codes import Colours
from .codes import FloatArray as FloatArray
from .texts import Texts


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture in memory, with what its file said about it.

    Attributes
    ----------
    pixels
        float32 `[h, w, c]`, c is 1 (grey) or 3 (RGB); display-coded, nominal range [0, 1]. Values of float files are
        not clipped.
    alpha
        float32 `[h, w]`, not premultiplied, or None.
    dtype
        The sample type of the file: any integer type, or float32.
    icc, exif, dpi
        ICC profile, EXIF block without its orientation, and (x, y) pixels per inch; None where the file has none.
    format
        A value of `EXTENSIONS`.
    range
        The integer samples that 0 and 1 stand for. None means the usual: 0 and the largest value of uint8 or uint16;
        floats as they are.
    pages
        How many pages or frames the file holds; `pixels` is the first.
    texts
        XMP, IPTC, the texts of a PNG and comments.
    odd
        Names of EXIF tags of impossible values, which were left out.
    colours
        What a PNG or AVIF states of its colours by codes or numbers; nothing: sRGB, or what `icc` says.
    """

    pixels: FloatArray
    alpha: FloatArray | None = None
    dtype: np.dtype[np.generic] = field(default_factory=lambda: np.dtype(np.uint8))
    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    format: str = "PNG"
    range: tuple[float, float] | None = None
    pages: int = 1
    texts: Texts = field(default_factory=Texts)
    odd: tuple[str, ...] = ()
    colours: Colours = field(default_factory=Colours)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if len(shape) != 3 or shape[2] not in (1, 3) or 0 in shape:
            raise BadShape(f"pixels have the shape {shape}; give [h, w, 1] or [h, w, 3]")
        if self.alpha is not None and self.alpha.shape != shape[:2]:
            raise BadShape(f"alpha has the shape {self.alpha.shape}; give {shape[:2]}, as the pixels have")
