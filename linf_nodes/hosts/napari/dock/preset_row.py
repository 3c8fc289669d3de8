"""Named presets in a row of the dock: choose, load, save, copy as a command line or as Python."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]  # qtpy has them at run time
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ....errors import LinfError
from ..steady_fields import name_field

Values = dict[str, Any]


class PresetList(QComboBox):
    """Bundled presets and the user's own, read again whenever the list is opened: files may have come."""

    def showPopup(self) -> None:  # Qt's name
        self.refresh()
        super().showPopup()

    def refresh(self) -> None:
        from ....workflow import presets  # late: torch

        text = self.currentText()
        self.clear()
        for name, path in presets().items():
            self.addItem(name, str(path))
            self.setItemData(self.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(self.findText(text))
        if self.isEditable():
            self.setEditText(text)


class PresetBar(QWidget):
    """A name, and what may be done with it.

    Parameters
    ----------
    current
        Gives the graph, in API format, that the dock's fields describe now; it may raise `LinfError`.

    Signals
    -------
    chosen
        `(load, upscale)`: the values of the nodes Load LINF Model and Upscale of the preset that was loaded.
    """

    chosen = Signal(dict, dict)

    def __init__(self, current: Callable[[], Values], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._current = current
        self.names = PresetList()
        name_field(self.names, "Preset")
        name = QLineEdit()
        name.setPlaceholderText("preset")
        self.names.setLineEdit(name)
        self.names.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.names.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.says = QLabel()
        self.says.setWordWrap(True)
        self.says.hide()
        self.load_button = self._button("Load", self.load, "Set the fields to what the preset says.")
        self.save_button = self._button("Save", self.save, "Save the fields under this name, for every host.")
        self.copy_button = self._button("Copy", None, "Copy what the fields say, as text.")
        menu = QMenu(self.copy_button)
        menu.addAction("Copy as command line", lambda: self.copy_command_line())
        menu.addAction("Copy as command line for stacks", lambda: self.copy_command_line("stack"))
        menu.addAction("Copy as Python", self.copy_python)
        self.copy_button.setMenu(menu)
        self.copy_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._arrange()

    def load(self) -> None:
        """Read the preset that is named and emit its values."""
        self._do(self._load)

    def save(self) -> None:
        """Write the fields as a preset; before one of the user's own is replaced, the user is asked."""
        self._do(self._save)

    def copy_command_line(self, program: str = "upscale") -> None:
        """Put `linf upscale IN OUT ...`, or `linf stack IN OUT ...`, into the clipboard."""
        self._do(lambda: self._copy_command_line(program))

    def copy_python(self) -> None:
        """Put a script into the clipboard."""
        self._do(self._copy_python)

    def _load(self) -> str:
        from ....workflow import find_preset, read_graph
        from ....workflow.library import about
        from ..wording import one_click, pixel_note

        source = read_graph(find_preset(self.names.currentText())).source
        values = one_click(source)
        if values is None:
            return "This preset has further nodes, which these fields cannot show: use the widget Run Preset."
        load, upscale = values
        self.chosen.emit(load, upscale | ({"pixel": note} if (note := pixel_note(source)) else {}))
        return about(source)

    def _save(self) -> str:
        from ....workflow import save_preset
        from ....workflow.library import user_presets
        from ..wording import pixel_note

        name = self.names.currentText().strip()
        taken = (user_presets() / f"{name}.json").is_file()
        if taken and not self._may_replace(name):
            return ""
        graph = self._current()
        path = save_preset(name, graph, replace=taken)
        self.names.refresh()
        size = graph["3"]["inputs"]
        exact = f", elsewhere than in napari as {size['height']} x {size['width']} pixels" if pixel_note(graph) else ""
        return f"Saved: {path}{exact}"

    def _copy_command_line(self, program: str) -> str:
        from ..wording import command_line

        return _copy(command_line(self._current(), program=program))

    def _copy_python(self) -> str:
        from ..wording import python_code

        return _copy(python_code(self._current()))

    def _may_replace(self, name: str) -> bool:
        yes = QMessageBox.StandardButton.Yes
        return QMessageBox.question(self, "Replace the preset?", f"There is a preset {name!r}: replace it?") == yes

    def _do(self, action: Callable[[], str]) -> None:
        """Say what came of an action, or what is wrong: a mistake here is no reason for a traceback."""
        try:
            text = action()
        except LinfError as error:
            text = str(error)
        self.says.setText(text)
        self.says.setVisible(bool(text))

    def _button(self, text: str, action: Callable[[], None] | None, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        if action is not None:
            button.clicked.connect(action)
        return button

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.names, 1)
        for button in (self.load_button, self.save_button, self.copy_button):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.says)


def _copy(text: str) -> str:
    QApplication.clipboard().setText(text)
    return f"Copied: {text.splitlines()[0]}"
