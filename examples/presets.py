"""Run every bundled preset on a small picture, and put the small picture beside each result.

Usage: presets.py OUT [PRESET=PICTURE ...]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import linf_nodes
from linf_nodes.pictures.contrast import stretched
from linf_nodes.workflow import Preset, presets, read_graph

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "demo-lr.png"
OTHERS = {
    "poster-exact-size": ROOT / "docs" / "pictures" / "demo-hr.png",  # from 64 pixels it would be 54 times
    "microscopy-nyquist": ROOT / "docs" / "pictures" / "nuclei-lr.png",
}
SHOWN = 384  # pixels of the result's width


def shown(picture: Path) -> Image.Image:
    """A picture as a screen has it: grey of 16 bits is stretched."""
    opened = Image.open(picture)
    if opened.mode.startswith("I"):
        opened = Image.fromarray((stretched(np.asarray(opened)) >> 8).astype(np.uint8))
    return opened.convert("RGB")


def beside(small: Path, large: Path) -> Image.Image:
    """The small picture with its pixels visible, and the result, at one height."""
    right = shown(large)
    right = right.resize((SHOWN, round(right.height * SHOWN / right.width)), Image.Resampling.LANCZOS)
    left = shown(small).resize(right.size, Image.Resampling.NEAREST)
    page = Image.new("RGB", (2 * SHOWN + 8, right.height), "white")
    page.paste(left, (0, 0))
    page.paste(right, (SHOWN + 8, 0))
    return page


def main(out: Path, pictures: dict[str, Path]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, path in presets(out).items():
        small, large = (OTHERS | pictures).get(name, PICTURE), out / f"preset-{name}.png"
        Preset.of(read_graph(path)).apply(linf_nodes.read_picture(small), large)
        beside(small, large).save(large.with_suffix(".jpg"), quality=88)
        large.unlink()
        print(large.with_suffix(".jpg"))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), {name: Path(path) for name, _, path in (a.partition("=") for a in sys.argv[2:])})
