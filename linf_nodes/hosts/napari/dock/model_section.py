"""Which model, and how much of its texture."""

from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox
from superqt import QLabeledDoubleSlider, QLargeIntSpinBox

from ....pictures.kind import AUTO, chosen
from .section import Box, choose, fill

_LATENTS = ((AUTO, AUTO), ("faithful", "faithful"), ("learned", "learned"), ("drawn", "drawn"))
_TIP = (
    "auto: photo for 8-bit colour; for grey, channels and more bits microscopy, and that faithful as long as neither a "
    "detail nor a temperature is chosen. Or the name of a model, or a file's path."
)
# Why fields are off.
_IDLE = {
    "faithful": "Faithful: no detail is added, so temperature, strength and seed are not used.",
    "learned": "Learned detail is one picture, so the seed is not used. To draw, set a temperature or choose drawn.",
    "drawn": "",
}
_BY_ITSELF = "Faithful, as the layer is not 8-bit colour: no detail is added. To add some, untick auto."


class ModelBox(Box):
    """Model, latent, temperature, strength, and seed."""

    def __init__(self) -> None:
        super().__init__("Model")
        self.model, self.latent, self.prior = QComboBox(), QComboBox(), QComboBox()
        fill(self.model, [(AUTO, AUTO)])
        fill(self.latent, _LATENTS)
        fill(self.prior, [("the model's own", "auto"), ("none", "none")])
        self.temperature, self.strength = _slider(0.5), _slider(1.0)
        self.auto = QCheckBox("auto")
        self.auto.setChecked(True)
        self.seed = QLargeIntSpinBox()
        self.seed.setRange(0, (1 << 64) - 1)
        self.row("Model", [self.model], tip=_TIP)
        self.row("Detail", [self.latent], ["latent"])
        self.row("Prior", [self.prior], ["prior"])
        self.row("Temperature", [self.temperature, self.auto], ["temperature"])
        self.named["auto_temperature"] = [self.auto]
        self.named["temperature"].remove(self.auto)
        self.row("Strength", [self.strength], ["strength"])
        self.row("Seed", [self.seed], ["seed"])
        self._idle = self.note()
        self.photos: tuple[bool, ...] = (False,)
        self._learned: frozenset[str] = frozenset()
        for signal in (*(c.currentIndexChanged for c in (self.model, self.latent, self.prior)), self.auto.toggled):
            signal.connect(self._changed)
        for signal in (self.temperature.valueChanged, self.strength.valueChanged, self.seed.valueChanged):
            signal.connect(self._changed)
        self._changed()

    def show_models(self, names: Iterable[str], learned: Iterable[str] = ()) -> None:
        """Offer models, and each as a prior's file; those in `learned` have a prior of their own."""
        self._learned = frozenset(learned)
        fill(self.model, [(AUTO, AUTO), *((n, n) for n in names)])
        fill(self.prior, [("the model's own", "auto"), ("none", "none"), *((f"of {n}", n) for n in names)])
        self._changed()

    def values(self) -> dict[str, Any]:
        return {
            "model": self.model.currentData() or AUTO,
            "prior": self.prior.currentData(),
            "latent": self.latent.currentData(),
            "temperature": round(self.temperature.value(), 4),
            "auto_temperature": self.auto.isChecked(),
            "strength": round(self.strength.value(), 4),
            "seed": int(self.seed.value()),
        }

    def show_values(self, values: dict[str, Any]) -> None:
        """Show some or all of the values; a model or prior that is not in the list, a path say, is added to it."""
        for name, combo in (("model", self.model), ("prior", self.prior), ("latent", self.latent)):
            if name in values:
                if combo.findData(values[name]) < 0:
                    combo.addItem(str(values[name]), values[name])
                choose(combo, values[name])
        for name, field in (("temperature", self.temperature), ("strength", self.strength), ("seed", self.seed)):
            if name in values:
                field.setValue(values[name])
        if "auto_temperature" in values:
            self.auto.setChecked(values["auto_temperature"])

    def show_kinds(self, photos: Iterable[bool]) -> None:
        """Say what `auto` stands for: which of the layers are 8-bit colour, the first one first."""
        found = tuple(dict.fromkeys(photos)) or (False,)
        if found != self.photos:
            self.photos = found
            self._changed()

    def _changed(self) -> None:
        kinds = {self._kind(photo) for photo in self.photos}
        self._say(self.model, (chosen({}, photo)["model"] for photo in self.photos))
        self._say(self.latent, (self._kind(photo, AUTO) for photo in self.photos))
        self.temperature.setVisible(not self.auto.isChecked())  # its number would not be the one that counts
        for field in (self.temperature, self.strength):
            field.setEnabled(kinds != {"faithful"})
        by_itself = kinds == {"faithful"} and self.latent.currentData() == AUTO
        self.auto.setEnabled(kinds != {"faithful"} or by_itself)  # a temperature asks for detail
        self.seed.setEnabled("drawn" in kinds)
        self._idle.setText(_BY_ITSELF if by_itself else _IDLE[kinds.pop()] if len(kinds) == 1 else "")
        self._idle.setVisible(bool(self._idle.text()))
        self.changed.emit()

    def _say(self, combo: QComboBox, names: Iterable[str]) -> None:
        """What `auto` stands for, in its own entry."""
        combo.setItemText(combo.findData(AUTO), f"{AUTO}: {' or '.join(dict.fromkeys(names))}")

    def _kind(self, photo: bool, latent: str | None = None) -> str:
        """Faithful, learned or drawn: what `Detail.kind` will make of the fields, as far as is known of the model.

        `latent` is another choice of the detail than the one that the field says.
        """
        given = {"latent": latent or self.latent.currentData(), "auto_temperature": self.auto.isChecked()}
        given |= {"model": self.model.currentData() or AUTO, "prior": self.prior.currentData()}
        given |= chosen(given, photo)
        if given["latent"] != AUTO:
            return str(given["latent"])
        has_prior = given["prior"] != "none" and (given["prior"] != AUTO or given["model"] in self._learned)
        return "learned" if has_prior and self.auto.isChecked() else "drawn"


def _slider(value: float) -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 2)
    slider.setSingleStep(0.01)  # type: ignore[arg-type]  # its own annotation is the integer slider's
    slider.setDecimals(2)
    slider.setValue(value)
    return slider
