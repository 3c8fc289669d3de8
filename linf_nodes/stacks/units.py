"""Units of length and time, under the names that OME-Zarr and OME-XML have for them."""

from typing import NamedTuple

from ..errors import BadValue


class Unit(NamedTuple):
    """A unit: its name in OME-Zarr, its symbol in OME-XML, its kind (space or time), its size in metres or seconds."""

    name: str
    symbol: str
    kind: str
    size: float


_UNITS = (
    Unit("femtometer", "fm", "space", 1e-15),
    Unit("picometer", "pm", "space", 1e-12),
    Unit("angstrom", "Å", "space", 1e-10),
    Unit("nanometer", "nm", "space", 1e-9),
    Unit("micrometer", "µm", "space", 1e-6),
    Unit("millimeter", "mm", "space", 1e-3),
    Unit("centimeter", "cm", "space", 1e-2),
    Unit("decimeter", "dm", "space", 1e-1),
    Unit("meter", "m", "space", 1.0),
    Unit("kilometer", "km", "space", 1e3),
    Unit("inch", "in", "space", 0.0254),
    Unit("foot", "ft", "space", 0.3048),
    Unit("attosecond", "as", "time", 1e-18),
    Unit("femtosecond", "fs", "time", 1e-15),
    Unit("picosecond", "ps", "time", 1e-12),
    Unit("nanosecond", "ns", "time", 1e-9),
    Unit("microsecond", "µs", "time", 1e-6),
    Unit("millisecond", "ms", "time", 1e-3),
    Unit("second", "s", "time", 1.0),
    Unit("minute", "min", "time", 60.0),
    Unit("hour", "h", "time", 3600.0),
    Unit("day", "d", "time", 86400.0),
)
_NONE = ("", "pixel", "pixels", "px", "none", "dimensionless", "unitless", "reference frame")
_OTHER = {"um": "micrometer", "us": "microsecond", "micron": "micrometer", "microns": "micrometer", "sec": "second"}
# the micro sign and the Greek letter look alike, and tifffile writes the first as an escape
_BY_NAME = {name: u for u in _UNITS for name in (u.name, u.symbol, u.symbol.replace("µ", "μ"), u.name + "s")}


def unit_of(text: str | None) -> Unit | None:
    """The unit of a name, symbol or usual spelling; None for pixels and for nothing.

    Raises
    ------
    BadValue
        When there is no such unit.
    """
    name = (text or "").strip().replace("\\u00B5", "µ").replace("metre", "meter")
    if name.lower() in _NONE:
        return None
    found = _BY_NAME.get(name) or _BY_NAME.get(name.lower()) or _BY_NAME.get(_OTHER.get(name.lower(), ""))
    if found is None:
        names = ", ".join(u.name for u in _UNITS)
        raise BadValue(f"The unit {text!r} is not known: give one of {names}, or none.")
    return found
