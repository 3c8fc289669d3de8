"""A catalogue node in ComfyUI's words: plain data first, so that it can be tested and compared without ComfyUI."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ...catalogue.node import Input, Node
from ...workflow.image_nodes import is_output
from . import details, idle

MENU = "image/upscaling"  # where ComfyUI lists its own upscalers
NOTHING = "(nothing there)"

# Folded away where the frontend can: what few people change.
_ADVANCED = {"prior", "device", "precision", "frame", "tile", "scale_x", "origin_y", "origin_x"}
_WIDGETS = {"INT": "Int", "FLOAT": "Float", "STRING": "String", "BOOLEAN": "Boolean", "COMBO": "Combo"}
_SOCKETS = {"IMAGE": "Image", "MASK": "Mask"}
HIDDEN = {"PROMPT", "UNIQUE_ID", "EXTRA_PNGINFO"}  # what ComfyUI gives of itself, not the user


def node_fields(node: Node) -> dict[str, Any]:
    """What a schema says of the node itself; its aliases are for the search."""
    return {
        "node_id": node.id,
        "display_name": node.title if "LINF" in node.title else f"LINF {node.title}",
        "category": f"{MENU}/{node.category}",
        "description": node.description,
        "search_aliases": list(node.aliases),
        "is_output_node": is_output(node),
        "enable_expand": node.id == idle.ID,
    }


def input_fields(i: Input) -> dict[str, Any]:
    """One input. Widgets are optional: a graph saved before an input was appended goes on running with its default."""
    fields: dict[str, Any] = {"id": i.name, "optional": not i.required}
    if tip := i.options.get("tooltip"):
        fields["tooltip"] = tip
    if i.socket:
        return fields
    fields |= {"default": i.default} | {key: i.options[key] for key in ("min", "max", "step") if key in i.options}
    if i.kind == "COMBO":
        fields["options"] = i.choices() or [NOTHING]
        fields["default"] = i.default if i.default in fields["options"] else fields["options"][0]
    if i.name == "seed":
        fields["control_after_generate"] = True  # older cores know no more; web/linf.js begins with fixed there
    if i.name in _ADVANCED:
        fields["advanced"] = True
    return fields


def output_fields(node: Node) -> list[tuple[str, dict[str, Any]]]:
    """Socket and fields of every output; ComfyUI refuses an output that has the id of an input."""
    taken = {i.name for i in node.inputs}
    return [
        (kind, {"id": f"{name}_out" if name in taken else name, "display_name": name.replace("_", " ")})
        for name, kind in node.outputs
    ]


def accepted(factory: Callable[..., Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those fields that this version of ComfyUI knows; an unknown one would make the whole pack vanish."""
    parameters = inspect.signature(factory).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return dict(fields)
    return {name: value for name, value in fields.items() if name in parameters}


def make_schema(io: Any, node: Node) -> Any:
    """The schema in the classes of `comfy_api`'s `io`; a list of models is as of now."""
    inputs = []
    for i in visible(node):
        factory = class_of(io, i.kind).Input
        fields = input_fields(i)
        if "control_after_generate" in fields and (modes := getattr(io, "ControlAfterGenerate", None)) is not None:
            fields["control_after_generate"] = modes.fixed  # a new seed is asked for, not given unasked
        inputs.append(made := factory(**accepted(factory, fields)))
        if (node.id, i.name) == ("LINFLoadModel", "model") and hasattr(made, "extra_dict"):
            made.extra_dict = {details.KEY: details.details()}
    outputs = []
    for kind, fields in output_fields(node):
        factory = class_of(io, kind).Output
        outputs.append(factory(**accepted(factory, fields)))
    hidden = [io.Hidden(i.kind) for i in node.inputs if i.kind in HIDDEN]
    hidden += [io.Hidden(kind) for kind in idle.HIDDEN if node.id == idle.ID]
    return io.Schema(**accepted(io.Schema, node_fields(node)), inputs=inputs, outputs=outputs, hidden=hidden)


def visible(node: Node) -> list[Input]:
    """The inputs that a user sees, in the order that saved graphs rely on."""
    return [i for i in node.inputs if i.kind not in HIDDEN]


def class_of(io: Any, kind: str) -> Any:
    """ComfyUI's class of a socket or widget; ours are wired by name."""
    name = _WIDGETS.get(kind) or _SOCKETS.get(kind)
    return getattr(io, name) if name else io.Custom(kind)
