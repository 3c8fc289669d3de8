"""Put an enlarged picture between plain bicubic interpolation and the original, with the PSNR of both.

Usage: demo.py SMALL ENLARGED ORIGINAL SHEET
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP, CAPTION = 8, 26


def psnr(picture: Image.Image, original: Image.Image) -> float:
    """Peak signal-to-noise ratio in dB over all RGB samples of two 8-bit pictures."""
    error = np.asarray(picture, np.float64) - np.asarray(original, np.float64)
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def sheet(panels: dict[str, Image.Image]) -> Image.Image:
    """Pictures of one size side by side, each under its caption."""
    width, height = next(iter(panels.values())).size
    page = Image.new("RGB", (len(panels) * (width + GAP) - GAP, height + CAPTION), "white")
    draw = ImageDraw.Draw(page)
    for i, (caption, picture) in enumerate(panels.items()):
        left = i * (width + GAP)
        draw.text((left + width // 2, CAPTION // 2), caption, "black", ImageFont.load_default(14), anchor="mm")
        page.paste(picture, (left, CAPTION))
    return page


def main(small_path: str, enlarged_path: str, original_path: str, sheet_path: str) -> None:
    small, enlarged, original = (Image.open(p).convert("RGB") for p in (small_path, enlarged_path, original_path))
    bicubic = small.resize(original.size, Image.Resampling.BICUBIC)
    panels = {
        f"bicubic, {psnr(bicubic, original):.2f} dB": bicubic,
        f"LINF, {psnr(enlarged, original):.2f} dB": enlarged,
        "original": original,
    }
    sheet(panels).save(sheet_path, optimize=True)
    print(f"enlarged: {Path(enlarged_path).resolve()}")
    print(f"compared: {Path(sheet_path).resolve()}  ({' | '.join(panels)})")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
