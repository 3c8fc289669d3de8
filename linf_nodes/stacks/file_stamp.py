"""What tells cheaply whether a file is still what it was."""

import os
import socket
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ..errors import SourceLost

T = TypeVar("T")

WAITS = (0.0, 0.5, 1.5, 3.0)  # seconds before each try: a mount that blinks comes back


class FileStamp(NamedTuple):
    """Size and times of a file. The time of its entry changes even where that of its contents is set back."""

    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> "FileStamp | None":
        """None where there is no file; raises `OSError` where that cannot be told."""
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class Unsteady(Exception):
    """A source was not the same before and after it was read: a further try may find it whole."""


def check_stamp(path: str, stamp: FileStamp) -> None:
    """Refuse a file that is gone (`Unsteady`: it may come back) or another one (`SourceLost`)."""
    found = FileStamp.of(path)
    if found is None:
        raise Unsteady("it is not there")
    if found != stamp:
        raise SourceLost(f"'{path}' has changed since the work began: put the same file back, or begin anew.")


def steadily(path: str, read: Callable[[], T]) -> T:
    """What `read` yields, tried again for some seconds while the system or the source does not hold still.

    Raises
    ------
    SourceLost
        When it does not come back.
    """
    reason: Exception = Unsteady("nothing was tried")
    for wait in WAITS:
        time.sleep(wait)
        try:
            return read()
        except (OSError, Unsteady) as error:
            reason = error
    words = getattr(reason, "strerror", None) or reason
    raise SourceLost(f"'{path}' cannot be read on {socket.gethostname()} ({words}): mount it again or bring it back.")
