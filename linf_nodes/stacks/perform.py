"""Run independent tasks on a pool: what may pass is tried again, what fails alone is set aside."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from time import monotonic
from typing import Any, Protocol, TypeVar

from ..errors import DamagedPart, LinfError, OutOfMemory, Unfinished

T = TypeVar("T")

RETRIES = 2  # of a task whose failure may pass: a worker that died, a file server that did not answer
AHEAD = 4096  # tasks that are handed out at once
LOOK = 1.0  # seconds between two looks at a pool from which nothing comes


class Pool(Protocol):
    """Where tasks run."""

    def share(self, value: Any) -> Any:
        """Make a value cheap to hand to many tasks."""

    def submit(self, task: Callable[..., Any], /, *args: Any) -> "Future[Any]": ...

    def idle(self, seconds: float) -> None:
        """Nothing has come for so many seconds: say what is waited for, or raise a `LinfError` if it is in vain."""

    def failure(self, error: BaseException) -> LinfError | None:
        """What an error of the pool's own means; None for errors of tasks."""


class Performance:
    """`task(shared, item)` for every item, in any order.

    A task must be safe to repeat: one that fails is tried again, unless the reason is one of our own errors. `finished`
    is called here with an item and what its task returned. What it raises, `Cancelled` say, ends the work: what waits
    is dropped, and what runs comes to its end first, unless the reason is an interrupt.

    Parameters
    ----------
    failed
        Called with an item whose part of the source is damaged: the others are done. None: the first one ends the work.
    """

    def __init__(
        self,
        task: Callable[[Any, Any], Any],
        shared: Any,
        finished: Callable[[Any, Any], None] | None,
        failed: Callable[[Any, DamagedPart], None] | None,
    ):
        self._task, self._shared = task, shared
        self._finished, self._failed = finished, failed

    def here(self, items: Iterable[Any]) -> None:
        """One by one in this thread."""
        for item in items:
            tries = 0
            while tries >= 0:
                try:
                    result = self._task(self._shared, item)
                except Exception as error:
                    tries = self._after(item, error, tries)
                else:
                    self._done(item, result)
                    break

    def on(self, pool: Pool, items: Iterable[Any]) -> None:
        """As many at once as the pool takes."""
        todo, value = iter(items), pool.share(self._shared)
        running: dict[Future[Any], tuple[Any, int]] = {}

        def start(item: Any, tries: int = 0) -> None:
            running[pool.submit(self._task, value, item)] = item, tries

        last = monotonic()
        try:
            for item in islice(todo, AHEAD):
                start(item)
            while running:
                done = wait(running, LOOK, FIRST_COMPLETED).done
                if not done:
                    pool.idle(monotonic() - last)
                for future in done:
                    last = monotonic()
                    item, tries = running.pop(future)
                    error = _error_of(future)
                    if error is None:
                        self._done(item, future.result())
                    else:
                        tries = self._after(item, pool.failure(error) or error, tries)
                    if error is not None and tries >= 0:
                        start(item, tries)
                    else:
                        for more in islice(todo, 1):
                            start(more)
        except Exception:
            wait([future for future in running if not future.cancel()], timeout=60)
            raise
        except BaseException:  # an interrupt: whoever waits for a block now waits in vain
            for future in running:
                future.cancel()
            raise

    def _done(self, item: Any, result: Any) -> None:
        if self._finished is not None:
            self._finished(item, result)

    def _after(self, item: Any, error: BaseException, tries: int) -> int:
        """The number of tries so far, if there is to be another; less than 0 if the item is set aside.

        Raises an error that a further try will not mend.
        """
        if isinstance(error, DamagedPart) and self._failed is not None:
            self._failed(item, error)
            return -1
        if isinstance(error, LinfError) or not isinstance(error, Exception):
            raise error
        if tries < RETRIES:
            return tries + 1
        if isinstance(error, MemoryError):
            raise OutOfMemory("a block does not fit into memory: use a smaller --tile, or fewer --workers") from error
        said = str(error).split("\n")[0]
        raise Unfinished(f"a block failed {RETRIES + 1} times, with {type(error).__name__}: {said:.200}") from error


def perform(
    task: Callable[[Any, T], Any],
    shared: Any,
    items: Iterable[T],
    pool: Pool | None = None,
    finished: Callable[[T, Any], None] | None = None,
    failed: Callable[[T, DamagedPart], None] | None = None,
) -> None:
    """Run `task(shared, item)` for every item: see `Performance`; without a pool here, one by one."""
    performance = Performance(task, shared, finished, failed)
    if pool is None:
        performance.here(items)
    else:
        performance.on(pool, items)


def _error_of(future: "Future[Any]") -> BaseException | None:
    try:
        return future.exception()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return error  # the pool has cancelled it
