"""`linf run` on a stack: a preset that only enlarges, said in the words of `linf stack`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...catalogue import Node
from ...errors import BadWorkflow, LinfError
from ...stacks import location
from ...stacks.stack_file import TIFFS
from ...workflow import Graph, GraphNode
from ...workflow.image_nodes import LOAD, PREVIEW, SAVE
from .options import default_of, options_of
from .stack import LOAD as MODEL
from .stack import NOT_HERE, UPSCALE

_ENDS = (LOAD, SAVE, PREVIEW)
_ALONE = ("megapixels", "longest_side", "shortest_side")  # sizes of one number; the first that is given decides
_SIZED = (*_ALONE, "scale", "scale_x", "height", "width", "temperature", "auto_temperature")


def is_stack(source: str, target: str) -> bool:
    """Whether IN is a stack: a Zarr, a .npy file, or a TIFF of several planes if OUT can hold them."""
    if location.is_url(source):
        return True
    path = location.local_path(source)
    if path.is_dir():
        return any((path / name).is_file() for name in location.MARKS)
    if location.zip_of(path) or path.suffix.lower() == ".npy":
        return True
    if path.suffix.lower() not in TIFFS or Path(target).suffix.lower() not in (".tif", ".tiff", ".zarr"):
        return False
    from ...stacks.tiff_stack import TiffStack

    try:
        found = TiffStack.of(path)
    except LinfError:
        return False  # the reader of pictures says what is wrong with it
    return any(found.shape[axis] > 1 for axis in found.axes().looped)


def stack_words(graph: Graph, source: str) -> list[str]:
    """The options of `linf stack` that do what a preset does.

    Raises
    ------
    BadWorkflow
        When it does more than enlarge.
    """
    steps = {step.node.id: step for step in graph.needed(step.id for step in graph.outputs)}
    others = [step for step in graph.steps.values() if step.node.id not in (*_ENDS, MODEL.id, UPSCALE.id)]
    if others or UPSCALE.id not in steps or len(graph.of_type(UPSCALE.id)) != 1:
        raise _refusal(source, f"has {others[0]}" if others else "does not enlarge once")
    upscale = steps[UPSCALE.id]
    if set(upscale.links) - {"linf_model", "image"}:
        raise _refusal(source, "paints a mask")
    return [*_words(steps[MODEL.id]), *_size_words(upscale, source), *_words(upscale, _SIZED)]


def _size_words(step: GraphNode, source: str) -> list[str]:
    """Size and amount, of which an option holds several inputs."""
    value = _values(step)
    for name in NOT_HERE:
        if name in value and value[name] != default_of(UPSCALE, name):
            raise _refusal(source, f"sets {name} to {value[name]}")
    words = ["--temperature", "auto" if value["auto_temperature"] else f"{value['temperature']}"]
    for name in _ALONE:
        if value[name]:
            return [*words, _flags(UPSCALE)[name], f"{value[name]}"]
    if value["height"] or value["width"]:
        return [*words, "--size", f"{value['height']}x{value['width']}"]
    return [*words, "--scale", f"{value['scale']}" + (f",{value['scale_x']}" if value["scale_x"] else "")]


def _words(step: GraphNode, but: tuple[str, ...] = ()) -> list[str]:
    flags = _flags(step.node)
    given = {name: value for name, value in step.values.items() if name not in (*but, *NOT_HERE)}
    return [word for name, value in given.items() for word in (flags[name], str(value))]


def _flags(node: Node) -> dict[str, str]:
    return {option.names[0]: option.flag for option in options_of(node)}


def _values(step: GraphNode) -> Mapping[str, Any]:
    plain = {i.name: i.default for i in step.node.inputs if not i.socket}
    return {**plain, **step.values}


def _refusal(source: str, why: str) -> BadWorkflow:
    return BadWorkflow(
        f"'{source}' is a stack, and the preset {why}: use linf stack IN OUT, or a preset that only enlarges."
    )
