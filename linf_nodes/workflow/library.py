"""Named presets: graphs in API format, one file each, bundled or the user's own."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..atomic import atomic_write
from ..errors import BadValue, BadWorkflow
from ..meant import meant
from ..pipeline.store import data_folder, expanded
from .graph import parse_graph

SUFFIX = ".json"

_PACKAGE = Path(__file__).resolve().parent.parent
_BUNDLED = (_PACKAGE / "plugin_manifest" / "presets", _PACKAGE.parent / "plugin_manifest" / "presets")  # wheel; clone
_NAME = re.compile(r"[^\x00-\x1f/\\:*?\"<>|.][^\x00-\x1f/\\:*?\"<>|]{0,99}")


def bundled_presets() -> Path:
    """Where the presets that come with the package lie."""
    return next((f for f in _BUNDLED if f.is_dir()), _BUNDLED[0])


def user_presets() -> Path:
    """Where users keep their own: `$LINF_PRESETS`, else `linf-nodes/presets` in the user's data folder."""
    if named := os.environ.get("LINF_PRESETS"):
        return Path(named)
    return data_folder() / "presets"


def presets(*folders: Path) -> dict[str, Path]:
    """Names and files of the bundled presets, then those of `folders`, or else of the user's folder.

    A bundled name is never hidden by another file.
    """
    found: dict[str, Path] = {}
    for folder in (bundled_presets(), *(folders or (user_presets(),))):
        for file in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []:
            found.setdefault(file.stem, file)
    return found


def find_preset(name: str, *folders: Path) -> Path:
    """The file of a preset given by name or by path.

    Raises
    ------
    BadWorkflow
        When there is neither; the message lists the names.
    """
    known = presets(*folders)
    if name in known:
        return known[name]
    path = expanded(name)
    if path.is_file():
        return path
    raise BadWorkflow(
        f"There is no preset or file {name!r}: give a path to a workflow in API format, or one of {', '.join(known)}."
        + meant(name, known)
    )


def save_preset(name: str, source: Mapping[str, Any], folder: Path | None = None, *, replace: bool = False) -> Path:
    """Write a graph under a name; returns the file.

    Parameters
    ----------
    name
        A file name without its ending.
    source
        A graph in API format; it is checked first.
    folder
        The user's own, unless another is given; it is made where it is missing.
    replace
        Whether an older preset of that name may go.

    Raises
    ------
    BadValue
        When the name cannot be one, or is taken.
    BadWorkflow
        When the graph would not run.
    """
    folder = user_presets() if folder is None else folder
    if not _NAME.fullmatch(name) or name != name.strip():
        raise BadValue(f"A preset cannot be named {name!r}: use letters, digits, spaces, - and _.")
    path = folder / f"{name}{SUFFIX}"
    if (bundled_presets() / path.name).is_file():
        raise BadValue(f"{name!r} is the name of a bundled preset: choose another.")
    if path.exists() and not replace:
        raise BadValue(f"There is a preset {name!r} already: choose another name, or replace it.")
    parse_graph(source)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(source, indent=2) + "\n", "utf-8")
    return path


def about(source: Mapping[str, Any]) -> str:
    """What a graph says of itself: the `about` among the notes (`_meta`) of its nodes; empty if none does.

    ComfyUI keeps what it does not know only until the graph is saved there again.
    """
    notes = (e.get("_meta") for e in source.values() if isinstance(e, Mapping))
    return next((str(n["about"]) for n in notes if isinstance(n, Mapping) and n.get("about")), "")


def one_click_graph(load: Mapping[str, Any], upscale: Mapping[str, Any]) -> dict[str, Any]:
    """The graph Load Image, Load LINF Model, Upscale, Save Image, with these values of the middle two."""
    wired = {"linf_model": ["2", 0], "image": ["1", 0]}
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": "picture.png"}, "_meta": {"title": "Load Image"}},
        "2": {"class_type": "LINFLoadModel", "inputs": dict(load), "_meta": {"title": "Load LINF Model"}},
        "3": {"class_type": "LINFUpscale", "inputs": {**wired, **upscale}, "_meta": {"title": "Upscale"}},
        "4": {
            "class_type": "SaveImage",
            "inputs": {"images": ["3", 0], "filename_prefix": "linf"},
            "_meta": {"title": "Save Image"},
        },
    }


def with_values(source: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A graph with other constants; `changes` maps `ID.INPUT`, or `INPUT` where one node alone has it, to a value.

    Raises
    ------
    BadWorkflow
        When it names no node, or a value that is wired.
    """
    graph = {i: {**e, "inputs": dict(e.get("inputs", {}))} for i, e in source.items()}
    for place, value in changes.items():
        node, name = _place(place, graph)
        if isinstance(graph[node]["inputs"].get(name), list):
            raise BadWorkflow(f"{place!r} is wired to another node: give the value there, or take the link out.")
        graph[node]["inputs"][name] = value
    return graph


def _place(place: str, graph: Mapping[str, Any]) -> tuple[str, str]:
    node, dot, name = place.rpartition(".")
    if not dot:
        having = [i for i, e in graph.items() if name in e["inputs"] and not isinstance(e["inputs"][name], list)]
        if len(having) == 1:
            return having[0], name
        where = f"several nodes have it ({', '.join(having)})" if having else "no node gives it a value"
        hint = "" if having else meant(name, {k for e in graph.values() for k in e["inputs"]})
        raise BadWorkflow(
            f"It is not clear where {place!r} belongs, {where}: give ID.{name}, for example 3.{name}.{hint}"
        )
    if node not in graph:
        raise BadWorkflow(f"{place!r} names node {node!r}, which is not there: the nodes are {', '.join(graph)}.")
    return node, name
