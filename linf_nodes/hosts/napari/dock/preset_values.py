"""The fields as a preset's graph, and a preset's values as fields."""

from collections.abc import Callable, Mapping
from typing import Any

from ..layers.options import LOAD, UPSCALE, Options, Size, Sizing, in_unit
from ..layers.source import Source, naming

Sources = Callable[[], list[Source]]  # the chosen layers; raises a `LinfError` where they cannot be enlarged

_SIZED = ("scale", "scale_x", "height", "width")  # what the fields can say of a size


def graph_of(options: Options, sources: Sources) -> dict[str, Any]:
    """The fields as a graph in API format; a pixel size is noted beside the size that it is for the first layer."""
    from ....workflow.library import one_click_graph  # late: torch

    if options.sizing is not Sizing.PIXEL:
        return one_click_graph(options.load_values(), options.upscale_values())
    source = sources()[0]
    graph = one_click_graph(options.load_values(), options.upscale_values(source.size, source.pixel))
    graph["3"]["_meta"]["pixel"] = [*options.pixel, source.unit]
    return graph


def fields_of(load: Mapping[str, Any], upscale: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    """What a preset's two nodes change in the fields; raises a `LinfError` where a size lacks its layer."""
    if not needs_source(upscale):
        return changes_of(load, upscale, (1, 1))
    source = sources()[0]
    if "pixel" in upscale:
        y, x, unit = upscale["pixel"]
        with naming(source.name):
            upscale = {**upscale, "pixel": in_unit((y, x), unit, source.unit)}
    return changes_of(load, upscale, source.size)


def needs_source(upscale: Mapping[str, Any]) -> bool:
    """Whether the size that a preset says is to be worked out for a source, as the fields have no words for it."""
    from ....pipeline.size import SizeWish  # late: torch

    rest = {name: value for name, value in vars(SizeWish()).items() if name not in _SIZED}
    return "pixel" in upscale or any(upscale.get(name, value) != value for name, value in rest.items())


def changes_of(load: Mapping[str, Any], upscale: Mapping[str, Any], lr_size: Size) -> dict[str, Any]:
    """What a preset's two nodes change in the options; what they leave out is the nodes' own default.

    A size that `needs_source` becomes the exact one for a source of `lr_size`.
    """
    from ....catalogue import NODES  # late: torch

    own = {i.name: i.default for name in ("LINFLoadModel", "LINFUpscale") for i in NODES[name].inputs}
    given = {**own, **load, **upscale}
    found = {name: given[name] for name in (*LOAD, *UPSCALE)}
    if "pixel" in upscale:
        return found | {"sizing": Sizing.PIXEL, "pixel": upscale["pixel"][:2]}
    size = int(given["height"]), int(given["width"])
    if needs_source(upscale):
        from ....pipeline.size import SizeWish

        size = SizeWish.of(given).target(lr_size).size
    if any(size):
        return found | {"sizing": Sizing.SIZE, "size": size}
    y = float(given["scale"])
    return found | {"sizing": Sizing.SCALE, "scale": (y, float(given["scale_x"]) or y)}
