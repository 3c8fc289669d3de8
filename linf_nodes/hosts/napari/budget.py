"""Will it fit? Said before the work starts, with both numbers and the way out."""

from pathlib import Path

from ... import memory
from ...errors import BadValue
from ...memory import memory_text
from ...stacks.disk import free_at

SPARE = 0.8  # of what is free: the rest is for the model, the blocks and everybody else
ASK_ABOVE = 60.0  # seconds; longer runs wait for a second click


def check_memory(needed: int) -> None:
    """Refuse a result that does not fit into the free memory.

    Raises
    ------
    BadValue
    """
    if not memory.fits(needed * memory.SPARE / SPARE):
        raise BadValue(
            f"The result {memory.shortage(needed)}: write it to OME-Zarr, or choose a lazy layer or the current view."
        )


def check_disk(needed: int, path: Path, free: int | None = None) -> None:
    """Refuse a file that does not fit on the disk of `path`, before compression.

    Raises
    ------
    BadValue
    """
    if free is None:
        free = free_at(path)
    if needed > free:
        raise BadValue(
            f"The file takes up to {memory_text(needed)} and {memory_text(free)} are free on the disk of {path}: "
            "choose another disk or a smaller scale."
        )


def time_text(seconds: float) -> str:
    """A duration for people: 12 min."""
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    if seconds < 99.5 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
