"""A titled group of rows, each of which knows its values by their catalogue names."""

from collections.abc import Iterable, Mapping
from typing import Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]  # qtpy has them at run time
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QWidget,
)

from ..steady_fields import name_field


class Box(QGroupBox):
    """Fields under a title; `changed` is emitted at every change by the user or the program."""

    changed = Signal()

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(10, 6, 10, 8)
        self._form.setVerticalSpacing(6)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.named: dict[str, list[QWidget]] = {}

    def row(self, label: str, widgets: Iterable[QWidget], names: Iterable[str] = (), tip: str = "") -> None:
        """Widgets side by side after a label; `names` are the catalogue inputs whose help is shown on them."""
        widgets = list(widgets)
        text, line = QLabel(label), QHBoxLayout()
        line.setContentsMargins(0, 0, 0, 0)
        for w in widgets:
            line.addWidget(w, 0 if isinstance(w, QAbstractButton) else 1)
            if isinstance(w, QComboBox | QAbstractSpinBox):  # they share the width there is, and ask for no more
                w.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._form.addRow(text, line)
        for name in names:
            self.named.setdefault(name, []).extend([text, *widgets])
        for w in (text, *widgets):
            w.setToolTip(tip)
        parts = label.split(" y, x")[0]
        for w, end in zip(widgets, (" y", " x") if label.endswith("y, x") else ("",) * len(widgets), strict=True):
            if not isinstance(w, QAbstractButton):  # whose text is its name
                name_field(w, parts + end)

    def note(self) -> QLabel:
        """A text over the whole width, empty so far."""
        label = QLabel()
        label.setWordWrap(True)
        self._form.addRow(label)
        return label

    def explain(self, tips: Mapping[str, str]) -> None:
        """Give every field the catalogue's help."""
        for name, widgets in self.named.items():
            for w in widgets:
                if tips.get(name) and not w.toolTip():
                    w.setToolTip(tips[name])

    def hide_row(self, first: QWidget, hidden: bool) -> None:
        """Show or hide the row that a widget is in."""
        for r in range(self._form.rowCount()):
            item = self._form.itemAt(r, QFormLayout.ItemRole.FieldRole)
            inside = item.layout() if item is not None else None
            if inside is not None and inside.indexOf(first) >= 0:
                self._form.setRowVisible(r, not hidden)


def fill(combo: QComboBox, entries: Iterable[tuple[str, Any]], keep: Any = None) -> None:
    """Give a combo box new entries without a signal; the chosen value stays chosen where it is still there."""
    kept = combo.currentData() if keep is None else keep
    combo.blockSignals(True)
    combo.clear()
    for text, value in entries:
        combo.addItem(text, value)
    combo.blockSignals(False)
    choose(combo, kept)


def choose(combo: QComboBox, value: Any) -> None:
    """Choose the entry that holds a value, if there is one."""
    for i in range(combo.count()):
        if combo.itemData(i) is value or combo.itemData(i) == value:
            combo.setCurrentIndex(i)
            return
