"""Every node once: a typed, documented function, from which every host builds its own face."""

from . import chain, files, filters  # noqa: F401  (importing a module registers its nodes)
from .node import NODES, Input, Node

__all__ = ["NODES", "Input", "Node"]
