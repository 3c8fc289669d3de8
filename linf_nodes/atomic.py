"""Write a file whole or not at all."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import BadValue

_WAYS_OUT = {
    errno.ENOSPC: "free some space or choose another folder",
    errno.EDQUOT: "free some of your quota or choose another folder",
    errno.EFBIG: "raise the file size limit or choose another folder",
    errno.EACCES: "choose a folder you may write to",
    errno.EPERM: "choose a folder you may write to",
    errno.EROFS: "choose a folder you may write to",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the place of `path` when the block ends well.

    If the block raises anything, `KeyboardInterrupt` included, the temporary file is removed and an older file at
    `path` stays as it was. A symbolic link is followed, so that the link itself survives.

    Raises
    ------
    BadValue
        When the folder is missing, `path` is not a regular file, or the system refuses to write.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".linf-{uuid.uuid4().hex}{target.suffix}")
    try:
        _check_place(target, path)
        yield temporary
        _settle(temporary, target)
    except OSError as error:
        raise refusal(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def refusal(path: str | os.PathLike[str], error: OSError) -> BadValue:
    """What the system's refusal to write says to a user, with the way out."""
    way_out = _WAYS_OUT.get(error.errno or 0, "check the path and the disk")
    return BadValue(f"cannot write '{path}': {error.strerror or error}; {way_out}")


def stays(error: OSError) -> bool:
    """Whether a refusal to write is none that passes by itself."""
    return error.errno in _WAYS_OUT


def _check_place(target: Path, path: str | os.PathLike[str]) -> None:
    if not target.parent.is_dir():
        raise BadValue(f"cannot write '{path}': there is no folder '{target.parent}'; make it first")
    if target.exists() and not target.is_file():
        raise BadValue(f"cannot write '{path}': it is a folder or a device, not a file; choose another name")


def _settle(temporary: Path, target: Path) -> None:
    """Flush to the disk, keep the older file's permissions, rename."""
    with temporary.open("r+b") as stream:
        os.fsync(stream.fileno())
    if target.exists():
        shutil.copymode(target, temporary)
    os.replace(temporary, target)
