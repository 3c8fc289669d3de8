"""A plane of numbers as colours, with a scale that says which is which."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .picture import FloatArray

# Cividis at equal steps (Nunez et al., PLOS ONE 2018): its lightness grows evenly, also for the colour-blind.
_CIVIDIS = ("00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838")
LEGEND = 24  # pixels of height below the map


def heat_map(values: NDArray[Any], high: float, unit: str) -> FloatArray:
    """`[h + LEGEND, w, 3]` in [0, 1] of `values [h, w]`: dark is 0, bright is `high` and more; a bar below says so.

    `unit` is written behind the numbers.
    """
    picture = _colours(np.clip(values / max(high, 1e-12), 0, 1))
    page: FloatArray = np.concatenate([picture, _legend(values.shape[1], high, unit)])
    return page


def _colours(share: NDArray[Any]) -> FloatArray:
    table = np.array([[int(c[i : i + 2], 16) / 255 for i in (0, 2, 4)] for c in _CIVIDIS])
    at = np.linspace(0, 1, len(table))
    return np.stack([np.interp(share, at, table[:, c]) for c in range(3)], -1).astype(np.float32)


def _legend(width: int, high: float, unit: str) -> FloatArray:
    bar = _colours(np.broadcast_to(np.linspace(0, 1, width), (LEGEND, width)))
    page = Image.fromarray(np.rint(bar * 255).astype(np.uint8))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    texts = (("lm", 3, "0", "white"), ("rm", width - 3, f"{high:.3g} {unit}", "black"))
    for anchor, x, text, colour in texts:
        draw.text((x, LEGEND // 2), text, colour, font, anchor)
    if width >= 200:
        draw.text((width // 2, LEGEND // 2), f"{high / 2:.3g}", "white", font, "mm")
    return np.asarray(page, np.float32) / np.float32(255)
