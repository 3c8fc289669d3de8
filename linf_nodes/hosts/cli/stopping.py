"""Ctrl-C, and SIGTERM as batch systems send it: both stop the work in order, once."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALLED = 128  # what shells add to the number of a signal
_SOON = 0.05  # seconds


class Stopped(KeyboardInterrupt):
    """A signal has come; `status` is the exit status that shells expect then."""

    def __init__(self, number: int):
        super().__init__()
        self.status = _SIGNALLED + number


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn the first signal into `Stopped`, and let no further one disturb the clearing up.

    Where Python swallows what is raised, while an object is deleted say, it is raised again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    stopped, unraisable = False, sys.unraisablehook

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            raise Stopped(number)

    def swallowed(found: "sys.UnraisableHookArgs") -> None:
        nonlocal stopped
        if not isinstance(found.exc_value, Stopped):
            unraisable(found)
            return
        stopped = False
        again = threading.Timer(_SOON, _send, (found.exc_value.status - _SIGNALLED,))
        again.daemon = True
        again.start()

    for each in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(each) is not signal.SIG_IGN:
            before[each] = signal.signal(each, stop)
    sys.unraisablehook = swallowed
    try:
        yield
    finally:
        sys.unraisablehook = unraisable
        for number, handler in before.items():  # once stopped, the process ends, and no further one disturbs that
            signal.signal(number, signal.SIG_IGN if stopped else handler)


def _send(number: int) -> None:
    """Send a signal to the main thread, also where it waits for something."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)
