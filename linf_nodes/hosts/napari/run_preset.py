"""Any saved graph on layers: each Load Image node is a layer, each Save Image node becomes one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch

from ...catalogue.tensors import Levels, mask_of
from ...errors import BadShape, BadValue
from ...version import made_by
from ...workflow import Graph, GraphNode, find_preset, parse_graph, presets, read_graph, run, with_values
from ...workflow.image_nodes import LOAD, PREVIEW, SAVE
from .budget import check_memory
from .layers.options import Options, Sizing, in_unit
from .layers.planes import LayerData, Stack
from .layers.source import naming
from .nodes.background import start
from .nodes.on_layers import Progress, part_of
from .settings import in_force
from .wording import pixel_note


def preset_names(_: Any = None) -> list[str]:
    """What a combo box offers."""
    return list(presets())


def run_graph(graph: Graph, layers: Sequence[Any], title: str, progress: Progress | None = None) -> list[LayerData]:
    """Run a graph plane by plane.

    Parameters
    ----------
    graph
        A saved graph.
    layers
        Image layers: as many as the graph has Load Image nodes, in their order.
    title
        For the names of the results.

    Returns
    -------
    results
        Layer data for every Save Image node, or, where there is none, for every Preview Image node.

    Raises
    ------
    BadValue, BadShape
        When there are too few or too many layers, or they have different numbers of planes.
    """
    in_force()
    graph = _sized(graph, layers)
    entries, exits = graph.of_type(LOAD), graph.of_type(SAVE) or graph.of_type(PREVIEW)
    _check_count(len(entries), layers)
    stacks = _stacks(layers)
    needed = graph.needed(s.id for s in graph.outputs)
    loaders = [s.id for s in needed if [kind for _, kind in s.node.outputs] == ["LINF_MODEL"]]
    rooms: dict[str, Any] = {}
    hashes: dict[str, str] = {}
    for p in range(len(stacks[0].planes)):
        images = {e.id: s.image(p, stacks[0].levels_at(p)) for e, s in zip(entries, stacks, strict=True)}
        pictures = {i: (image, mask_of(image)) for i, image in images.items()}
        part = None if progress is None else part_of(progress, p, len(stacks[0].planes))
        values = run(_frame(graph, p), pictures, loaders, part)
        hashes = {i: values[i][0].hash for i in loaders}
        for step in exits:
            _keep(rooms, stacks[0], step, p, values[step.id][0])
    recipe = {**made_by("run"), "preset": dict(graph.source)}
    recipe |= {"model_hash": hashes} if hashes else {}
    names = _names(exits, title)
    return [stacks[0].layer_data(rooms[s.id], names[s.id], recipe) for s in exits]


def run_preset(layers: Sequence[Any], preset: str) -> list[Any]:
    """Run a preset, given by its name or its file's path, on image layers; returns a list of layer data.

    With more layers than Load Image nodes, a graph with one such node is run on each layer by itself.
    """
    return run_each(read_graph(find_preset(preset)), list(layers), Path(preset).stem)


def run_each(graph: Graph, layers: list[Any], title: str, progress: Progress | None = None) -> list[LayerData]:
    """A graph with one Load Image node on each layer, another on all layers together."""
    if len(graph.of_type(LOAD)) > 1:
        return run_graph(graph, layers, title, progress)
    if not layers:
        raise BadValue("No image layer is selected: select one in the layer list.")
    results = []
    for k, layer in enumerate(layers):
        part = None if progress is None else part_of(progress, k, len(layers))
        results += run_graph(graph, [layer], title, part)
    return results


def run_preset_widget(
    viewer: "napari.viewer.Viewer",  # type: ignore[name-defined]  # noqa: F821  # magicgui resolves it, napari gives it
    preset: Annotated[str, {"choices": preset_names, "tooltip": "Bundled presets, then your own."}],
    file: Annotated[Path, {"filter": "*.json", "tooltip": "Another workflow in API format, instead."}] = Path(),
) -> None:
    """Run a saved workflow on the selected image layers, as `linf run` does on files."""
    from napari.layers import Image

    path = file if file.is_file() else find_preset(preset)
    layers = [layer for layer in viewer.layers if layer in viewer.layers.selection and isinstance(layer, Image)]
    start(viewer, path.stem, lambda progress: run_each(read_graph(path), layers, path.stem, progress))


def _sized(graph: Graph, layers: Sequence[Any]) -> Graph:
    """A preset of a pixel size gives every layer a size of its own."""
    note, steps = pixel_note(graph.source), graph.of_type("LINFUpscale")
    if note is None or len(steps) != 1 or not layers:
        return graph
    source = Stack.of(layers[0], (Levels(),)).source
    with naming(source.name):
        pixel = in_unit(note[:2], note[2], source.unit)
        height, width = Options(sizing=Sizing.PIXEL, pixel=pixel).hr_size(source.size, source.pixel)
    return parse_graph(with_values(graph.source, {f"{steps[0].id}.height": height, f"{steps[0].id}.width": width}))


def _stacks(layers: Sequence[Any]) -> list[Stack]:
    first = Stack.of(layers[0])
    return [first, *(Stack.of(layer, first.levels) for layer in layers[1:])]


def _check_count(wanted: int, layers: Sequence[Any]) -> None:
    if len(layers) != wanted:
        names = ", ".join(f"'{layer.name}'" for layer in layers) or "none"
        raise BadValue(f"The workflow takes {wanted} pictures, and these layers are selected: {names}.")


def _frame(graph: Graph, p: int) -> Graph:
    """The graph with the draws of plane `p`: every plane has noise of its own, the first what the graph says."""
    if p == 0:
        return graph
    frames = [s for s in graph.steps.values() if "frame" in {i.name for i in s.node.inputs} and "frame" not in s.links]
    changes = {f"{s.id}.frame": int(s.values.get("frame", 0)) + p for s in frames}
    return parse_graph(with_values(graph.source, changes)) if changes else graph


def _keep(rooms: dict[str, Any], stack: Stack, step: GraphNode, p: int, value: torch.Tensor) -> None:
    if len(value) != 1:
        raise BadShape(f"The {step} gave {len(value)} pictures for one plane: let the workflow give one.")
    samples = stack.restored(value[0], p)
    if step.id not in rooms:
        check_memory(samples.nbytes * len(stack.planes))
        rooms[step.id] = stack.empty(samples)
    stack.put(rooms[step.id], p, samples)


def _names(exits: Sequence[GraphNode], title: str) -> Mapping[str, str]:
    return {s.id: title if len(exits) == 1 else f"{title}, {s.title} {s.id}" for s in exits}
