"""Whether a result will fit on the disk, asked before the work."""

import os
import shutil
from pathlib import Path

from ..errors import BadValue


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
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise BadValue(
            f"'{path}' may need {needed / 1e9:.3g} GB, but {free / 1e9:.3g} GB are free in '{folder}': free some "
            "space, choose another folder, or a smaller scale; or begin all the same with --ignore-free-space, since "
            "files are compressed."
        )
