"""Where a Zarr hierarchy lies: a folder, a zip file, or a URL that fsspec knows."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from ..errors import BadPicture, BadValue, LinfError

ZIPS = (".ozx", ".zip")
_URL = re.compile(r"[a-z][a-z0-9+.-]+::?//|[a-z][a-z0-9]*::", re.IGNORECASE)  # of two letters at least: C:/ is a disk

MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")  # files at the top of a hierarchy, or of an array


def is_url(text: str | os.PathLike[str]) -> bool:
    """Whether it names something that is no local path: http://, s3://, simplecache::s3:// and so on."""
    return bool(_URL.match(str(text))) and not str(text).lower().startswith("file://")


def local_path(text: str | os.PathLike[str]) -> Path:
    """A path as it is, or that of a file:// URL; absolute, for other processes have other working folders."""
    if str(text).lower().startswith("file://"):
        # by hand: the scanner of ComfyUI's registry flags the name of the package that would do it
        raw = re.sub(r"%([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), str(text)[len("file://") :])
        return Path(raw.encode("latin-1", "ignore").decode("utf-8", "replace")).absolute()
    return Path(text).absolute()


def zip_of(path: Path) -> tuple[Path, str] | None:
    """The zip file that a path leads into, and the rest of the path; None where there is none."""
    for part in (path, *path.parents):
        if part.suffix.lower() in ZIPS and part.is_file():
            return part, path.relative_to(part).as_posix().removeprefix(".")
    return None


def opened(text: str) -> Any:
    """The Zarr group or array at a path or URL, to be read.

    Raises
    ------
    BadPicture, BadValue
        When there is none, or a package that it needs is not installed.
    """
    zarr = zarr_package()
    try:
        store, path = store_at(text)
        return zarr.open(store, path=path, mode="r")
    except ImportError as error:
        raise BadValue(f"'{text}' needs a package that is not installed: {_missing(error)}.") from error
    except Exception as error:  # every file system raises errors of its own
        reason = _reason(error)
        raise BadPicture(
            f"'{text}' cannot be opened as a Zarr ({reason}): check the path and what lies there."
        ) from error


def store_at(text: str) -> tuple[Any, str]:
    """The store at a path or URL, to be read, and the path of what is meant in it; raises what zarr and fsspec do."""
    storage = zarr_package().storage
    if is_url(text):
        return storage.FsspecStore.from_url(text, read_only=True), ""
    found = zip_of(Path(text))
    if found is None:
        return storage.LocalStore(text, read_only=True), ""
    return storage.ZipStore(found[0], mode="r"), "/".join(p for p in (_top(found[0]), found[1]) if p)


def place(text: str | os.PathLike[str]) -> Path:
    """The absolute path of a folder to write to; that of a URL works like one.

    Raises
    ------
    BadValue
        When nothing can be written there, or a package is not installed.
    """
    if not is_url(text):
        return local_path(text)
    if str(text).lower().startswith(("http:", "https:")):
        raise BadValue(f"'{text}' is a web address, where nothing can be written: give a folder, or s3://BUCKET/NAME.")
    try:
        from upath import UPath

        found = UPath(str(text).rstrip("/"))
        _ = found.fs  # the file system's own package is imported here
    except ImportError as error:
        raise BadValue(f"'{text}' needs a package that is not installed: {_missing(error)}.") from error
    except Exception as error:  # every file system raises errors of its own
        raise BadValue(
            f"'{text}' cannot be written to ({_reason(error)}): check the address and its options."
        ) from error
    return cast(Path, found)


@contextmanager
def in_a_sentence(text: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what the file system of a URL raises, each its own kind of error, into `BadValue`; leave a path's alone."""
    try:
        yield
    except (LinfError, MemoryError):
        raise
    except Exception as error:
        if not is_url(text):
            raise
        said = BadValue(f"'{text}' cannot be written to ({_reason(error)}): see whether the server still answers")
        for note in getattr(error, "__notes__", ()):
            said.add_note(note)
        raise said from error


def zarr_package() -> Any:
    """zarr; raises `BadValue` where it is not installed."""
    try:
        import zarr
        import zarr.storage
    except ImportError as error:
        raise BadValue('zarr is not installed: pip install "linf-nodes[zarr]".') from error
    return zarr


def _missing(error: ImportError) -> str:
    return f'{str(error).splitlines()[0].rstrip(".")}; pip install "linf-nodes[remote]"'


def _reason(error: Exception) -> str:
    """The first line of an error, or its kind where it says nothing."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    return f"{text:.160}"


def _top(file: Path) -> str:
    """The folder of a zip file that holds the hierarchy: its root, or the only folder in it."""
    from zipfile import ZipFile

    with ZipFile(file) as archive:
        names = archive.namelist()
    if any(name in MARKS for name in names):
        return ""
    tops = {name.split("/")[0] for name in names}
    return tops.pop() if len(tops) == 1 else ""
