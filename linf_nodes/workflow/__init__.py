"""Saved graphs: ComfyUI's API-format JSON, run without ComfyUI."""

from .graph import Graph, parse_graph, read_graph
from .graph_node import GraphNode
from .library import find_preset, one_click_graph, presets, save_preset, with_values
from .preset import Preset
from .runner import run

__all__ = [
    "Graph",
    "GraphNode",
    "Preset",
    "find_preset",
    "one_click_graph",
    "parse_graph",
    "presets",
    "read_graph",
    "run",
    "save_preset",
    "with_values",
]
