"""The main widget: every choice of the one-click node, on layers."""

import contextlib
from pathlib import Path
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ....errors import BadValue, LinfError
from ....memory import memory_text
from ..budget import time_text
from ..layers.options import Options, Target
from ..layers.request import Request, request_of
from ..layers.source import Source, naming, source_of
from ..layers.view import camera_of
from ..settings import in_force, preferences
from ..steady_fields import calm, name_field
from ..worker import Failed, Worker
from .choices import Facts, calibration_text, facts
from .compute_section import ComputeBox
from .live_preview import REST, Live
from .model_section import ModelBox
from .picture_section import PictureBox
from .preset_row import PresetBar
from .preset_values import fields_of, graph_of
from .result_section import ResultBox
from .session import Session
from .size_section import SizeBox, sizes_text

_FILTERS = {Target.ZARR: "OME-Zarr (*.ome.zarr)", Target.TIFF: "OME-TIFF (*.ome.tif)"}


class SuperResolution(QWidget):
    """LINF Super-Resolution: layers in, layers or files out, each exactly over its source.

    Parameters
    ----------
    napari_viewer
        The viewer, or napari's proxy of it.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.picture, self.size_box, self.model = PictureBox(), SizeBox(), ModelBox()
        self.result, self.compute = ResultBox(), ComputeBox()
        self.session = Session(napari_viewer, self)
        self.live = Live(napari_viewer, self._wanted, self)
        self.presets = PresetBar(self._graph)
        self.preview = QCheckBox("Live preview of the current view")
        self.preview.setToolTip("A layer that follows the fields; temperature and strength move without the network.")
        self.estimate, self.message = _text(), _text()
        self.bar = QProgressBar()
        self.bar.hide()
        self.start, self.stop = QPushButton("Run"), QPushButton("Cancel")
        self._ready = self._asking = False
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._rest.timeout.connect(lambda: self._describe(moved=True))
        self._arrange()
        name_field(self.bar, "Progress")
        calm(self)
        self._connect()
        self.compute.show_values(vars(preferences()))
        self.reset_choices()
        self._state("idle")
        self._learn()

    def options(self) -> Options:
        """What the fields say."""
        boxes = (self.size_box, self.model, self.result, self.compute)
        return Options(**{name: value for box in boxes for name, value in box.values().items()})

    def show_options(self, changes: dict[str, Any]) -> None:
        """Show some or all options in the fields."""
        for box in (self.size_box, self.model, self.result, self.compute):
            box.show_values(changes)

    def reset_choices(self, event: Any = None) -> None:
        """Offer the layers that are there now; napari calls this when they change."""
        if not isalive(self):  # the viewer may outlive the widget, and calls until it is collected
            return
        from napari.layers import Image

        images = [layer for layer in self.viewer.layers if isinstance(layer, Image) and not self.live.owns(layer)]
        selection = self.viewer.layers.selection
        chosen = [layer for layer in self.viewer.layers if layer in selection and not self.live.owns(layer)]
        self.picture.show_layers(images, chosen)
        self._changed()

    def sources(self) -> list[Source]:
        """The chosen layers, checked.

        Raises
        ------
        BadValue, BadShape
            When there is none, or one of them cannot be enlarged.
        """
        layers = self.picture.layers()
        if not layers:
            raise BadValue("No layer is selected: select one or more image layers, or choose one here.")
        return [source_of(layer, *self.picture.axes()) for layer in layers]

    def requests(self) -> list[Request]:
        """What the fields ask for of every chosen layer."""
        options, sources = self.options(), self.sources()
        found = []
        for source in sources:
            with naming(source.name):  # the size of a pixel is in the first layer's unit
                own = options.in_unit(sources[0].unit, source.unit)
                found.append(request_of(source, own, self.viewer))
        return found

    def run(self, path: Path | None = None) -> None:
        """Start what the fields say, into `path` where a file is wanted; or go on after the question."""
        try:
            if self._asking:
                self.session.go_on()
                return
            requests = self.requests()
            if self.options().target.is_file and path is None:
                path = self._ask_path()
                if path is None:
                    return
            in_force()
            self.session.run(requests, path)
        except LinfError as error:
            self.say(str(error), True)

    def say(self, text: str, wrong: bool = False) -> None:
        """One sentence under the fields."""
        if self.message.text() == text:
            return
        self.message.setText(text)
        self.message.setStyleSheet("color: #e06c75;" if wrong else "")
        self.message.setVisible(bool(text))

    def changeEvent(self, event: QEvent) -> None:  # Qt's name
        """napari takes a closed dock out of its window and keeps it; what nobody can see or cancel is stopped."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.preview.setChecked(False)
            self.session.cancel()
        super().changeEvent(event)

    def _wanted(self) -> tuple[Source, Options]:
        source = self.sources()[0]
        return source, self.options().of_kind(source.photo)

    def _graph(self) -> dict[str, Any]:
        return graph_of(self.options().of_kind(self.model.photos[0]), self.sources)

    def _show_preset(self, load: dict[str, Any], upscale: dict[str, Any]) -> None:
        try:
            self.show_options(fields_of(load, upscale, self.sources))
        except LinfError as error:
            self.say(str(error), True)

    def _ask_path(self) -> Path | None:
        kind = _FILTERS[self.options().target]
        options = QFileDialog.Option.DontConfirmOverwrite  # the names are not yet those of the files: `Session` asks
        name, _ = QFileDialog.getSaveFileName(self, "Write the result to", "", kind, options=options)
        return Path(name) if name else None

    def _changed(self) -> None:
        """Say what the fields mean, and let the preview follow."""
        if self._asking:
            self.session.cancel()
        with contextlib.suppress(LinfError):  # said by what follows
            self.model.show_kinds(source.photo for source in self.sources())
        self._describe()
        self.live.follow()

    def _describe(self, moved: bool = False) -> None:
        """Sizes, time and memory of what is asked for, or what is wrong with it; only once the catalogue is here.
        Where only the view has `moved`, what was said stays."""
        if not self._ready or self.session.busy:
            return
        say = (lambda *_: None) if moved else self.say
        try:
            requests = self.requests()
        except LinfError as error:
            self.size_box.result.setText("")
            self.estimate.setText("")
            say(str(error), True)
            return
        say("")
        self.size_box.result.setText(sizes_text(requests[0]))
        seconds = self.session.seconds(requests)
        about = "" if seconds is None else f", about {time_text(seconds)}"
        self.estimate.setText(f"{memory_text(sum(r.nbytes for r in requests))}{about}")

    def _state(self, name: str) -> None:
        busy, self._asking = name == "busy", name in ("asking", "replacing")
        self.start.setText({"asking": "Start", "replacing": "Replace"}.get(name, "Run"))
        self.start.setEnabled(self._ready and not busy)
        self.stop.setEnabled(name != "idle")
        self.bar.setVisible(busy)
        if not busy:
            self.bar.reset()

    def _advance(self, done: int, total: int) -> None:
        self.bar.setRange(0, 1000 if total else 0)  # without a total the bar only moves
        self.bar.setValue(1000 * done // total if total else 0)

    def _learn(self) -> None:
        """Fetch help and choices in a thread: torch takes seconds to load."""
        self._learning = Worker(lambda _: facts(), self)
        self._learning.ended.connect(self._learned)
        self._learning.start()

    def _learned(self, found: Facts | Failed) -> None:
        if isinstance(found, Failed):
            self.say(found.text, True)
            return
        for box in (self.size_box, self.model, self.result, self.compute):
            box.explain(found.tips)
        self.model.show_models(found.models, found.learned)
        self.compute.show_choices(found.devices, found.precisions)
        self._ready = True
        self._state("busy" if self.session.busy else "idle")
        self._describe()

    def _calibrate(self) -> None:
        """Say in a while what the chosen model's uncertainty is worth."""
        if not (self._ready and self.result.deviation.isChecked()):
            self.result.say_calibration("")
            return
        o = self.options().of_kind(self.model.photos[0])
        self._reading = Worker(lambda _: calibration_text(o.model, o.prior, o.device, o.precision), self)
        self._reading.ended.connect(self._calibrated)
        self._reading.start()

    def _calibrated(self, found: str | Failed) -> None:
        self.result.say_calibration(found.text if isinstance(found, Failed) else found)

    def _connect(self) -> None:
        for box in (self.picture, self.size_box, self.model, self.result, self.compute):
            box.changed.connect(self._changed)
        self.result.deviation.toggled.connect(lambda _: self._calibrate())
        self.model.model.currentIndexChanged.connect(lambda _: self._calibrate())
        self.session.said.connect(self.say)
        self.session.state.connect(self._state)
        self.session.advanced.connect(self._advance)
        self.live.said.connect(self.say)
        self.live.gone.connect(lambda: self.preview.setChecked(False))
        self.presets.chosen.connect(self._show_preset)
        self.preview.toggled.connect(self.live.turn)
        self.start.clicked.connect(lambda: self.run())
        self.stop.clicked.connect(self.session.cancel)
        self.viewer.layers.selection.events.changed.connect(self.reset_choices)
        for event in (camera_of(self.viewer).events, self.viewer.dims.events.current_step):
            event.connect(self._moved)

    def _moved(self, event: Any = None) -> None:
        if isalive(self):
            self.live.follow()
            self._rest.start()

    def _arrange(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(2, 2, 8, 2)
        for box in (self.picture, self.size_box, self.model, self.result, self.compute, self.presets):
            column.addWidget(box)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 2)
        buttons.addWidget(self.stop, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 4, 4, 4)
        outer.addWidget(scroll, 1)
        for field in (self.preview, self.estimate, self.message, self.bar):
            outer.addWidget(field)
        outer.addLayout(buttons)
        self.setMinimumWidth(360)


def _text() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    return label
