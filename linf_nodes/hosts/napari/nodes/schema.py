"""A node's inputs as a person with layers meets them: layers, options, and what other nodes made."""

from dataclasses import dataclass

from ....catalogue import NODES, Input, Node

LAYERS = ("IMAGE", "MASK")

# What makes a value that is not given, out of further options.
MAKERS = {
    "LINF_MODEL": NODES["LINFLoadModel"],
    "LINF_FEATURES": NODES["LINFEncodeLr"],
    "LINF_LATENT": NODES["LINFSampleLatent"],
    "LINF_TEXTURE": NODES["LINFFlowInverse"],
}


@dataclass(frozen=True)
class Schema:
    """All inputs of a node and of the nodes that make what it needs: layers, options with a value, made values."""

    layers: tuple[Input, ...]
    options: tuple[Input, ...]
    made: tuple[Input, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(i.name for i in (*self.layers, *self.options, *self.made))

    @property
    def main(self) -> Input | None:
        """The layer that a result is placed on."""
        return next((i for i in self.layers if i.kind == "IMAGE"), None)


def schema_of(node: Node) -> Schema:
    """The node's own inputs first; an input that two nodes share is one."""
    found: dict[str, Input] = {}
    for step in _chain(node):
        for i in step.inputs:
            found.setdefault(i.name, i)
    every = tuple(found.values())
    required = sorted((i for i in every if i.kind in LAYERS), key=lambda i: not i.required)
    options = tuple(i for i in every if not i.socket)
    return Schema(tuple(required), options, tuple(i for i in every if i.socket and i.kind not in LAYERS))


def has_widget(node: Node) -> bool:
    """Whether a node makes sense on layers alone: a picture comes out, or it needs no wire at all.

    Latents and textures are steps on the way, whose whole chain is the node Upscale.
    """
    kinds = {i.kind for i in node.inputs if i.socket}
    if [kind for _, kind in node.outputs] == ["IMAGE"]:
        return kinds <= {*LAYERS, "LINF_MODEL", "LINF_FEATURES"}
    return is_report(node) and not kinds


def is_report(node: Node) -> bool:
    return all(kind == "STRING" for _, kind in node.outputs)


def is_filter(node: Node) -> bool:
    """Whether one layer and numbers are all that a node needs."""
    needed = [i.kind for i in node.inputs if i.socket and i.required]
    return needed == ["IMAGE"] and [kind for _, kind in node.outputs] == ["IMAGE"]


def _chain(node: Node) -> list[Node]:
    """The node, and before what it needs is listed, whoever makes that."""
    steps = [node]
    for i in node.inputs:
        if i.kind in MAKERS:
            steps += [s for s in _chain(MAKERS[i.kind]) if s not in steps]
    return steps
