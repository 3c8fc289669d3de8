"""Inputs that a run of Upscale does not use: a change of them is no reason to run again.

ComfyUI keeps a result under all of a node's inputs, whether they count or not. So where some do not, the node gives
back a graph of one: itself, with those inputs at their defaults. ComfyUI keeps that one's result in the same way, and
finds it again whatever the idle inputs are.
"""

from collections.abc import Mapping
from typing import Any

from ...catalogue.amount import DRAW, detail_of
from ...catalogue.node import Node
from ...errors import LinfError
from ...pipeline.model import LoadedModel

ID = "LINFUpscale"
HIDDEN = ("UNIQUE_ID", "DYNPROMPT")  # what this needs of ComfyUI


def idle_inputs(values: Mapping[str, Any]) -> list[str]:
    """The inputs of Upscale that change nothing, given the others; none where that cannot be told."""
    model = values.get("linf_model")
    if not isinstance(model, LoadedModel):
        return []
    try:
        amount = {name: values[name] for name in ("latent", "temperature", "auto_temperature", "strength")}
        detail = detail_of(**amount)
        kind = detail.kind(model)
        drawn = kind == "drawn" and detail.amount(model, float(values["scale"]), kind) > 0
    except (LinfError, KeyError, TypeError, ValueError):
        return []  # the run itself will say what is wrong
    idle = [] if drawn else list(DRAW)
    if detail.temperature is None or kind == "faithful":
        idle.append("temperature")
    return idle


def expanded(cls: type[Any], node: Node, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The graph to run in the node's place, or None where the node itself is to run."""
    hidden = cls.hidden
    prompt, own = getattr(hidden, "dynprompt", None), getattr(hidden, "unique_id", None)
    idle = idle_inputs({**node.defaults, **values})
    if "seed" not in idle or prompt is None or own is None or prompt.get_real_node_id(own) != own:
        return None
    from comfy_execution.graph_utils import GraphBuilder

    wired = {name: value for name, value in prompt.get_node(own)["inputs"].items() if name in values}
    graph = GraphBuilder()
    inner = graph.node(node.id, **{**wired, **{name: node.defaults[name] for name in idle if name in wired}})
    return {"result": (inner.out(0),), "expand": graph.finalize()}
