"""One run of the widget at a time: estimate, ask, work, show, tell."""

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]  # qtpy has them at run time

from ....errors import LinfError
from ....memory import memory_text
from ..budget import ASK_ABOVE, time_text
from ..layers import results as outputs
from ..layers.computation import Result, enlarge, lazy, seconds_per_pixel
from ..layers.failures import Failures
from ..layers.options import Target
from ..layers.request import Request, check_requests
from ..layers.result_files import File, check_files, in_the_way, listed, lost_in, opened, said_of, written
from ..worker import Failed, Worker

_LOG = logging.getLogger(__name__)

MEASURED_ABOVE = 1 << 18  # result pixels: loading the model is most of a smaller run
MEASURE_ABOVE = 4 << 20  # result pixels: a smaller run is over before anybody would ask how long it takes


class Session(QObject):
    """Runs requests in a thread and adds their results in this one.

    `said(text, wrong)` is one sentence for the user; `state(name)` is `idle`, `asking`, `replacing` or `busy`;
    `advanced(done, total)` how far the work is.
    """

    said = Signal(str, bool)
    state = Signal(str)
    advanced = Signal(int, int)

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._job: Worker | None = None
        self._asked: Callable[[], None] | None = None
        self._pace: dict[tuple[str, ...], float] = {}
        self._began = 0.0
        self._device = ""

    @property
    def busy(self) -> bool:
        return self._job is not None

    def run(self, requests: list[Request], path: Path | None = None) -> None:
        """Start; but where files would be replaced or the run would be long, say so and wait for `go_on`.

        Raises
        ------
        BadValue
            When the result would fit neither into memory nor on the disk.
        """
        self._asked = None
        check_requests(requests)
        check_files(requests, path)
        if there := in_the_way(requests, path):
            verb = "is" if len(there) == 1 else "are"
            text = f"{listed(there)} {verb} in {there[0].parent} already: press Replace, or choose another name."
            self._ask(text, "replacing", lambda: self._look_ahead(requests, path))
        else:
            self._look_ahead(requests, path)

    def go_on(self) -> None:
        """Start what was asked about."""
        asked, self._asked = self._asked, None
        if asked is not None:
            asked()

    def cancel(self) -> None:
        """Stop what runs, or forget what was asked about."""
        if self._job is not None:
            self._job.cancel()
            self.said.emit("Stopping after this block...", False)
        elif self._asked is not None:
            self._asked = None
            self.said.emit("", False)
            self.state.emit("idle")

    def seconds(self, requests: list[Request]) -> float | None:
        """How long a run would take, where such a run was timed before."""
        pace = self._pace_of(requests)
        return None if pace is None else pace * sum(r.pixels for r in requests)

    def _look_ahead(self, requests: list[Request], path: Path | None) -> None:
        """Start, or find out first how long it takes."""
        if requests[0].options.target is Target.LAZY or sum(r.pixels for r in requests) < MEASURE_ABOVE:
            self._start(requests, path)
        elif self._pace_of(requests) is None:
            self.said.emit("Measuring how long it will take...", False)
            self._work(lambda job: seconds_per_pixel(requests[0]), lambda pace: self._measured(requests, path, pace))
        else:
            self._weigh(requests, path)

    def _measured(self, requests: list[Request], path: Path | None, pace: float) -> None:
        self._pace[_kind(requests[0])] = pace
        self._weigh(requests, path)

    def _weigh(self, requests: list[Request], path: Path | None) -> None:
        seconds = self.seconds(requests) or 0.0
        if seconds < ASK_ABOVE:
            self._start(requests, path)
            return
        size = memory_text(sum(r.nbytes for r in requests))
        text = f"This takes about {time_text(seconds)} and {size} {'on disk' if path else 'of memory'}"
        self._ask(f"{text}: press Start to go on.", "asking", lambda: self._start(requests, path))

    def _ask(self, text: str, state: str, then: Callable[[], None]) -> None:
        self._asked = then
        self.said.emit(text, False)
        self.state.emit(state)

    def _start(self, requests: list[Request], path: Path | None) -> None:
        self._began = time.monotonic()
        self.said.emit("Working...", False)
        self._work(lambda job: _perform(requests, path, job), lambda done: self._done(requests, path, *done))

    def _work(self, work: Callable[[Worker], Any], then: Callable[[Any], None]) -> None:
        job = Worker(work, self)
        job.advanced.connect(self.advanced)
        job.made.connect(self._show)
        job.said.connect(lambda text: self.said.emit(text, True))
        job.ended.connect(lambda value: self._ended(value, then))
        self._job = job
        self.state.emit("busy")
        job.start()

    def _show(self, result: Result) -> None:
        self._device = str(result.recipe.get("device", ""))
        outputs.show(self._viewer, result)

    def _ended(self, value: Any, then: Callable[[Any], None]) -> None:
        if not isalive(self):  # the viewer was closed
            return
        self._job = None
        self.state.emit("idle")
        if isinstance(value, Failed):
            self.said.emit(value.text, not value.by_user)
            return
        try:
            then(value)
        except Exception as error:  # else the last word would be "Working..." for ever
            _LOG.error("A result could not be shown.\n%s", traceback.format_exc())
            reason = str(error) if isinstance(error, LinfError) else f"{type(error).__name__}: {error}"
            self.said.emit(f"The work is done, but its result cannot be shown: {reason}", True)

    def _done(self, requests: list[Request], path: Path | None, done: int | list[File], failed: str) -> None:
        seconds = time.monotonic() - self._began
        pixels = sum(r.pixels for r in requests)
        if requests[0].options.target is not Target.LAZY and pixels > MEASURED_ABOVE and not failed:
            self._pace[_kind(requests[0])] = seconds / pixels
        if isinstance(done, list):
            for result in opened(done):
                self._show(result)
        where = f" on {self._device}" if self._device else ""
        text = said_of(done) if isinstance(done, list) else f"Done: {_layers(done)}"
        text = f"{text} in {time_text(seconds)}{where}. {lost_in(requests, path)}".strip()
        gone = [r.source.name for r in requests if r.source.layer not in self._viewer.layers]
        if gone:
            text += f" '{gone[0]}' was removed meanwhile; its result was kept."
        self.said.emit(f"{text} {failed}".strip(), bool(failed))

    def _pace_of(self, requests: list[Request]) -> float | None:
        return self._pace.get(_kind(requests[0])) if requests else None


def _perform(requests: list[Request], path: Path | None, job: Worker) -> tuple[int | list[File], str]:
    """The work itself, in its thread; returns the files, or how many results there are, and what failed."""
    failures = Failures(requests)
    done: int | list[File] = 0
    if path is not None:
        done = written(requests, path, job.report, failures)
    elif requests[0].options.target is Target.LAZY:
        done = _made(lazy(requests, job.say, failures), job)
    else:
        done = _made(enlarge(requests, job.report, failures), job)
    failures.check()
    return done, failures.text()


def _made(found: Iterator[Result], job: Worker) -> int:
    count = 0
    for result in found:
        job.made.emit(result)
        count += 1
    return count


def _kind(request: Request) -> tuple[str, ...]:
    """What decides the time per pixel, by and large."""
    o = request.options
    return o.model, o.prior, o.latent, o.device, o.precision, str(o.passes)


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"
