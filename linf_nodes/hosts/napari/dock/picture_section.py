"""Which layers are enlarged, and along which axes."""

from typing import Any

from qtpy.QtWidgets import QComboBox

from ..layers.source import default_axes
from .section import Box, fill

ALL = -1  # entry of the list that stands for all selected layers


class PictureBox(Box):
    """The choice of a layer, or of all that are selected, and of its y and x axes."""

    def __init__(self) -> None:
        super().__init__("Picture")
        self._layers: list[Any] = []
        self._selected: list[Any] = []
        self._labels: tuple[str, ...] = ()
        self.layer, self.y_axis, self.x_axis = QComboBox(), QComboBox(), QComboBox()
        self.row("Layer", [self.layer], tip="One image layer, or all that are selected in the layer list at once.")
        tip = "Which axes are the picture's height and width; every plane along the others is enlarged by itself."
        self.row("Axes y, x", [self.y_axis, self.x_axis], tip=tip)
        self.layer.currentIndexChanged.connect(self._axes)
        for combo in (self.layer, self.y_axis, self.x_axis):
            combo.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.show_layers([], [])

    def show_layers(self, layers: list[Any], selected: list[Any]) -> None:
        """Offer these image layers; `selected` are the ones that "all selected" stands for now."""
        chosen = self._chosen()
        self._layers, self._selected = layers, selected
        at = next((i for i, layer in enumerate(layers) if layer is chosen or layer == chosen), ALL)
        entries = [(f"All selected ({len(selected)})", ALL), *((layer.name, i) for i, layer in enumerate(layers))]
        fill(self.layer, entries, keep=at)
        self._axes()

    def layers(self) -> list[Any]:
        """The chosen layers."""
        chosen = self._chosen()
        return list(self._selected) if chosen is None else [chosen]

    def axes(self) -> tuple[int, int]:
        """y and x, counted from the end."""
        y, x = self.y_axis.currentData(), self.x_axis.currentData()
        return (-2, -1) if y is None or x is None else (y, x)

    def _chosen(self) -> Any:
        """The one layer that is chosen; None where all selected ones are."""
        at = self.layer.currentData()
        return None if at is None or at == ALL else self._layers[at]

    def _axes(self) -> None:
        """Axes of the first chosen layer; its labels say which they are, else they are the last two."""
        layers = self.layers()
        labels = tuple(str(label) for label in layers[0].axis_labels) if layers else ("y", "x")
        if self._labels == labels:
            return
        self._labels = labels
        entries = [(f"{n}: {label}" if n >= 0 else label, n - len(labels)) for n, label in enumerate(labels)]
        for combo, axis in zip((self.y_axis, self.x_axis), default_axes(labels), strict=True):
            fill(combo, entries, keep=axis)
