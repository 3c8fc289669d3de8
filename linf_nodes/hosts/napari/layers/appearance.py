"""What files say of channels and what layers say of themselves: names, colours, limits, visibility."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ....stacks.channels import Channel

_NAMED = {
    "FFFFFF": "gray", "FF0000": "red", "00FF00": "green", "0000FF": "blue",
    "00FFFF": "cyan", "FF00FF": "magenta", "FFFF00": "yellow",
}  # fmt: skip
_OURS = re.compile(r"(mean|sample|deviation) \d+")  # what results are called whose source had no names


def options_of(channel: "Channel | None") -> dict[str, Any]:
    """Options for `add_image`, as far as the file says them: else napari would compute a plane to find limits."""
    found: dict[str, Any] = {}
    if channel is None:
        return found
    if channel.name and not _OURS.fullmatch(channel.name):
        found["name"] = channel.name
    if channel.colour:
        found["colormap"] = _colormap(channel.colour)
    if channel.start is not None and channel.end is not None:
        found["contrast_limits"] = [channel.start, channel.end]
    return found | ({} if channel.active is None else {"visible": channel.active})


def channel_of(layer: Any) -> "Channel":
    """What a file is to say of a layer: the colour is that of its brightest samples."""
    from ....stacks.channels import Channel

    name, visible = str(layer.name), bool(layer.visible)
    if layer.rgb:
        return Channel(name, None, visible)
    low, high = (float(v) for v in layer.contrast_limits)
    return Channel(name, colour_of(layer.colormap), visible, low, high)


def colour_of(colormap: Any) -> str:
    """RRGGBB of a colormap's last colour; white where that is black, which shows nothing."""
    last = np.asarray(colormap.colors, np.float64)[-1][:3]
    text = "".join(f"{round(255 * float(np.clip(v, 0, 1))):02X}" for v in last)
    return "FFFFFF" if text == "000000" else text


def _colormap(colour: str) -> Any:
    """A colormap from black to a colour."""
    if colour in _NAMED:
        return _NAMED[colour]
    from napari.utils import Colormap

    end = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    return Colormap([[0.0, 0.0, 0.0, 1.0], [*end, 1.0]], name=f"#{colour}")
