"""OME-Zarr stacks as volumes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadPicture


def is_zarr(path: Path) -> bool:
    """Whether a path is a folder that calls itself Zarr."""
    return path.suffix.lower() == ".zarr" and path.is_dir()


def read_zarr(path: Path) -> tuple[NDArray[Any], str]:
    """The finest level of an OME-Zarr picture (versions 0.4 and 0.5), whole, and a letter for each axis.

    Raises
    ------
    OSError
        When zarr is not installed, or the folder cannot be read.
    BadPicture
        When it is Zarr, but not a picture of OME-Zarr.
    """
    try:
        import zarr
    except ImportError as error:
        raise OSError("OME-Zarr is read by zarr, which is not installed: pip install linf-nodes[zarr]") from error
    try:
        group: Any = zarr.open_group(str(path), mode="r")
        scales = _multiscales(dict(group.attrs))
        level = group[scales["datasets"][0]["path"]]
        axes = [str(axis["name"] if isinstance(axis, Mapping) else axis) for axis in scales["axes"]]
        volume = np.asarray(level[...])
    except (KeyError, IndexError, TypeError) as error:
        raise BadPicture("it is no OME-Zarr picture: it names no multiscales with axes and datasets") from error
    except (ValueError, RuntimeError) as error:
        raise OSError(str(error)) from error
    if len(axes) != volume.ndim:
        raise BadPicture(f"it names {len(axes)} axes for an array of {volume.ndim}")
    return volume, "".join(name[:1].upper() for name in axes)


def _multiscales(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of version 0.5, which keeps it below `ome`, or of 0.4."""
    found: Mapping[str, Any] = attributes.get("ome", attributes)["multiscales"][0]
    return found
