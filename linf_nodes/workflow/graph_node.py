"""One node of a saved graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..catalogue.node import Input, Node
from ..errors import BadValue, BadWorkflow, quoted
from ..meant import meant
from .image_nodes import node_types


@dataclass(frozen=True)
class Link:
    """Output number `index` of the node `step`."""

    step: str
    index: int


@dataclass(frozen=True, eq=False)
class GraphNode:
    """One node of a graph: its constants, checked, and its links."""

    id: str
    title: str
    node: Node
    values: Mapping[str, Any]
    links: Mapping[str, Link]

    def __str__(self) -> str:
        return f"node '{self.id}' ({self.title})"


def _title(entry: Mapping[str, Any]) -> str:
    meta = entry.get("_meta")
    title = meta.get("title") if isinstance(meta, Mapping) else None
    return title if isinstance(title, str) else ""


def name_of(i: str, entry: Mapping[str, Any]) -> str:
    """An entry for messages: its id, and its title if it has one."""
    return f"'{i}', {_title(entry)}" if _title(entry) else f"'{i}'"


def read_step(i: str, entry: Mapping[str, Any], entries: Mapping[str, Any]) -> GraphNode:
    """One entry of a graph whose node types are known; raises `BadWorkflow` for what its node does not take."""
    node = node_types()[entry["class_type"]]
    step = GraphNode(i, _title(entry) or node.title, node, values := {}, links := {})
    known = {k.name: k for k in node.inputs}
    given = entry.get("inputs", {})
    for name, value in given.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise BadWorkflow(f"The {step} has no input '{name}': its inputs are {names}.{meant(name, known)}")
        if isinstance(value, list):
            links[name] = _link(step, name, value, entries)
        elif value is not None:
            values[name] = _constant(step, known[name], value)
    for name, k in known.items():
        if k.required and given.get(name) is None:
            raise BadWorkflow(f"The {step} needs its input '{name}': connect it.")
    return step


def _link(step: GraphNode, name: str, value: list[Any], entries: Mapping[str, Any]) -> Link:
    if len(value) != 2 or not isinstance(value[1], int) or isinstance(value[1], bool):
        raise BadWorkflow(f"The input '{name}' of the {step} is {quoted(value)}: a link is [node id, output number].")
    source = str(value[0])
    if source not in entries:
        raise BadWorkflow(f"The input '{name}' of the {step} is linked to node '{source}', which is not there.")
    return Link(source, value[1])


def _constant(step: GraphNode, k: Input, value: Any) -> Any:
    if k.socket:
        way = f"connect it to an output of {k.kind}"
        raise BadWorkflow(f"The input '{k.name}' of the {step} is {quoted(value)}: {way}.")
    try:
        return k.checked(value)
    except BadValue as error:
        raise BadWorkflow(f"In the {step}, {error}") from error


def check_links(step: GraphNode, steps: Mapping[str, GraphNode]) -> None:
    """Refuse links to outputs that are not there or of another kind."""
    kinds = {k.name: k.kind for k in step.node.inputs}
    for name, link in step.links.items():
        source = steps[link.step]
        outputs = source.node.outputs
        if not 0 <= link.index < len(outputs):
            raise BadWorkflow(
                f"The input '{name}' of the {step} is linked to output {link.index} of the {source}, "
                f"which has {len(outputs)}."
            )
        found, wanted = outputs[link.index][1], kinds[name]
        if found != wanted and (found, wanted) != ("STRING", "COMBO"):
            raise BadWorkflow(
                f"The input '{name}' of the {step} takes {wanted}, but it is linked to {found} of the {source}."
            )
