"""The preview: a layer over the current view that follows the fields."""

import contextlib
import math
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]  # qtpy has them at run time

from ....errors import LinfError
from ..layers.computation import axes_of, volume_of
from ..layers.options import Options, Scope, Target
from ..layers.placement import Place, looks, transform
from ..layers.request import Request, request_of, start_of
from ..layers.results import selection_kept
from ..layers.source import Source
from ..worker import Failed, Worker
from .preview import MOST, Held, hold

NAME = "LINF preview"
REST = 250  # ms without a change before the network is asked again

_PIXELS = ("data", "set_data", "scale", "translate", "rotate", "shear", "affine")
_LOOKS = ("contrast_limits", "gamma", "colormap", "opacity", "blending", "interpolation2d")

Wanted = Callable[[], tuple[Source, Options]]


class Live(QObject):
    """Keeps a preview layer up to date with the fields, the view, and the source's pixels and looks.

    Temperature and strength are redrawn from what is held, without the network; anything else is computed in a thread
    once the fields and the view have come to rest.

    Parameters
    ----------
    wanted
        Gives the source and the options of this moment; it may raise `LinfError`.
    """

    said = Signal(str, bool)
    gone = Signal()

    def __init__(self, viewer: Any, wanted: Wanted, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._wanted = viewer, wanted
        self._on = False
        self._held: Held | None = None
        self._key: Any = None
        self._layer: Any = None
        self._of: tuple[Any, ...] = ()  # the layers that what is shown, and what is computed, is of
        self._watched: Any = None
        self._job: Worker | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(self._compute)
        viewer.layers.events.removed.connect(self._removed)

    def turn(self, on: bool) -> None:
        """Begin, or end and remove the layer."""
        self._on = on
        if on:
            self.follow()
            return
        self._watch(None)
        self._clear()

    def owns(self, layer: Any) -> bool:
        """Whether a layer is the preview, which is no layer to be enlarged."""
        return bool(layer.metadata.get(NAME))

    def follow(self) -> None:
        """A field, the view or the plane has changed."""
        if not self._on:
            return
        with contextlib.suppress(LinfError):  # said when the preview is computed
            source, options = self._wanted()
            self._watch(source.layer)
            if self._held is not None and _decides(source, options) == self._key[:2]:
                self._redraw(options)
        self._timer.start()

    def _compute(self) -> None:
        try:
            source, options = self._wanted()
            request = self._request(source, options)
        except LinfError as error:
            self._clear()  # what is left would be of something else
            self.said.emit(str(error), True)
            return
        if request.view is None or request.index is None:
            return
        key = (*_decides(source, options), request.index, request.view, _lies(source.layer), _stamp(request))
        if key == self._key and self._held is not None:
            return
        self._stop()
        self._of = (*self._of[-1:], source.layer)
        view, index = request.view, request.index
        self._job = job = Worker(lambda _: hold(volume_of(request), index, view), self)
        job.ended.connect(lambda value: self._arrived(job, value, request, key))
        job.start()

    def _request(self, source: Source, options: Options) -> Request:
        """The middle of the view, where the view is larger than what is held."""
        only = replace(options, scope=Scope.VIEW, target=Target.LAYER, samples=1, mean=False, uncertainty=False)
        request = request_of(source, only, self._viewer)
        if request.view is None:
            return request
        view = request.view.middle(MOST)
        place = Place.of(source.ndim, (source.y, source.x), request.ratio, start_of(source, request.index, view))
        return replace(request, view=view, placed=transform(source.layer, place))

    def _arrived(self, job: Worker, value: Any, request: Request, key: Any) -> None:
        if not isalive(self) or job is not self._job:
            return
        self._job = None
        if isinstance(value, Failed):
            self.said.emit(value.text, not value.by_user)
            return
        self._held, self._key = value, key
        with contextlib.suppress(LinfError):
            self._show(value.shown(value.amount(self._wanted()[1])), request)

    def _redraw(self, options: Options) -> None:
        if self._held is not None and self._layer is not None and self._layer in self._viewer.layers:
            self._layer.data = self._held.shown(self._held.amount(options))

    def _show(self, data: Any, request: Request) -> None:
        """A new layer for every rectangle: placing an old one anew would draw it several times on the way."""
        old = self._layer
        with selection_kept(self._viewer):
            self._layer = self._viewer.add_image(data, **self._options(request))
            self._of = (request.source.layer,)
            if old is not None and old in self._viewer.layers:
                self._viewer.layers.remove(old)

    def _options(self, request: Request) -> dict[str, Any]:
        return {"name": NAME, "metadata": {NAME: True}, **looks(request.source.layer), **request.placed}

    def _watch(self, layer: Any) -> None:
        """Follow a layer's pixels, place and looks, and no other's; None: nobody's."""
        if layer is self._watched or (layer is not None and layer == self._watched):
            return
        for watched, join in ((self._watched, "disconnect"), (layer, "connect")):
            if watched is None:
                continue
            for name in (*_PIXELS, *_LOOKS):
                getattr(getattr(watched.events, name), join)(self._renewed if name in _PIXELS else self._dress)
        self._watched = layer

    def _renewed(self, event: Any = None) -> None:
        """The source has other pixels, or lies elsewhere."""
        if self._on and isalive(self):
            self._timer.start()

    def _dress(self, event: Any = None) -> None:
        """The source looks different."""
        if isalive(self) and self._layer is not None and self._layer in self._viewer.layers:
            for name, value in looks(self._watched).items():
                if name != "rgb":
                    setattr(self._layer, name, value)

    def _removed(self, event: Any) -> None:
        """The preview goes with its source: vispy crashes where a 3-D layer goes and the last one follows later."""
        if not (isalive(self) and self._on):
            return
        if self._layer is not None and event.value == self._layer:
            self._layer = None
            self.gone.emit()
        elif (
            event.value in self._of and self._layer not in self._viewer.layers.selection
        ):  # else both are being removed
            self._clear()

    def _clear(self) -> None:
        """Forget what is held and remove the layer."""
        self._stop()
        self._held = self._key = None
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _stop(self) -> None:
        self._timer.stop()
        if self._job is not None:
            self._job.cancel()
            self._job = None


def _lies(layer: Any) -> str:
    """Where a layer lies, as something to compare."""
    parts = (layer.scale, layer.translate, layer.rotate, layer.shear, layer.affine.affine_matrix)
    return repr([np.asarray(part).tolist() for part in parts])


def _stamp(request: Request) -> int:
    """A number of the pixels in view, where they are in memory: they may change in place."""
    source, view = request.source, request.view
    if source.large or view is None or request.index is None:
        return 0
    rows = slice(int(view.top * request.ratio[0]), math.ceil(view.bottom * request.ratio[0]))
    cols = slice(int(view.left * request.ratio[1]), math.ceil(view.right * request.ratio[1]))
    window = source.data[axes_of(source).where(request.index, rows, cols)]
    return zlib.crc32(np.ascontiguousarray(window).tobytes())


def _decides(source: Source, options: Options) -> tuple[Any, ...]:
    """What the held parts depend on beside the view; the amounts are left out.

    Whether the temperature is automatic counts where it chooses between learned and drawn detail.
    """
    automatic = options.auto_temperature or options.latent != "auto"
    still = replace(
        options, temperature=0.5, auto_temperature=automatic, strength=1.0, mean=False, samples=1, uncertainty=False
    )
    return id(source.data), replace(still, scope=Scope.VIEW, target=Target.LAYER)
