"""Named presets in ComfyUI's user folder: the running graph into one, and one onto pictures."""

import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...catalogue.tensors import mask_of
from ...pipeline.model import LoadedModel
from ...pipeline.render import Progress
from ...workflow import Graph, Preset, parse_graph, presets, read_graph, run, save_preset, with_values
from . import loader, memory, node_files
from .estimate import node_bytes
from .names import leading_to
from .preset_files import file_of, folder


def save(prompt: Mapping[str, Any], node_id: str, name: str, replace: bool) -> str:
    """Write what leads to the picture of the node `node_id`; saving the same again changes nothing."""
    graph = leading_to(prompt, prompt[node_id]["inputs"]["image"])
    if name in presets(folder()) and json.loads(file_of(name).read_text("utf-8")) == graph:
        return name
    save_preset(name, graph, folder(), replace=replace)
    return name


def run_named(name: str, image: Tensor, mask: Tensor | None, progress: Progress | None) -> Tensor:
    """Run a preset on a batch `[b, c, h, w]`, its models in ComfyUI's memory and its files in ComfyUI's folders."""
    preset = Preset.of(_at_home(read_graph(file_of(name))))
    graph, models = preset.graph, _models(preset.graph)
    wanted = [{"image": image, **s.node.defaults, **s.values} for s in graph.steps.values()]
    needed = [node_bytes(m, values) for m in models for values in wanted if "scale" in values]
    mask = mask_of(image) if mask is None else mask
    with memory.loaded(models, max(needed, default=0)):
        values = run(graph, {preset.entry.id: (image, mask)}, progress=progress)
    result: Tensor = values[preset.exit.id][0]
    return result


def _at_home(graph: Graph) -> Graph:
    """The graph with the names in it made into files and devices, as the nodes themselves would."""
    changes: dict[str, Any] = {}
    for step in graph.steps.values():
        given = node_files.prepared(step.node, step.values)
        changes |= {f"{step.id}.{name}": v for name, v in given.items() if v != step.values.get(name)}
    return parse_graph(with_values(graph.source, changes))


def _models(graph: Graph) -> list[LoadedModel]:
    return [step.node(step.values) for step in graph.of_type(loader.ID)]
