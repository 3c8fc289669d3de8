"""What a few nodes need beyond the adapter: names become files in ComfyUI's folders, reports are shown."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...catalogue.node import Node
from ...errors import BadValue, BadWorkflow
from ...workflow.image_nodes import is_output
from . import loader, memory, names, paths, precision, preset_files

CACHE, PRESET = "LINFModelCache", "LINFRunPreset"
PATH = "path"  # an input of this name is a file: written by nodes that are run for their own sake, read by others


def methods_of(node: Node) -> dict[str, Callable[..., Any]]:
    """Further class methods, by node."""
    if node.id == loader.ID:
        return {"validate_inputs": loader.validate_inputs, "fingerprint_inputs": loader.fingerprint_inputs}
    if node.id == CACHE:
        return {"fingerprint_inputs": lambda cls, **_: float("nan")}  # never the same: it looks at what is loaded
    if node.id == PRESET:
        return {"validate_inputs": _has_preset, "fingerprint_inputs": _preset_version}
    if any("formerly" in i.options for i in node.inputs):
        return {"validate_inputs": lambda cls, latent=None: _is_choice(node, latent)}
    if _reads(node):
        return {"validate_inputs": _is_there, "fingerprint_inputs": _version}
    return {}


def prepared(node: Node, values: Mapping[str, Any]) -> dict[str, Any]:
    """A node's values with names made into files."""
    given = dict(values)
    if node.id == loader.ID:
        given |= loader.resolved(given)
    if _reads(node):
        given[PATH] = str(paths.readable(_name(node, given)))
    elif _writes(node):
        given[PATH] = str(paths.writable(_name(node, given)))
    return given


def finished(node: Node, given: Mapping[str, Any], results: tuple[Any, ...]) -> tuple[Any, ...]:
    """A node's results, with what this host adds to them."""
    if node.id == loader.ID:
        precision.remember(results[0], given["model"], given.get("prior", "auto"))
    if node.id == CACHE:
        if given.get("release"):
            memory.rest()
        return ("\n".join([*results, *memory.held()]),)
    return tuple(paths.below_output(r) for r in results) if _writes(node) else results


def ui_of(node: Node, results: tuple[Any, ...]) -> dict[str, Any] | None:
    """What the node shows: the text of its reports, and pictures that a browser can draw."""
    if not is_output(node):
        return None
    shown: dict[str, Any] = {"text": [str(r) for r in results]}
    drawn = [names.shown(name) for r in results if _writes(node) for name in str(r).splitlines() if _is_png(name)]
    return shown | ({"images": drawn} if drawn else {})


def _reads(node: Node) -> bool:
    return not is_output(node) and any(i.name == PATH for i in node.inputs)


def _writes(node: Node) -> bool:
    return is_output(node) and any(i.name == PATH for i in node.inputs)


def _name(node: Node, given: Mapping[str, Any]) -> str:
    return str(given.get(PATH) or next(i.default for i in node.inputs if i.name == PATH))


def _is_png(name: str) -> bool:
    return Path(name).suffix.lower() == ".png"


def _has_preset(cls: type[Any], preset: str | None = None) -> bool | str:
    try:
        return preset is None or bool(preset_files.file_of(preset))
    except BadWorkflow as error:
        return str(error)


def _preset_version(cls: type[Any], preset: str | None = None, **_: Any) -> Any:
    return None if preset is None else names.version(preset_files.file_of(preset))


def _is_choice(node: Node, latent: str | None) -> bool | str:
    """Newer cores refuse what is not in the list of choices; graphs of before have other words for them."""
    try:
        return latent is None or bool(next(i for i in node.inputs if i.name == "latent").checked(latent))
    except BadValue as error:
        return str(error)


def _is_there(cls: type[Any], path: str | None = None) -> bool | str:
    """A wired name is not known before the run."""
    try:
        return path is None or bool(paths.readable(path))
    except BadValue as error:
        return str(error)


def _version(cls: type[Any], path: str | None = None, **_: Any) -> Any:
    return None if path is None else names.version(paths.readable(path))
