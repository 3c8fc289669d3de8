"""Files that nodes name: inside ComfyUI's output and input folders, never outside."""

from pathlib import Path

import folder_paths

from ...errors import BadValue
from .names import inside


def writable(name: str) -> Path:
    """A file below the output folder; its own folder is made."""
    path = inside(name, _output())
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def readable(name: str) -> Path:
    """A file below the input folder, else below the output folder; a mark such as `[output]` behind it decides.

    Raises
    ------
    BadValue
        When neither has it.
    """
    bare, marked = folder_paths.annotated_filepath(name)
    folders = [Path(marked)] if marked else [Path(folder_paths.get_input_directory()), _output()]
    found = [path for path in (inside(bare, f) for f in folders) if path.is_file()]
    if not found:
        where = " or ".join(map(str, folders))
        raise BadValue(f"There is no file {bare!r} in {where}: put it there, or save one first.")
    return found[0]


def below_output(text: str) -> str:
    """Paths, one a line, as names that nodes and people use: below the output folder."""
    root = _output().resolve()
    return "\n".join(Path(line).relative_to(root).as_posix() for line in text.splitlines())


def _output() -> Path:
    return Path(folder_paths.get_output_directory())
