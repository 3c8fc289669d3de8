"""Turn what a user typed into a list of picture files."""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import BadPicture
from .formats import EXTENSIONS, extension_list

Specs = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def find_pictures(specs: Specs, recursive: bool = False) -> list[Path]:
    """The pictures that files, folders and globs name; see `place_pictures`."""
    return list(place_pictures(specs, recursive))


def place_pictures(specs: Specs, recursive: bool = False) -> dict[Path, Path]:
    """The pictures that files, folders and globs name, in the order given, each once.

    A folder means its own pictures sorted by name, with `recursive` those of its sub-folders too; `**` in a glob goes
    into subfolders. A file named outright is taken whatever its extension; folders and globs keep the extensions in
    `EXTENSIONS`. Each picture comes with its place below the folder that was named: its name, or its path from there.

    Raises
    ------
    BadPicture
        When a spec matches no picture; the message quotes it.
    """
    if isinstance(specs, str | os.PathLike):
        specs = [specs]
    found: dict[Path, Path] = {}
    for spec in specs:
        for picture, place in _matches(spec, recursive).items():
            found.setdefault(picture, place)
    return found


def _matches(spec: str | os.PathLike[str], recursive: bool) -> dict[Path, Path]:
    path = Path(spec)
    if path.is_file():
        return {path: Path(path.name)}
    if path.is_dir():
        pictures = _pictures(path.rglob("*") if recursive else path.iterdir())
        if not pictures:
            raise BadPicture(f"the folder '{spec}' holds no {extension_list()} file; name a folder that does")
        return {picture: picture.relative_to(path) for picture in pictures}
    pictures = _pictures(Path(name) for name in glob.glob(os.fspath(spec), recursive=True))
    if not pictures:
        raise BadPicture(f"'{spec}' matches no picture; check the name, or quote the pattern")
    return {picture: Path(picture.name) for picture in pictures}


def _pictures(paths: Iterable[Path]) -> list[Path]:
    return sorted(
        path for path in paths if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file()
    )
