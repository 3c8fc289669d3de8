"""Will it fit? Said before the work starts, with both numbers and the way out."""

import shutil
from pathlib import Path

from ...errors import BadValue

SPARE = 0.8  # of what is free: the rest is for the model, the blocks and everybody else
ASK_ABOVE = 60.0  # seconds; longer runs wait for a second click


def check_memory(needed: int, free: int | None = None) -> None:
    """Refuse a result that does not fit into the free memory.

    Raises
    ------
    BadValue
    """
    if free is None:
        import psutil

        free = int(psutil.virtual_memory().available)
    if needed > SPARE * free:
        raise BadValue(
            f"The result takes {size_text(needed)} of memory and {size_text(free)} are free: write it to OME-Zarr, or "
            "choose a lazy layer or the current view."
        )


def check_disk(needed: int, path: Path, free: int | None = None) -> None:
    """Refuse a file that does not fit on the disk of `path`, before compression.

    Raises
    ------
    BadValue
    """
    if free is None:
        folder = next(p for p in (path.absolute(), *path.absolute().parents) if p.is_dir())
        free = shutil.disk_usage(folder).free
    if needed > free:
        raise BadValue(
            f"The file takes up to {size_text(needed)} and {size_text(free)} are free on the disk of {path}: choose "
            "another disk or a smaller scale."
        )


def size_text(nbytes: float) -> str:
    """A number of bytes for people: 3.1 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if nbytes < 999.5:
            return f"{nbytes:.0f} {unit}" if nbytes >= 99.5 or unit == "bytes" else f"{nbytes:.3g} {unit}"
        nbytes /= 1000
    return f"{nbytes:.3g} TB"


def time_text(seconds: float) -> str:
    """A duration for people: 12 min."""
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    if seconds < 99.5 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
