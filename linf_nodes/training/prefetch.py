"""The next batch is drawn while the present one trains."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Calls `draw(k + 1)` in a background thread after `draw(k)` was taken; a context manager.

    Every batch is drawn in that thread and depends on k alone, so that the results are those without it.
    """

    def __init__(self, draw: Callable[[int], T]):
        self._draw = draw
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="linf-batch")
        self._next: tuple[int, Future[T]] | None = None

    def __call__(self, step: int) -> T:
        """Batch number `step`."""
        ahead = self._next
        future = ahead[1] if ahead is not None and ahead[0] == step else self._pool.submit(self._draw, step)
        batch = future.result()
        self._next = step + 1, self._pool.submit(self._draw, step + 1)
        return batch

    def __enter__(self) -> "Prefetch[T]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
