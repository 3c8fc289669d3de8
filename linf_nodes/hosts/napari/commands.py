"""Every catalogue node as a command: `upscale`, `uncertainty`, `unsharp_mask` ... are functions of layers.

They are made when they are asked for. Through npe2, `execute("linf-nodes.denoise", kwargs={"image": layer})`. What no
layer can hold, a model or a latent, is handed from one command to the next; what is left out is made from the options.
"""

from functools import cache
from typing import Any

from ...catalogue import NODES, Node
from .nodes.on_layers import run
from .nodes.signature import command_signature, dressed

_NODES = {node.name: node for node in NODES.values()}


def command_of(node: Node) -> Any:
    """The function, with a signature that says what it takes and gives."""

    def call(**given: Any) -> Any:
        return run(node, given)

    return dressed(call, command_signature(node), node.name, node.function.__doc__ or "")


@cache
def __getattr__(name: str) -> Any:
    if name not in _NODES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return command_of(_NODES[name])


def __dir__() -> list[str]:
    return [*globals(), *_NODES]
