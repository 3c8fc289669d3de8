"""`linf presets`: the workflows that have a name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import BadWorkflow
from ...workflow import presets, read_graph
from ...workflow.library import about, bundled_presets, user_presets
from .console import out, out_json, table
from .parser import Parser


def run(argv: Sequence[str]) -> int:
    """List them; a file that would not run is listed with the reason."""
    parser = Parser(
        prog="linf presets", description="List the workflows that have a name, for 'linf run NAME IN... OUT'."
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    found = [_describe(name, path) for name, path in presets().items()]
    if args.json:
        out_json({"folder": str(user_presets()), "presets": found}, indent=2)
        return 0
    rows = [("NAME", "WHERE", ""), *((f["name"], f["where"], f.get("error") or f["about"]) for f in found)]
    out(table(rows))
    out(f"\nPut your own .json files (ComfyUI: Workflow > Export (API)) into {user_presets()}")
    return 0


def _describe(name: str, path: Path) -> dict[str, Any]:
    where = "bundled" if path.parent == bundled_presets() else "user folder"
    line: dict[str, Any] = {"name": name, "path": str(path), "where": where}
    try:
        return {**line, "about": about(read_graph(path).source)}
    except BadWorkflow as error:
        return {**line, "about": "", "error": str(error)}
