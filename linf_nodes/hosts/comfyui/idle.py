"""Inputs that a run of Upscale does not use: a change of them is no reason to compute its picture again.

ComfyUI keeps a result under all of a node's inputs, whether they count or not. So the node gives back a graph of one:
itself, without what does not count and what is at its default. ComfyUI keeps that one's result in the same way, and
finds it again whatever the idle inputs are. What follows the node it runs again: it is kept under the graph's inputs.
"""

from collections.abc import Mapping
from typing import Any

from ...catalogue.amount import DRAW, detail_of
from ...catalogue.node import Node
from ...errors import LinfError
from ...pipeline.grid import Grid
from ...pipeline.model import LoadedModel
from ...pipeline.size import SizeWish

ID = "LINFUpscale"
HIDDEN = ("UNIQUE_ID", "DYNPROMPT")  # what this needs of ComfyUI
AMOUNT = ("temperature", "auto_temperature", "strength")


def idle_inputs(values: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of Upscale that change nothing, given all the others, and what is as good; None: the default."""
    try:
        return dict.fromkeys(SizeWish.of(values).idle()) | _idle_amount(values)
    except (LinfError, KeyError, TypeError, ValueError):
        return {}  # the run itself will say what is wrong


def _idle_amount(values: Mapping[str, Any]) -> dict[str, Any]:
    model = values.get("linf_model")
    if not isinstance(model, LoadedModel):
        return {}
    lr_size = tuple(values["image"].shape[1:3])  # as ComfyUI has it
    target = SizeWish.of(values).target(lr_size)
    plain = dict.fromkeys((*AMOUNT, *DRAW)) | {"latent": "faithful"}
    if not target.computed:
        return plain
    detail = detail_of(values["latent"], *(values[name] for name in AMOUNT))
    kind = detail.kind(model)
    if not detail.amount(model, max(Grid(lr_size, target.grid, model.patch).scale), kind):
        return plain
    automatic = ["temperature"] if detail.temperature is None else []
    return dict.fromkeys([*automatic, *(DRAW if kind == "learned" else ())])


def expanded(cls: type[Any], node: Node, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The graph to run in the node's place, or None where the node itself is to run."""
    hidden = cls.hidden
    prompt, own = getattr(hidden, "dynprompt", None), getattr(hidden, "unique_id", None)
    if prompt is None or own is None or prompt.get_real_node_id(own) != own:
        return None
    from comfy_execution.graph_utils import GraphBuilder

    wired = {name: value for name, value in prompt.get_node(own)["inputs"].items() if name in values}
    given = wired | idle_inputs({**node.defaults, **values})
    counting = {n: v for n, v in given.items() if v is not None and v != node.defaults.get(n)}
    graph = GraphBuilder()
    inner = graph.node(node.id, **counting)
    return {"result": (inner.out(0),), "expand": graph.finalize()}
