"""The pictures under File > Open Sample; `plugin_manifest/samples/LICENCES.md` says whose they are."""

from pathlib import Path
from typing import Any

import numpy as np

_PACKAGE = Path(__file__).resolve().parents[3]
_BUNDLED = (_PACKAGE / "plugin_manifest" / "samples", _PACKAGE.parent / "plugin_manifest" / "samples")  # wheel; clone

LayerData = tuple[Any, dict[str, Any], str]

# Function of this module: its title in the menu.
TITLES = {
    "histology": "Histology (2-D, RGB, 0.45 um)",
    "embryo": "Embryo (3-D, 16 bit)",
    "nuclei": "Dividing nuclei (time series, 16 bit)",
}


def samples_folder() -> Path:
    """Where the pictures lie, in a wheel or in a clone."""
    return next((f for f in _BUNDLED if f.is_dir()), _BUNDLED[0])


def histology() -> list[LayerData]:
    """Stained tissue `[256, 256, 3]` uint8, 0.4542 um per pixel."""
    from PIL import Image

    with Image.open(samples_folder() / "histology.png") as picture:
        options = {"scale": (0.4542, 0.4542), "units": ("um", "um"), "rgb": True}
        return [_layer("histology", "yx", picture, **options)]


def embryo() -> list[LayerData]:
    """A confocal stack `[53, 56, 54]` (z, y, x) uint16 of unknown voxel size."""
    return [_layer("embryo", "zyx", _read("embryo.tif"), colormap="green")]


def nuclei() -> list[LayerData]:
    """A time series `[12, 130, 130]` (t, y, x) uint16 of unknown pixel size."""
    return [_layer("nuclei", "tyx", _read("nuclei.tif"), colormap="gray")]


def _read(name: str) -> Any:
    from tifffile import imread

    return imread(samples_folder() / name)


def _layer(name: str, axes: str, pixels: Any, **options: Any) -> LayerData:
    return np.asarray(pixels), {"name": name, "axis_labels": tuple(axes), **options}, "image"
