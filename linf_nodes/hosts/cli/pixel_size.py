"""The size of a result's pixels, as a command line spells it."""

import re

from ...errors import BadValue
from ...stacks.axes import Axes
from ...stacks.coordinates import Coordinates
from ...stacks.units import unit_of


def pixel_size(text: str, where: Coordinates, axes: Axes) -> list[float]:
    """Pixel sizes `(y, x)` in the units of the stack's axes, of `0.05`, `50nm` or `0.1,50nm`."""
    parts = text.split(",")
    if len(parts) > 2:
        raise BadValue(f"--pixel-size {text!r} has {len(parts)} parts: give one, or two as Y,X.")
    own = [unit_of(where.units[a]) for a in (axes.y, axes.x)]
    sizes = []
    for part, unit in zip((parts[0], parts[-1]), own, strict=True):
        found = re.fullmatch(r"\s*([0-9.eE+-]+?)\s*([^\W\d]*)\s*", part)
        try:
            number = float(found[1]) if found else float("nan")
        except ValueError:
            number = float("nan")
        if number != number:
            raise BadValue(f"--pixel-size {text!r} is no number: give 0.05, or 50nm.")
        given = unit_of(found[2]) if found else None
        if given is not None and (unit is None or unit.kind != given.kind):
            raise BadValue(
                f"--pixel-size {text!r} names a unit, but the stack has none: give the number of its pixels."
            )
        sizes.append(number if given is None or unit is None else number * given.size / unit.size)
    return sizes
