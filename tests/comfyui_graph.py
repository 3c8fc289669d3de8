"""Graphs as the frontend saves them, turned into what it submits: widget values go to inputs by position."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
UNRUN = {"MarkdownNote", "Note"}
MUTED, BYPASSED = 2, 4
_EXTRAS = ("control_after_generate", "image_upload", "video_upload")  # such inputs have two widgets


def api_graph(saved: Mapping[str, Any], object_info: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The API format of a graph in UI format, by the server's own description of each node."""
    links = {link[0]: [str(link[1]), link[2]] for link in saved["links"]}
    graph = {}
    for node in saved["nodes"]:
        if node["type"] in UNRUN:
            continue
        assert node["mode"] not in (MUTED, BYPASSED), f"node {node['id']} would not run"
        values = dict(_widgets(object_info[node["type"]], node.get("widgets_values") or ()))
        wired = {i["name"]: links[i["link"]] for i in node["inputs"] if i.get("link") is not None}
        graph[str(node["id"])] = {"class_type": node["type"], "inputs": {**values, **wired}}
    return graph


def _widgets(info: Mapping[str, Any], values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Names and values of a node's widgets; the frontend's own extras, which no input has, are passed over."""
    rest = iter(values)
    for section in ("required", "optional"):
        for name in info["input_order"].get(section, ()):
            kind, *options = info["input"][section][name]
            told = options[0] if options else {}
            if (isinstance(kind, list) or kind in WIDGETS) and not told.get("forceInput"):
                if not (value := list(islice(rest, 1))):
                    return  # saved before this input was appended: it has its default
                yield name, value[0]
                if any(told.get(extra) for extra in _EXTRAS):
                    next(rest)
    left = list(rest)
    assert not left, f"{left} belong to no input"
