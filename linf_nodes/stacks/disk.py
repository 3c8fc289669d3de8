"""Whether a result will fit on the disk, asked before the work."""

import os
import shutil
from pathlib import Path

from ..errors import BadValue
from ..memory import memory_text


def free_at(path: Path) -> int:
    """Bytes that are free on the disk where a file is to be written."""
    folder = next(p for p in (path.absolute(), *path.absolute().parents) if p.is_dir())
    return shutil.disk_usage(folder).free


def check_space(path: str | os.PathLike[str], needed: int) -> None:
    """Refuse a result that is larger than what is free where it is to be written.

    Raises
    ------
    BadValue
        With both numbers, or when there is no such folder.
    """
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise BadValue(f"cannot write '{path}': there is no folder '{folder}'; make it first")
    free = free_at(folder)
    if needed > free:
        raise BadValue(
            f"'{path}' may need {memory_text(needed)}, but {memory_text(free)} are free in '{folder}': free some "
            "space, choose another folder, or a smaller scale; or begin all the same with --ignore-free-space, since "
            "files are compressed."
        )
