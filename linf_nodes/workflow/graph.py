"""A saved graph, parsed and checked before anything runs."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from ..catalogue.node import Input, Node
from ..errors import BadValue, BadWorkflow
from .image_nodes import is_output, node_types

_HOW_TO_EXPORT = "in ComfyUI use Workflow > Export (API)"


@dataclass(frozen=True)
class Link:
    """Output number `index` of the node `step`."""

    step: str
    index: int


@dataclass(frozen=True, eq=False)
class Step:
    """One node of a graph: its constants, checked, and its links."""

    id: str
    title: str
    node: Node
    values: Mapping[str, Any]
    links: Mapping[str, Link]

    def __str__(self) -> str:
        return f"node '{self.id}' ({self.title})"


@dataclass(frozen=True, eq=False)
class Graph:
    """Steps in an order in which they can run; `source` is the JSON object as it was read."""

    steps: Mapping[str, Step]
    source: Mapping[str, Any]

    def of_type(self, *ids: str) -> list[Step]:
        """Steps of these node types, in the order of the file."""
        return [self.steps[i] for i in self.source if self.steps[i].node.id in ids]

    @property
    def outputs(self) -> list[Step]:
        """Steps that are run for their own sake."""
        return [self.steps[i] for i in self.source if is_output(self.steps[i].node)]

    def needed(self, ids: Iterable[str]) -> list[Step]:
        """The steps that `ids` need, themselves included, in running order."""
        wanted = set(ids)
        for step in reversed(list(self.steps.values())):
            if step.id in wanted:
                wanted.update(link.step for link in step.links.values())
        return [step for step in self.steps.values() if step.id in wanted]


def read_graph(path: str | os.PathLike[str]) -> Graph:
    """Read a graph file; raises `BadWorkflow` when it is missing, not JSON, or not a graph of known nodes."""
    try:
        return parse_graph(json.loads(Path(path).read_text("utf-8")))
    except OSError as error:
        raise BadWorkflow(f"Cannot read the workflow '{path}' ({error.strerror or error}): check the path.") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadWorkflow):
            raise BadWorkflow(f"'{path}': {error}") from error
        raise BadWorkflow(f"'{path}' is not JSON ({error}): {_HOW_TO_EXPORT}.") from error


def parse_graph(source: Any) -> Graph:
    """A graph from `{id: {"class_type", "inputs", "_meta"?}}`.

    Raises
    ------
    BadWorkflow
        When it is of another form, or has unknown nodes, unknown, missing or ill-typed inputs, links to nothing, a
        circle, or no output.
    """
    entries = _entries(source)
    _check_types(entries)
    steps = {i: _step(i, entry, entries) for i, entry in entries.items()}
    for step in steps.values():
        _check_links(step, steps)
    graph = Graph({i: steps[i] for i in _order(steps)}, dict(source))
    if not graph.outputs:
        raise BadWorkflow("The workflow has no output: add a Save Image node.")
    return graph


def _entries(source: Any) -> dict[str, Mapping[str, Any]]:
    if isinstance(source, Mapping) and isinstance(source.get("nodes"), list):
        raise BadWorkflow(f"This is a workflow in UI format, which has no input names: {_HOW_TO_EXPORT}.")
    if not isinstance(source, Mapping) or not source:
        raise BadWorkflow(f"This is not a workflow in API format, an object with at least one node: {_HOW_TO_EXPORT}.")
    for i, entry in source.items():
        if not isinstance(entry, Mapping) or not isinstance(entry.get("class_type"), str):
            raise BadWorkflow(f"The entry '{i}' has no class_type, so it is not a node: {_HOW_TO_EXPORT}.")
        if not isinstance(entry.get("inputs", {}), Mapping):
            raise BadWorkflow(f"The inputs of node '{i}' are not an object with names: {_HOW_TO_EXPORT}.")
    return dict(source)


def _check_types(entries: Mapping[str, Mapping[str, Any]]) -> None:
    known = node_types()
    unknown = [f"{e['class_type']} (node {_name(i, e)})" for i, e in entries.items() if e["class_type"] not in known]
    if unknown:
        raise BadWorkflow(
            f"{len(unknown)} of the workflow's nodes are not known here: {', '.join(unknown)}; "
            "use LINF nodes, Load Image, Save Image and Preview Image only, or run it in ComfyUI."
        )


def _title(entry: Mapping[str, Any]) -> str:
    meta = entry.get("_meta")
    title = meta.get("title") if isinstance(meta, Mapping) else None
    return title if isinstance(title, str) else ""


def _name(i: str, entry: Mapping[str, Any]) -> str:
    return f"'{i}', {_title(entry)}" if _title(entry) else f"'{i}'"


def _step(i: str, entry: Mapping[str, Any], entries: Mapping[str, Any]) -> Step:
    node = node_types()[entry["class_type"]]
    step = Step(i, _title(entry) or node.title, node, values := {}, links := {})
    known = {k.name: k for k in node.inputs}
    given = entry.get("inputs", {})
    for name, value in given.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise BadWorkflow(f"The {step} has no input '{name}': its inputs are {names}.")
        if isinstance(value, list):
            links[name] = _link(step, name, value, entries)
        elif value is not None:
            values[name] = _constant(step, known[name], value)
    for name, k in known.items():
        if k.required and given.get(name) is None:
            raise BadWorkflow(f"The {step} needs its input '{name}': connect it.")
    return step


def _link(step: Step, name: str, value: list[Any], entries: Mapping[str, Any]) -> Link:
    if len(value) != 2 or not isinstance(value[1], int) or isinstance(value[1], bool):
        raise BadWorkflow(f"The input '{name}' of the {step} is {value!r:.80}: a link is [node id, output number].")
    source = str(value[0])
    if source not in entries:
        raise BadWorkflow(f"The input '{name}' of the {step} is linked to node '{source}', which is not there.")
    return Link(source, value[1])


def _constant(step: Step, k: Input, value: Any) -> Any:
    if k.socket:
        raise BadWorkflow(f"The input '{k.name}' of the {step} is {value!r:.80}: connect it to an output of {k.kind}.")
    try:
        return k.checked(value)
    except BadValue as error:
        raise BadWorkflow(f"In the {step}, {error}") from error


def _check_links(step: Step, steps: Mapping[str, Step]) -> None:
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


def _order(steps: Mapping[str, Step]) -> list[str]:
    try:
        return list(TopologicalSorter({i: [k.step for k in s.links.values()] for i, s in steps.items()}).static_order())
    except CycleError as error:
        circle = " -> ".join(str(steps[i]) for i in error.args[1])
        raise BadWorkflow(f"The workflow goes in a circle: {circle}; remove one of these links.") from error
