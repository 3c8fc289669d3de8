"""Where and how it is computed."""

from collections.abc import Iterable
from typing import Any

from qtpy.QtWidgets import QComboBox, QSpinBox

from .section import Box, choose, fill


class ComputeBox(Box):
    """Device, precision, tile and the passes of the self-ensemble."""

    def __init__(self) -> None:
        super().__init__("Computing")
        self.device, self.precision, self.tile = QComboBox(), QComboBox(), QSpinBox()
        self.show_choices(["auto", "cpu"], ["auto", "float32", "bfloat16", "float16"])
        self.tile.setRange(0, 8192)
        self.tile.setSingleStep(64)
        self.tile.setSpecialValueText("auto")
        self.row("Device", [self.device], ["device"])
        self.row("Precision", [self.precision], ["precision"])
        self.row("Tile", [self.tile], ["tile"])
        self.passes = QSpinBox()
        self.passes.setRange(1, 8)
        self.row("Passes", [self.passes], ["passes"])
        for combo in (self.device, self.precision):
            combo.currentIndexChanged.connect(lambda _: self.changed.emit())
        for number in (self.tile, self.passes):
            number.valueChanged.connect(lambda _: self.changed.emit())

    def show_choices(self, devices: Iterable[str], precisions: Iterable[str]) -> None:
        fill(self.device, [(d, d) for d in devices])
        fill(self.precision, [(p, p) for p in precisions])

    def values(self) -> dict[str, Any]:
        return {
            "device": self.device.currentData(),
            "precision": self.precision.currentData(),
            "tile": self.tile.value(),
            "passes": self.passes.value(),
        }

    def show_values(self, values: dict[str, Any]) -> None:
        """Show some or all of the values; a device that is not here is added, and refused when it is used."""
        for name, combo in (("device", self.device), ("precision", self.precision)):
            if name in values:
                if combo.findData(values[name]) < 0:
                    combo.addItem(values[name], values[name])
                choose(combo, values[name])
        self.tile.setValue(values.get("tile", self.tile.value()))
        self.passes.setValue(values.get("passes", self.passes.value()))
