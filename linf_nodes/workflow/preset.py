"""A graph between files: the picture that comes in, the picture that goes out, the recipe that goes with it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..catalogue.tensors import Levels, image_of, mask_of, picture_of
from ..errors import BadWorkflow
from ..pictures import Picture, read_picture, write_picture
from ..pipeline.model import LoadedModel
from ..version import made_by
from .graph import Graph, read_graph
from .graph_node import GraphNode
from .image_nodes import LOAD, PREVIEW, SAVE
from .runner import Progress, Scheduler, run

Bindings = Mapping[str, str | os.PathLike[str]]


@dataclass(frozen=True, eq=False)
class Preset:
    """A graph with its ends: where IN goes in, where OUT comes out, and what further files the other ends use."""

    graph: Graph
    entry: GraphNode
    exit: GraphNode
    sources: Mapping[str, Path]
    targets: Mapping[str, Path]

    @classmethod
    def read(cls, path: str | os.PathLike[str], bindings: Bindings | None = None) -> "Preset":
        """Read a graph file; `bindings` name files for further Load Image and Save Image nodes, by node id."""
        return cls.of(read_graph(path), bindings)

    @classmethod
    def of(cls, graph: Graph, bindings: Bindings | None = None) -> "Preset":
        """A graph whose ends are clear.

        Raises
        ------
        BadWorkflow
            When not exactly one Load Image and one Save Image node are left for IN and OUT, or a binding names
            no such node. Preview Image serves as OUT where there is no Save Image, and is passed over elsewhere.
        """
        bound = {i: Path(path) for i, path in (bindings or {}).items()}
        loads, saves = graph.of_type(LOAD), graph.of_type(SAVE) or graph.of_type(PREVIEW)
        for i in bound:
            if i not in {step.id for step in (*loads, *saves)}:
                raise BadWorkflow(f"'{i}' is bound to a file, but the workflow has no Load or Save Image node '{i}'.")
        return cls(
            graph,
            _only([s for s in loads if s.id not in bound], "Load Image", "IN"),
            _only([s for s in saves if s.id not in bound], "Save Image", "OUT"),
            {s.id: bound[s.id] for s in loads if s.id in bound},
            {s.id: bound[s.id] for s in saves if s.id in bound},
        )

    def apply(
        self,
        picture: Picture,
        target: str | os.PathLike[str],
        progress: Progress | None = None,
        scheduler: Scheduler = "synchronous",
    ) -> Picture:
        """Run the graph on a picture and write the result, with the recipe that made it; returns the result."""
        result, recipe = self.transform(picture, progress, scheduler)
        write_picture(result, target, recipe=recipe)
        return result

    def transform(
        self, picture: Picture, progress: Progress | None = None, scheduler: Scheduler = "synchronous"
    ) -> tuple[Picture, dict[str, Any]]:
        """Run the graph on a picture; returns the result and the recipe that made it.

        Further outputs that are bound to files are written.
        """
        levels = Levels.of(picture)
        images = {self.entry.id: image_of(picture, levels)}
        for i, path in self.sources.items():
            other = read_picture(path)
            images[i] = image_of(other, Levels.of(other))
        pictures = {i: (image, mask_of(image)) for i, image in images.items()}
        loaders = [s.id for s in self._models()]
        values = run(self.graph, pictures, loaders, progress, scheduler)
        recipe = self._recipe({i: values[i][0] for i in loaders}, levels)
        for i, path in self.targets.items():
            write_picture(picture_of(values[i][0], picture, levels), path, recipe=recipe)
        return picture_of(values[self.exit.id][0], picture, levels), recipe

    def _models(self) -> list[GraphNode]:
        steps = self.graph.needed(s.id for s in self.graph.outputs)
        return [s for s in steps if [kind for _, kind in s.node.outputs] == ["LINF_MODEL"]]

    def _recipe(self, models: Mapping[str, LoadedModel], levels: Levels) -> dict[str, Any]:
        recipe: dict[str, Any] = {
            **made_by("run"),
            "preset": dict(self.graph.source),
        }
        if models:
            recipe["model_hash"] = {i: model.hash for i, model in models.items()}
        if not levels.usual:
            recipe["levels"] = [levels.low, levels.high]
        return recipe


def _only(steps: list[GraphNode], kind: str, end: str) -> GraphNode:
    if not steps:
        raise BadWorkflow(f"The workflow has no {kind} node left for {end}: add one.")
    if len(steps) > 1:
        names = ", ".join(f"'{s.id}' ({s.title})" for s in steps)
        raise BadWorkflow(
            f"The workflow has {len(steps)} {kind} nodes, {names}: bind files to all but the one that is {end}, "
            f"with --bind {steps[-1].id}=FILE."
        )
    return steps[0]
