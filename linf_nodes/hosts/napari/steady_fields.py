"""Fields that change only when they are meant: not by a wheel that scrolls past, nor by a comma read as nothing."""

from qtpy.QtCore import QEvent, QLocale, QObject, Qt
from qtpy.QtGui import QDoubleValidator, QKeyEvent
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QScrollBar,
    QWidget,
)

from .number_field import NumberBox


class _Calm(QObject):
    """Lets the wheel through to what scrolls unless the field has been chosen; types a point for a comma."""

    def eventFilter(self, field: QObject, event: QEvent) -> bool:  # Qt's name
        if event.type() == QEvent.Type.Wheel and isinstance(field, QWidget) and not field.hasFocus():
            event.ignore()
            return True
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and event.text() == ",":
            return _type_point(field, event)
        return False


def _type_point(field: QObject, event: QKeyEvent) -> bool:
    if not (isinstance(field, QWidget) and _is_decimal(field)):
        return False
    QApplication.sendEvent(field, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Period, event.modifiers(), "."))
    return True


def calm(widget: QWidget) -> None:
    """Calm every field in a widget that is there now."""
    filter_ = _Calm(widget)
    plain = QLocale.c()
    plain.setNumberOptions(QLocale.NumberOption.RejectGroupSeparator | QLocale.NumberOption.OmitGroupSeparator)
    for field in widget.findChildren(QWidget):
        if isinstance(field, QScrollBar):
            continue
        if isinstance(field, QComboBox | QAbstractSpinBox | QAbstractSlider):
            field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # not by the wheel
            field.installEventFilter(filter_)
        if isinstance(field, QAbstractSpinBox):
            field.setLocale(plain)
        validator = field.validator() if isinstance(field, QLineEdit) else None
        if isinstance(validator, QDoubleValidator):
            validator.setLocale(plain)
            field.installEventFilter(filter_)


def _is_decimal(field: QWidget) -> bool:
    if isinstance(field, QLineEdit):
        return isinstance(field.validator(), QDoubleValidator)
    return isinstance(field, QDoubleSpinBox) and not isinstance(field, NumberBox)  # which reads a comma itself


def name_field(field: QWidget, text: str) -> None:
    """Give a field, and the parts of it that can be chosen, the name that a screen reader says."""
    for part in (field, *field.findChildren(QWidget)):
        if not part.accessibleName() and (part is field or part.focusPolicy() != Qt.FocusPolicy.NoFocus):
            part.setAccessibleName(text)
