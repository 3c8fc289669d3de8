"""A saved graph, parsed and checked before anything runs."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from ..errors import BadWorkflow
from ..meant import meant
from .graph_node import GraphNode, check_links, name_of, read_step
from .image_nodes import is_output, node_types

_HOW_TO_EXPORT = "in ComfyUI use Workflow > Export (API)"


@dataclass(frozen=True, eq=False)
class Graph:
    """Steps in an order in which they can run; `source` is the JSON object as it was read."""

    steps: Mapping[str, GraphNode]
    source: Mapping[str, Any]

    def of_type(self, *ids: str) -> list[GraphNode]:
        """Steps of these node types, in the order of the file."""
        return [self.steps[i] for i in self.source if self.steps[i].node.id in ids]

    @property
    def outputs(self) -> list[GraphNode]:
        """Steps that are run for their own sake."""
        return [self.steps[i] for i in self.source if is_output(self.steps[i].node)]

    def needed(self, ids: Iterable[str]) -> list[GraphNode]:
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
    steps = {i: read_step(i, entry, entries) for i, entry in entries.items()}
    for step in steps.values():
        check_links(step, steps)
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
    unknown = [f"{e['class_type']} (node {name_of(i, e)})" for i, e in entries.items() if e["class_type"] not in known]
    if unknown:
        first = next(e["class_type"] for e in entries.values() if e["class_type"] not in known)
        raise BadWorkflow(
            f"{len(unknown)} of the workflow's nodes are not known here: {', '.join(unknown)}; "
            "use LINF nodes, Load Image, Save Image and Preview Image only, or run it in ComfyUI." + meant(first, known)
        )


def _order(steps: Mapping[str, GraphNode]) -> list[str]:
    try:
        return list(TopologicalSorter({i: [k.step for k in s.links.values()] for i, s in steps.items()}).static_order())
    except CycleError as error:
        circle = " -> ".join(str(steps[i]) for i in error.args[1])
        raise BadWorkflow(f"The workflow goes in a circle: {circle}; remove one of these links.") from error
