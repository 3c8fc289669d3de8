"""Turn what a user typed into a list of picture files."""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import BadPicture
from .formats import EXTENSIONS, extension_list


def find_pictures(specs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    """List the pictures that files, folders and globs name, in the order given, each once.

    A folder means its own pictures sorted by name, without its subfolders; `**` in a glob goes into subfolders. A
    file named outright is taken whatever its extension; folders and globs keep the extensions in `EXTENSIONS`.

    Raises
    ------
    BadPicture
        When a spec matches no picture; the message quotes it.
    """
    if isinstance(specs, str | os.PathLike):
        specs = [specs]
    found: dict[Path, None] = {}
    for spec in specs:
        found.update(dict.fromkeys(_matches(spec)))
    return list(found)


def _matches(spec: str | os.PathLike[str]) -> list[Path]:
    path = Path(spec)
    if path.is_file():
        return [path]
    if path.is_dir():
        pictures = _pictures(path.iterdir())
        if not pictures:
            raise BadPicture(f"the folder '{spec}' holds no {extension_list()} file; name a folder that does")
        return pictures
    pictures = _pictures(Path(name) for name in glob.glob(os.fspath(spec), recursive=True))
    if not pictures:
        raise BadPicture(f"'{spec}' matches no picture; check the name, or quote the pattern")
    return pictures


def _pictures(paths: Iterable[Path]) -> list[Path]:
    return sorted(
        path for path in paths if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file()
    )
