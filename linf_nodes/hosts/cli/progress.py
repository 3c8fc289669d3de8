"""A bar on the terminal."""

import sys
from types import TracebackType
from typing import Any


class Bar:
    """A progress callback that draws a bar on stderr: on a terminal only, and when the work lasts over a second."""

    def __init__(self, title: str):
        self._title = title
        self._bar: Any = None

    def __call__(self, done: int, total: int, preview: Any = None) -> None:
        if self._bar is None:
            if not sys.stderr.isatty():
                return
            from tqdm import tqdm

            self._bar = tqdm(desc=self._title, total=total, delay=1, leave=False, unit="", disable=False)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
