"""Saved graphs: ComfyUI's API-format JSON, run without ComfyUI."""

from .graph import Graph, parse_graph, read_graph
from .preset import Preset
from .runner import run
from .step import Step

__all__ = ["Graph", "Preset", "Step", "parse_graph", "read_graph", "run"]
