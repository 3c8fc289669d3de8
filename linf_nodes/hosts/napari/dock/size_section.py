"""How large the result becomes."""

from typing import Any

from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QSpinBox

from ..layers.options import Sizing
from ..layers.request import Request
from ..number_field import NumberBox
from .section import Box, choose, fill

_TIPS = {
    Sizing.SCALE: "Any number from 1 to 32, whole or not.",
    Sizing.PIXEL: "Size of a pixel of the result, in the layer's own units.",
    Sizing.SIZE: "Height and width of the result in pixels; 0: follows from the other.",
}


class SizeBox(Box):
    """A scale, a target pixel size or an exact size, each for y and x."""

    def __init__(self) -> None:
        super().__init__("Size")
        self.sizing = QComboBox()
        fill(self.sizing, [(s.value.capitalize(), s) for s in Sizing])
        self.scale = [NumberBox(1, 32, 0.5, 3, 2.0) for _ in range(2)]
        self.pixel = [NumberBox(0, 1e12, 0.1, 20, 1.0) for _ in range(2)]
        for pixel in self.pixel:
            pixel.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.side = [QSpinBox() for _ in range(2)]
        for side in self.side:
            side.setRange(0, 1 << 20)
        self.same = QCheckBox("x like y")
        self.same.setChecked(True)
        self.same.setToolTip("Enlarge the width by as much as the height.")
        self.row("Given as", [self.sizing, self.same])
        self.row("Scale y, x", self.scale, tip=_TIPS[Sizing.SCALE])
        self.row("Pixel y, x", self.pixel, tip=_TIPS[Sizing.PIXEL])
        self.row("Size y, x", self.side, tip=_TIPS[Sizing.SIZE])
        self.result = self.note()
        for signal in (self.sizing.currentIndexChanged, self.same.toggled):
            signal.connect(self._arrange)
        boxes: list[NumberBox | QSpinBox] = [*self.scale, *self.pixel, *self.side]
        for box in boxes:
            box.setKeyboardTracking(False)  # a half-typed number is no request
            box.valueChanged.connect(self._linked)
        self._arrange()

    def values(self) -> dict[str, Any]:
        return {
            "sizing": Sizing(self.sizing.currentData()),  # Qt keeps text of it
            "scale": _pair(self.scale),
            "pixel": _pair(self.pixel),
            "size": (self.side[0].value(), self.side[1].value()),
        }

    def show_values(self, values: dict[str, Any]) -> None:
        """Show some or all of the values; a pair that differs unties y and x."""
        for name, boxes in (("scale", self.scale), ("pixel", self.pixel)):
            if name in values and values[name][0] != values[name][1]:
                self.same.setChecked(False)
            for box, value in zip(boxes, values.get(name, ()), strict=False):
                box.setValue(value)
        for side, value in zip(self.side, values.get("size", ()), strict=False):
            side.setValue(value)
        if "sizing" in values:
            choose(self.sizing, values["sizing"])

    def _linked(self) -> None:
        if self.same.isChecked():
            for y, x in (self.scale, self.pixel):
                x.blockSignals(True)
                x.setValue(y.value())
                x.blockSignals(False)
        self.changed.emit()

    def _arrange(self) -> None:
        sizing = Sizing(self.sizing.currentData())
        for s, boxes in ((Sizing.SCALE, self.scale), (Sizing.PIXEL, self.pixel), (Sizing.SIZE, self.side)):
            self.hide_row(boxes[0], s is not sizing)
        self.same.setEnabled(sizing is not Sizing.SIZE)
        for y_and_x in (self.scale, self.pixel):
            y_and_x[1].setEnabled(not self.same.isChecked())
        self._linked()


def _pair(boxes: list[NumberBox]) -> tuple[float, float]:
    return boxes[0].value(), boxes[1].value()


def sizes_text(request: Request) -> str:
    """`256 x 256 -> 512 x 512 pixels of 0.25 x 0.25 micrometer`."""
    (h, w), (top, left) = request.source.size, request.size
    y, x = (p * r for p, r in zip(request.source.pixel, request.ratio, strict=True))
    pixel = f"{y:.4g}" if y == x else f"{y:.4g} x {x:.4g}"
    return f"{h} x {w} → {top} x {left} pixels of {pixel} {request.source.unit}"
