"""Work in a thread, which says how far it is, can be stopped, and fails by value.

napari's own workers swallow a `RuntimeError` out of a generator, as almost every error of torch is, and answer any
other error with a `TypeError` of their own. So the work is a plain function here, and its failure is what it returns.
"""

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]  # qtpy has them at run time

from ...errors import Cancelled, LinfError

_LOG = logging.getLogger(__name__)
_EVERY = 0.05  # seconds between two reports: more would only keep the window busy

Work = Callable[["Worker"], Any]


@dataclass(frozen=True)
class Failed:
    """What stopped a job, in a sentence; not the exception itself, which would keep the job's arrays in memory."""

    text: str
    by_user: bool = False


class Worker(QObject):
    """One piece of work in one thread; it is cancelled when its owner goes.

    Its signals arrive in the thread that made it, the window's.
    `advanced(done, total)`, `said(text)`, `made(value)` for results that are ready before the end, and last
    `ended(value)` with what the work returned or with `Failed`.
    """

    advanced = Signal(int, int)
    made = Signal(object)
    said = Signal(str)
    ended = Signal(object)

    def __init__(self, work: Work, owner: QObject | None = None) -> None:
        super().__init__()
        if owner is not None:
            owner.destroyed.connect(self.cancel)
        self._work: Work | None = work
        self._cancelled = False
        self._reported = 0.0
        self._worker: Any = None

    def start(self) -> None:
        from napari.qt.threading import create_worker

        self._worker = create_worker(self._run, _start_thread=False)
        self._worker.finished.connect(self._forget)
        _RUNNING.add(self)
        self._worker.start()

    def cancel(self, _: Any = None) -> None:
        """Stop at the next report."""
        self._cancelled = True

    def say(self, text: str) -> None:
        """Tell the user something, from any thread, after the end too."""
        if isalive(self):
            self.said.emit(text)

    def report(self, done: int, total: int, preview: Any = None) -> None:
        """Say how far the work is; called from its thread.

        Raises
        ------
        Cancelled
            When the user, or napari on its way out, wants it to stop.
        """
        if self._cancelled or (self._worker is not None and self._worker.abort_requested):
            raise Cancelled("Stopped.")
        now = time.monotonic()
        if done >= total or now - self._reported > _EVERY:
            self._reported = now
            self.advanced.emit(done, total)

    def _run(self) -> None:
        work, self._work = self._work, None  # what it holds is given back when it ends
        if work is not None:
            self.ended.emit(_outcome(work, self))

    def _forget(self) -> None:
        self._worker = None
        _RUNNING.discard(self)


_RUNNING: set[Worker] = set()  # else the last reference could go in the other thread, and Qt's object with it


def sentence(error: Exception) -> str:
    """What a failure is called; of one that nobody foresaw the log keeps more."""
    if isinstance(error, LinfError):
        return str(error)
    from ...pipeline.device import is_out_of_memory

    if is_out_of_memory(error):
        return "There is not enough memory: choose a smaller tile, or the current view."
    _LOG.error("A job failed.\n%s", traceback.format_exc())  # as text: see Failed
    return f"The work stopped with {type(error).__name__}: {error}"


def _outcome(work: Work, job: Worker) -> Any:
    import torch

    try:
        with torch.inference_mode():  # holds for one thread only
            job.report(0, 0)
            return work(job)
    except Cancelled:
        return Failed("Stopped.", by_user=True)
    except Exception as error:
        return Failed(sentence(error))
    finally:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
