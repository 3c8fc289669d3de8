"""The small widgets as they stand in napari's window: they scroll, keep calm, and say their names."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from magicgui.widgets import FunctionGui

from ..run_preset import run_preset_widget
from ..steady_fields import calm, name_field
from . import widgets


class Panel(FunctionGui[..., None]):
    """The fields of a function of layers and options, in a frame that scrolls."""

    def __init__(self, function: Callable[..., None]) -> None:
        super().__init__(function, scrollable=True)
        for field in self:
            name_field(field.native, str(field.label or field.name))
        calm(self.native)

    @property
    def native(self) -> Any:
        """What napari puts into its window: the frame."""
        return self.root_native_widget


@cache
def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return partial(Panel, run_preset_widget if name == "run_preset" else getattr(widgets, name))
