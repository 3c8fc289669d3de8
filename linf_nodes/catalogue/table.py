"""The committed table of every node's inputs: saved graphs are positional, so this table is the file format."""

import math
from typing import Any

from . import NODES
from .node import Input, Node


def markdown() -> str:
    """`docs/nodes.md`, written from the catalogue."""
    parts = [
        "# Nodes\n",
        "Written by `python -m linf_nodes.catalogue.table`; a test compares. Saved graphs store widget values by",
        "position, so inputs are only ever appended.\n",
    ]
    parts += [_section(n) for n in NODES.values()]
    return "\n".join(parts)


def _section(n: Node) -> str:
    outputs = ", ".join(f"`{name}` {socket}" for name, socket in n.outputs)
    head = f"## {n.title}\n\n`{n.id}` ({n.category}). {n.description}\n\nOutputs: {outputs}.\n"
    return f"{head}\n{input_table(n)}"


def input_table(n: Node) -> str:
    """A node's inputs as a Markdown table, in the order that saved graphs rely on."""
    rows = [f"| `{i.name}` | {i.kind} | {_default(i)} | {_range(i)} | {i.options['tooltip']} |" for i in n.inputs]
    return "\n".join(["| input | type | default | range | |", "|---|---|---|---|---|", *rows, ""])


def _default(i: Input) -> str:
    if i.required:
        return "wired"
    return "-" if i.default is None else f"`{i.default}`"


def _range(i: Input) -> str:
    if i.kind == "COMBO":
        fixed: Any = i.options["choices"]
        return "what is at hand" if callable(fixed) else ", ".join(map(str, fixed))
    if "min" not in i.options:
        return ""
    low, high = i.options["min"], i.options["max"]
    step = f", step {i.options['step']:g}" if i.kind == "FLOAT" else ""
    power = math.log2(high + 1) if i.kind == "INT" else 0.0
    return f"{low:g} to {f'2^{power:.0f} - 1' if power > 30 and power.is_integer() else f'{high:g}'}{step}"


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
