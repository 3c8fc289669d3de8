"""Every node once: a typed, documented function, from which every host builds its own face."""

# Importing a module registers its nodes, in the order in which hosts list them.
from . import loading, chain, oneclick, files, filters  # noqa: F401, I001
from .node import NODES, Input, Node

__all__ = ["NODES", "Input", "Node"]
