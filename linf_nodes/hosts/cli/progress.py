"""A bar on the terminal, and lines where there is none."""

import sys
import time
from types import TracebackType
from typing import Any

from .console import say

EVERY = 30.0  # seconds between two lines


class Bar:
    """A progress callback that draws a bar on stderr, when the work lasts over a second; without a terminal, it says a
    line every half minute.
    """

    def __init__(self, title: str):
        self._title = title
        self._bar: Any = None
        self._said = time.monotonic()

    def __call__(self, done: int, total: int, preview: Any = None) -> None:
        if self._bar is None:
            if not sys.stderr.isatty():
                self._line(done, total)
                return
            from tqdm import tqdm

            self._bar = tqdm(desc=self._title, total=total, delay=1, leave=False, unit="", disable=False)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def _line(self, done: int, total: int) -> None:
        if time.monotonic() - self._said >= EVERY and done < total:
            self._said = time.monotonic()
            say(f"{self._title}: {done} of {total}")

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
