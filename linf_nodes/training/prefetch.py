"""Batches one after the other: beside a GPU the next one is drawn while the present one trains."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Gives `draw(k)`, which depends on k alone; a context manager.

    Parameters
    ----------
    ahead
        Draw `k + 1` in a background thread after `k` was taken. On a CPU that is no gain: a second thread brings an
        OpenMP team of its own, which spins against the first, and a step takes half as long again.
    """

    def __init__(self, draw: Callable[[int], T], ahead: bool = True):
        self._draw = draw
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="linf-batch") if ahead else None
        self._next: tuple[int, Future[T]] | None = None

    def __call__(self, step: int) -> T:
        """Batch number `step`."""
        if self._pool is None:
            return self._draw(step)
        known = self._next
        future = known[1] if known is not None and known[0] == step else self._pool.submit(self._draw, step)
        batch = future.result()
        self._next = step + 1, self._pool.submit(self._draw, step + 1)
        return batch

    def __enter__(self) -> "Prefetch[T]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
