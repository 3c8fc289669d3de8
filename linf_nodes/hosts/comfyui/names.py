"""Names of files as nodes and browsers give them; nothing here asks ComfyUI."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import BadValue


def inside(name: str, folder: Path) -> Path:
    """The path of a name below a folder; raises `BadValue` when it leads out of it."""
    root = folder.resolve()
    path = (root / name).resolve()
    if path == root or not path.is_relative_to(root):
        raise BadValue(f"The file {name!r} lies outside {root}: give a name, or a folder and a name, below it.")
    return path


def version(path: Path) -> tuple[str, int, int]:
    """What tells a file from its next version."""
    stat = path.stat()
    return str(path), stat.st_mtime_ns, stat.st_size


def shown(name: str) -> dict[str, str]:
    """How ComfyUI's browser side asks for a picture below the output folder."""
    folder, _, file = name.rpartition("/")
    return {"filename": file, "subfolder": folder, "type": "output"}


def leading_to(prompt: Mapping[str, Any], link: list[Any]) -> dict[str, Any]:
    """The part of a running graph that an output needs, in its order, and a Save Image node for that output."""
    wanted, waiting = set(), [str(link[0])]
    while waiting:
        if (i := waiting.pop()) not in wanted:
            wanted.add(i)
            waiting += [str(v[0]) for v in prompt[i].get("inputs", {}).values() if isinstance(v, list)]
    part = {i: entry for i, entry in prompt.items() if i in wanted}
    free = next(str(n) for n in range(1, len(prompt) + 2) if str(n) not in part)
    save = {"images": list(link), "filename_prefix": "linf"}
    return part | {free: {"class_type": "SaveImage", "inputs": save, "_meta": {"title": "Save Image"}}}
