"""Where a layer lies, in the words that files have for it; and what they have no words for."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from .source import Source, meaning

if TYPE_CHECKING:
    from ....stacks.coordinates import Coordinates

_SPARE = ("z", "t", "c")  # names of looped axes that have none, the last ones first


def coordinates_of(source: Source) -> "Coordinates":
    """Names, units, pixel sizes and place of the axes of a layer's array, as files have them; see `left_out`."""
    from ....stacks.coordinates import Coordinates
    from .computation import axes_of

    layer, more = source.layer, int(source.rgb)
    names = axis_names(source)
    units = [unit if _suits(name, unit) else None for name, unit in zip(names, _units(source), strict=False)]
    return Coordinates.of(
        axes_of(source),
        names,
        [*units, *[None] * more],
        [*(abs(float(s)) for s in layer.scale), *[1.0] * more],
        [*(float(t) for t in layer.translate), *[0.0] * more],
    )


def axis_names(source: Source) -> list[str]:
    """Names of the array's axes: y and x are the chosen ones, the others what their labels say."""
    taken = {source.y: "y", source.x: "x"} | ({source.ndim: "c"} if source.rgb else {})
    for axis in source.looped:
        name = meaning(source.layer.axis_labels[axis])
        if name and not re.fullmatch(r"-?\d+", name) and name not in taken.values():
            taken[axis] = name
    nameless = [axis for axis in source.looped if axis not in taken]
    spare = [name for name in _SPARE if name not in taken.values()]
    spare += [f"a{i}" for i in range(len(nameless))]
    taken |= dict(zip(reversed(nameless), spare, strict=False))
    return [taken[a] for a in range(len(source.data.shape))]


def left_out(source: Source, tiff: bool = False) -> str:
    """A sentence on what a file cannot say of a layer; empty where it says all."""
    layer, names, units = source.layer, axis_names(source), _units(source)
    lost = [f"the unit {u} of {n}" for n, u in zip(names, units, strict=False) if not _suits(n, u)]
    linear, scale = np.asarray(layer.affine.linear_matrix), np.asarray(layer.scale)
    if tiff:
        lost += [f"the {what} of {names[a]}" for a in source.looped for what in _not_in_tiff(layer, a, names[a])]
    moved = np.any(np.asarray(layer.affine.translate))
    if moved or not np.allclose(linear, np.eye(len(scale))):
        lost.append("the affine transform")
    if not np.allclose(np.asarray(layer.rotate), np.eye(len(scale))) or np.any(_sheared(layer)):
        lost.append("rotation and shear")
    if np.any(scale < 0):
        lost.append("the flip")
    return f"The file has no place for {', '.join(lost)} of '{source.name}'." if lost else ""


def _not_in_tiff(layer: Any, axis: int, name: str) -> list[str]:
    """What OME-XML, which knows the step of t and the step and place of z, cannot say of a looped axis."""
    if name == "z":
        return []
    timed = name == "t" and str(layer.units[axis]) != "pixel" and _suits(name, str(layer.units[axis]))
    return ["step"] * (float(layer.scale[axis]) != 1 and not timed) + ["start"] * bool(layer.translate[axis])


def _units(source: Source) -> list[str]:
    return [str(unit) for unit in source.layer.units]


def _sheared(layer: Any) -> Any:
    shear = np.asarray(layer.shear, np.float64)
    return shear - np.eye(len(shear)) if shear.ndim == 2 else shear


def _suits(name: str, text: str) -> bool:
    """Whether files know a unit, and for such an axis."""
    from ....errors import BadValue
    from ....stacks.units import unit_of

    try:
        unit = unit_of(text)
    except BadValue:
        return False
    if unit is None or name not in ("t", "z", "y", "x"):
        return True
    return unit.kind == ("time" if name == "t" else "space")
