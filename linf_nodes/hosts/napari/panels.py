"""The small widgets as they stand in napari's window: they scroll, keep calm, and say their names."""

from collections.abc import Callable
from functools import cache
from typing import Any

from . import widgets
from .calm import calm, name_field
from .run_preset import run_preset_widget


def panel_of(function: Callable[..., None]) -> Callable[..., Any]:
    """What makes a widget of a function of layers and options."""

    def panel() -> Any:
        from magicgui import magicgui

        gui = magicgui(function, scrollable=True)
        for field in gui:
            name_field(field.native, str(field.label or field.name))
        calm(gui.native)
        return gui

    return panel


@cache
def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return panel_of(run_preset_widget if name == "run_preset" else getattr(widgets, name))
