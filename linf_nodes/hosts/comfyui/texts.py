"""The pack's texts that repeat the catalogue: the input tables of the help pages, and the English names.

`python -m linf_nodes.hosts.comfyui.texts` writes them anew in a checkout; a test compares. What is around the tables,
and every other language, is written by hand.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...atomic import atomic_write
from ...catalogue.node import Node
from ...catalogue.table import input_table
from .host_nodes import every_node
from .schema import node_fields, output_fields, visible

MARK = "\n## Inputs and outputs\n"  # a help page's own text ends here


def begun(node: Node) -> str:
    """The text of a new node's help page, for somebody to go on with."""
    return f"# {node.title}\n\n{node.description}\n"


def help_page(node: Node, page: str) -> str:
    """A help page with its table as the catalogue has it now."""
    outputs = ", ".join(f"**{fields['display_name']}** ({kind})" for kind, fields in output_fields(node)) or "none"
    table = input_table(replace(node, inputs=tuple(visible(node))))
    return "\n".join([page.split(MARK)[0].rstrip("\n") + "\n" + MARK, table, f"Outputs: {outputs}.", ""])


def english() -> dict[str, Any]:
    """`locales/en/nodeDefs.json`: display name, description, names and tooltips of every node."""
    return {node.id: _names(node) for node in every_node()}


def _names(node: Node) -> dict[str, Any]:
    told = node_fields(node)
    return {
        "display_name": told["display_name"],
        "description": told["description"],
        "inputs": {i.name: {"name": i.name.replace("_", " "), "tooltip": i.options["tooltip"]} for i in visible(node)},
        "outputs": {str(k): {"name": f["display_name"]} for k, (_, f) in enumerate(output_fields(node))},
    }


def write(root: Path) -> None:
    """Bring `web/docs` and `locales/en` of a checkout up to date; a new node's page begins with what its code says."""
    for node in every_node():
        page = root / "web" / "docs" / f"{node.id}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        _write(page, help_page(node, page.read_text("utf-8") if page.is_file() else begun(node)))
    _write(root / "locales" / "en" / "nodeDefs.json", json.dumps(english(), indent=2, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as part:
        part.write_text(text, "utf-8")


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[3])
