"""Nodes that make sense on layers alone, as functions that magicgui makes widgets of; they work in a thread."""

from functools import cache
from typing import Any

from ....catalogue import NODES, Node
from .background import start
from .on_layers import run
from .schema import has_widget
from .signature import dressed, widget_signature

_NODES = {node.name: node for node in NODES.values() if has_widget(node)}


def widget_of(node: Node) -> Any:
    """The function behind a widget: its result is added to the viewer when it is there."""

    def call(viewer: Any, **given: Any) -> None:
        start(viewer, node.title, lambda progress: [run(node, given, progress)])

    return dressed(call, widget_signature(node), node.name, node.function.__doc__ or "")


@cache
def __getattr__(name: str) -> Any:
    if name not in _NODES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return widget_of(_NODES[name])


def __dir__() -> list[str]:
    return [*globals(), *_NODES]
