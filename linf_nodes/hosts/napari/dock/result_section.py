"""What comes out, of how much of the layer, and where it goes."""

from typing import Any

from qtpy.QtWidgets import QCheckBox, QComboBox, QSpinBox

from ..layers.options import Scope, Target
from .section import Box, choose, fill

_SCOPES = {
    Scope.VIEW: "What the canvas shows now, of the plane that is shown.",
    Scope.PLANE: "The whole plane that is shown.",
    Scope.STACK: "Every plane.",
}
_TARGETS = {
    Target.LAYER: "New layer",
    Target.LAZY: "Lazy layer (computes what is on screen)",
    Target.ZARR: "OME-Zarr on disk...",
    Target.TIFF: "OME-TIFF on disk...",
}


class ResultBox(Box):
    """Mean, samples and uncertainty; view, plane or stack; layer or file."""

    def __init__(self) -> None:
        super().__init__("Result")
        self.mean, self.deviation = QCheckBox("Mean"), QCheckBox("Uncertainty")
        self.samples = QSpinBox()
        self.samples.setRange(0, 64)
        self.samples.setValue(1)
        self.scope, self.target = QComboBox(), QComboBox()
        fill(self.scope, [(s.value.capitalize(), s) for s in Scope], keep=Scope.PLANE)
        fill(self.target, [(text, t) for t, text in _TARGETS.items()])
        self.row("Samples", [self.samples])
        self.row("Also", [self.mean, self.deviation])
        self.samples.setToolTip("How many pictures to draw, with seeds that count up; without a draw all are the same.")
        self.mean.setToolTip("The most faithful picture: no detail is added (temperature 0).")
        self.deviation.setToolTip("Standard deviation of every pixel, in the layer's intensities, in closed form.")
        self.calibration = self.note()
        self.row("Of", [self.scope], tip="\n".join(f"{s.value}: {text}" for s, text in _SCOPES.items()))
        self.row("To", [self.target], tip="Files are written plane by plane or chunk by chunk: nothing is held whole.")
        self.calibration.hide()
        for signal in (self.mean.toggled, self.deviation.toggled, self.samples.valueChanged):
            signal.connect(lambda _: self.changed.emit())
        for combo in (self.scope, self.target):
            combo.currentIndexChanged.connect(self._arrange)

    def values(self) -> dict[str, Any]:
        return {
            "mean": self.mean.isChecked(),
            "samples": self.samples.value(),
            "uncertainty": self.deviation.isChecked(),
            "scope": Scope(self.scope.currentData()),  # Qt keeps text of it
            "target": Target(self.target.currentData()),
        }

    def show_values(self, values: dict[str, Any]) -> None:
        for name, check in (("mean", self.mean), ("uncertainty", self.deviation)):
            check.setChecked(values.get(name, check.isChecked()))
        self.samples.setValue(values.get("samples", self.samples.value()))
        choose(self.scope, values.get("scope"))
        choose(self.target, values.get("target"))

    def say_calibration(self, text: str) -> None:
        """A word on what the uncertainty is worth; nothing while it is not asked for."""
        self.calibration.setText(text)
        self.calibration.setVisible(bool(text) and self.deviation.isChecked())

    def _arrange(self) -> None:
        """Lazy layers and files are of the whole stack."""
        whole = self.target.currentData() != Target.LAYER
        if whole:
            choose(self.scope, Scope.STACK)
        self.scope.setEnabled(not whole)
        self.changed.emit()
