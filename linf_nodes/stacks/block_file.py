"""The file of one block of a result: written, read back, and told from a damaged one."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..atomic import refusal, stays
from ..errors import BadValue, LinfError
from .axes import Array
from .file_stamp import WAITS, Unsteady
from .location import is_url
from .ngff import open_level
from .pyramid import Box, Level, Place
from .reading import digest

T = TypeVar("T")


def block_path(folder: Path, level: Level, place: Place) -> Path:
    """Where a block lies."""
    return folder / level.path / "c" / "/".join(map(str, place))


def write_block(folder: Path, level: Level, place: Place, samples: Array, check: Callable[[], None]) -> tuple[int, str]:
    """Write a block and read it back; returns the size of its file and a short name of its bytes.

    `check` is called before it is written.

    Raises
    ------
    BadValue
        When the result is gone, or the system refuses to write.
    """

    def work() -> tuple[int, str]:
        check()
        return _written(folder, level, place, samples)

    return _insist(folder, work)


def is_whole(folder: Path, level: Level, place: Place, file: str) -> bool:
    """Whether a block's file holds the bytes that were written."""
    try:
        return digest(block_path(folder, level, place).read_bytes()) == file
    except OSError:
        return False


def has_size(folder: Path, level: Level, place: Place, size: int) -> bool:
    """The same without reading it; on a server, where asking takes long, what was read back once stays."""
    if is_url(folder):
        return True
    try:
        return block_path(folder, level, place).stat().st_size == size
    except OSError:
        return False


def sweep(folder: Path) -> None:
    """Remove what writers that were killed have left behind; on a server an object is there whole or not at all."""
    if is_url(folder):
        return
    for path in folder.rglob("*.partial"):
        path.unlink(missing_ok=True)


def _written(folder: Path, level: Level, place: Place, samples: Array) -> tuple[int, str]:
    box: Box = level.box_at(place)
    array: Any = open_level(folder, level)
    array[box] = samples
    data = block_path(folder, level, place).read_bytes()
    if not np.array_equal(np.asarray(array[box]), samples, equal_nan=samples.dtype.kind == "f"):
        raise Unsteady("a block was not read back as it was written")
    return len(data), digest(data)


def _insist(folder: Path, work: Callable[[], T]) -> T:
    reason: Exception = Unsteady("nothing was tried")
    for wait in WAITS:
        time.sleep(wait)
        try:
            return work()
        except LinfError:
            raise
        except OSError as error:
            if stays(error):
                raise refusal(folder, error) from error
            reason = error
        except (Unsteady, ValueError, RuntimeError) as error:  # codecs raise whatever they like
            reason = error
    words = getattr(reason, "strerror", None) or str(reason).split("\n")[0]
    raise BadValue(
        f"'{folder}' cannot be written on {socket.gethostname()} ({words}): mount it again or bring it back."
    ) from reason
