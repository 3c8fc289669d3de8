"""The main widget, `SuperResolution`."""

from typing import Any


def __getattr__(name: str) -> Any:
    """The widget, when it is asked for: its parts are imported without it."""
    if name != "SuperResolution":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .widget import SuperResolution

    return SuperResolution
