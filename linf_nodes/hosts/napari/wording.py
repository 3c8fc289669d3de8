"""A graph in other words: as a command line, and as Python."""

import pprint
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import BadValue
from ...workflow import parse_graph
from ...workflow.image_nodes import IMAGE_NODES

Values = dict[str, Any]

# Options of `linf upscale` that stand for several inputs, or have another name.
_FOLDED: tuple[tuple[str, tuple[str, ...], Callable[[Values], str]], ...] = (
    ("scale", ("scale", "scale_x"), lambda v: _pair(v.get("scale", 4.0), v.get("scale_x", 0.0))),
    ("size", ("height", "width"), lambda v: f"{v.get('height', 0)}x{v.get('width', 0)}" if any(v.values()) else ""),
    (
        "temperature",
        ("temperature", "auto_temperature"),
        lambda v: "auto" if v.get("auto_temperature", True) else f"{v.get('temperature', 0.5)}",
    ),
    ("origin", ("origin_y", "origin_x"), lambda v: f"{v.get('origin_y', 0)},{v.get('origin_x', 0)}"),
    ("dtype", ("precision",), lambda v: str(v["precision"])),
)


def one_click(source: Mapping[str, Any]) -> tuple[Values, Values] | None:
    """The values of Load LINF Model and of Upscale, where they and a picture in and out are the whole graph."""
    steps = list(parse_graph(source).steps.values())
    ours = {s.node.id: s for s in steps if s.node.id not in IMAGE_NODES}
    if sorted(ours) != ["LINFLoadModel", "LINFUpscale"] or len(steps) != 4:
        return None
    load, upscale = ours["LINFLoadModel"], ours["LINFUpscale"]
    if load.links or set(upscale.links) != {"linf_model", "image"}:
        return None
    return dict(load.values), dict(upscale.values)


def pixel_note(source: Mapping[str, Any]) -> tuple[float, float, str] | None:
    """The pixel size (y, x) and its unit that a graph notes beside the exact size which other hosts take."""
    for entry in source.values():
        note = (entry.get("_meta") or {}).get("pixel") if isinstance(entry, Mapping) else None
        if isinstance(note, list | tuple) and len(note) == 3:
            y, x, unit = note
            if all(isinstance(v, int | float) and v > 0 for v in (y, x)):
                return float(y), float(x), str(unit)
    return None


def command_line(source: Mapping[str, Any], name: str | None = None, program: str = "upscale") -> str:
    """A command that does what a graph does, with IN and OUT to be filled in.

    Parameters
    ----------
    source
        A graph in API format.
    name
        The preset that holds just this graph, where there is one.
    program
        upscale, for pictures, or stack, for TIFF stacks and OME-Zarr.

    Raises
    ------
    BadValue
        When the graph is more than one click and has no name.
    """
    if name is not None:
        return shlex.join(["linf", "run", name, "IN", "OUT"])
    found = one_click(source)
    if found is None:
        raise BadValue("A workflow of several steps has no short command: save it as a preset first.")
    load, upscale = found
    return shlex.join(["linf", program, "IN", "OUT", *_flags({**load, **upscale})])


def python_code(source: Mapping[str, Any]) -> str:
    """A script that does what a graph does, with the names of two files to be filled in."""
    graph = pprint.pformat(dict(source), width=100, sort_dicts=False)
    return (
        "import linf_nodes as linf\n"
        "from linf_nodes.workflow import Preset, parse_graph\n\n"
        f"GRAPH = {graph}\n\n"
        'Preset.of(parse_graph(GRAPH)).apply(linf.read_picture("IN.tif"), "OUT.tif")\n'
    )


def _flags(values: Values) -> list[str]:
    left = dict(values)
    words = []
    for flag, names, say in _FOLDED:
        given = {n: left.pop(n) for n in names if n in left}
        text = say(given) if given else ""
        words += [f"--{flag}", text] if text else []
    for name, value in left.items():
        words += [f"--{name}", str(value)]
    return words


def _pair(y: float, x: float) -> str:
    return f"{y},{x}" if x else f"{y}"
