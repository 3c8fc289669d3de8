"""One adapter: from a catalogue node to a V3 class, and from ComfyUI's values to the core's and back."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import comfy.model_management as mm
import comfy.utils
import torch
from comfy_api.latest import io
from torch import Tensor

from ...catalogue.node import Node
from ...errors import Cancelled, LinfError, OutOfMemory
from ...pipeline.device import is_out_of_memory
from ...pipeline.features import Features
from ...pipeline.model import LoadedModel
from . import idle, memory, node_files, precision
from .estimate import node_bytes
from .images import image_in, image_out, mask_in, unshared
from .message import say
from .progress import Reporter
from .schema import HIDDEN, make_schema

CPU_TILE = 256


def make_node(node: Node) -> type[Any]:
    """The V3 class of a node."""

    def define_schema(cls: type[Any]) -> Any:
        return make_schema(io, node)

    def execute(cls: type[Any], **values: Any) -> Any:
        if node.id == idle.ID and (graph := idle.expanded(cls, node, values)) is not None:
            return io.NodeOutput(*graph["result"], expand=graph["expand"])
        hidden = {i.name: getattr(cls.hidden, i.kind.lower(), None) for i in node.inputs if i.kind in HIDDEN}
        results = run_node(node, values | hidden)
        return io.NodeOutput(*results, ui=node_files.ui_of(node, results))

    methods = {"define_schema": define_schema, "execute": execute} | node_files.methods_of(node)
    return type(node.id, (io.ComfyNode,), {name: classmethod(method) for name, method in methods.items()})


@torch.inference_mode()
def run_node(node: Node, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Run a node on ComfyUI's values; a refusal names the node, and a cancel passes through."""
    try:
        return _run(node, values)
    except Cancelled:
        raise
    except LinfError as error:
        if isinstance(error, OutOfMemory):
            mm.unload_all_models()
        raise type(error)(f"LINF {node.title}: {error}") from error
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        mm.unload_all_models()
        raise OutOfMemory(f"LINF {node.title}: no memory left ({error}): ask for a smaller picture.") from error


def _run(node: Node, values: Mapping[str, Any]) -> tuple[Any, ...]:
    given = _with_tile(node, node_files.prepared(node, {**values, **_tensors_in(node, values)}))
    results = _results(node, given)
    if precision.is_half(model_in(given)) and precision.overflowed(results):
        say(f"{node.title} overflowed in half precision and runs again in float32; choose that precision.")
        results = _results(node, precision.in_float32(given))
    results = node_files.finished(node, given, results)
    return tuple(_out(value, values.values()) for value in results)


def _results(node: Node, given: Mapping[str, Any]) -> tuple[Any, ...]:
    model = model_in(given)
    needed = 0 if model is None else node_bytes(model, {**node.defaults, **given})
    with memory.loaded([] if model is None else [model], needed):
        found = node(given, Reporter(comfy.utils.ProgressBar(1)))
    return found if len(node.outputs) > 1 else (found,)


def model_in(values: Mapping[str, Any]) -> LoadedModel | None:
    """The model whose networks a node runs, if it runs any."""
    for value in values.values():
        if isinstance(value, LoadedModel):
            return value
        if isinstance(value, Features):
            return value.model
    return None


def _with_tile(node: Node, values: dict[str, Any]) -> dict[str, Any]:
    """On a CPU, tiles small enough for a bar that moves; a measurement found them no slower."""
    model = model_in(values)
    slow = model is not None and model.device.type == "cpu" and model.halo <= CPU_TILE // 8
    if not slow or values.get("tile") or not any(i.name == "tile" for i in node.inputs):
        return values
    return values | {"tile": CPU_TILE}


def _tensors_in(node: Node, values: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {i.name: i.kind for i in node.inputs}
    tensors = {n: image_in(v) for n, v in values.items() if kinds.get(n) == "IMAGE" and v is not None}
    return tensors | {n: mask_in(v) for n, v in values.items() if kinds.get(n) == "MASK" and v is not None}


def _out(value: Any, given: Iterable[Any]) -> Any:
    place = mm.intermediate_device()
    if isinstance(value, Tensor):
        dtype = mm.intermediate_dtype() if hasattr(mm, "intermediate_dtype") else torch.float32
        return image_out(unshared(value, given), place, dtype)
    if isinstance(value, Features) and value.maps is not None:
        return replace(value, maps=value.maps.to(place))
    return value
