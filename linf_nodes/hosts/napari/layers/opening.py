"""A menu entry that opens a result where its source lies.

napari chooses readers by a file's ending alone, and asks whenever two would take it: as a reader of every `.ome.tif`
and of every folder this package would get between its user and files that are not its own.
"""

from pathlib import Path
from typing import Any

_KINDS = "Results (*.ome.tif *.ome.tiff *.tif *.tiff zarr.json .zattrs);;All files (*)"


def open_result(napari_viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821  # npe2 resolves it
    """Ask for an OME-TIFF, or for the `zarr.json` or `.zattrs` of an OME-Zarr, and add its layers to the viewer."""
    from napari.utils.notifications import show_error
    from qtpy.QtWidgets import QFileDialog

    from ....errors import LinfError

    names, _ = QFileDialog.getOpenFileNames(None, "Open with LINF", "", _KINDS)
    for name in names:
        try:
            add_file(napari_viewer, Path(name))
        except LinfError as error:
            show_error(str(error))


def add_file(viewer: Any, path: Path) -> list[Any]:
    """Add the layers of any OME-Zarr or TIFF, read as they are shown; returns them.

    Raises
    ------
    BadPicture, BadShape, BadValue
        When it is neither, or damaged.
    """
    from ..reader import read_layers

    return [getattr(viewer, f"add_{kind}")(data, **options) for data, options, kind in read_layers(str(path))]
