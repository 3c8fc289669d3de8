"""A field for a number, with a point or a comma before the decimals, of any magnitude."""

import re

from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox

_SIGNS = re.compile(r"[\d.,eE+\-\s]*")  # what may be typed: a key that is not taken would leave another number
_NUMBER = re.compile(r"\s*\d*[.,]?\d*([eE][+-]?\d+)?\s*")
_DIGITS = 10  # that are shown


class NumberBox(QDoubleSpinBox):
    """Takes "2,5" and "2.5" alike, and "5e-8": Qt's own reads the comma as one between thousands, or the point so.

    Parameters
    ----------
    decimals
        To which numbers are rounded; 20 for what may be metres or nanometres.
    """

    def __init__(self, low: float, high: float, step: float, decimals: int, value: float) -> None:
        super().__init__()
        self.setDecimals(decimals)
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setValue(value)

    def validate(self, text: str, pos: int) -> object:  # Qt's name, as the next three
        state = QValidator.State.Intermediate if _SIGNS.fullmatch(text) else QValidator.State.Invalid
        number = _number(text)
        if number is not None and self.minimum() <= number <= self.maximum():
            state = QValidator.State.Acceptable
        return state, text, pos

    def fixup(self, text: str) -> str:
        """What cannot be leaves the value as it was; Qt would read it once more, in its own way."""
        return self.textFromValue(self.value())

    def valueFromText(self, text: str) -> float:
        number = _number(text)
        return self.value() if number is None else number

    def textFromValue(self, value: float) -> str:
        return f"{value:.{_DIGITS}g}"


def _number(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", ".")) if _NUMBER.fullmatch(text) else None
    except ValueError:
        return None
