"""Run independent tasks one by one, on threads, on processes, or on a dask cluster."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol, TypeVar

from ..errors import BadValue, LinfError

T = TypeVar("T")

RETRIES = 2  # of a task whose failure may pass: a worker that died, a file server that did not answer
AHEAD = 4096  # tasks that are handed out at once


class Pool(Protocol):
    """Where tasks run: `share` makes a value cheap to hand to many of them."""

    def share(self, value: Any) -> Any: ...

    def submit(self, task: Callable[..., Any], /, *args: Any) -> "Future[Any]": ...


class Local:
    """Threads or processes of this machine, by the standard library."""

    def __init__(self, executor: Executor):
        self._executor = executor

    def share(self, value: Any) -> Any:
        return value

    def submit(self, task: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        return self._executor.submit(task, *args)


class Cluster:
    """The workers of a dask client. `resources` are those that a task takes, `{"GPU": 1}` say."""

    def __init__(self, client: Any, resources: dict[str, float] | None = None):
        options = {"resources": resources} if resources else {}
        self._client = client
        self._executor = client.get_executor(pure=False, **options)

    def share(self, value: Any) -> Any:
        # a task, not scattered data: the scheduler can make it again when the worker that holds it dies
        return self._client.submit(_itself, value, pure=False)

    def submit(self, task: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        future: Future[Any] = self._executor.submit(task, *args)
        return future


@contextmanager
def local_cluster(workers: int, threads: int) -> Iterator[Cluster]:
    """A dask cluster of processes on this machine, for as long as the block lasts; raises `BadValue` without dask's."""
    client_type = _client_type()
    from dask import config

    from .own_cluster import own_cluster

    count = {"distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": str(threads)}
    with config.set(count), own_cluster(workers) as cluster, client_type(cluster) as client:
        yield Cluster(client)


@contextmanager
def cluster_at(address: str) -> Iterator[Cluster]:
    """The cluster whose scheduler listens at an address, tcp://10.0.0.5:8786 say; raises `BadValue` if none does."""
    try:
        client = _client_type()(address, timeout=20)
    except (OSError, ValueError) as error:
        raise BadValue(f"No dask scheduler answers at {address!r}: check the address, or use --workers.") from error
    with client:
        yield Cluster(client)


@contextmanager
def threads(count: int) -> Iterator[Local]:
    """Threads of this process."""
    with ThreadPoolExecutor(count, "linf") as executor:
        yield Local(executor)


def perform(
    task: Callable[[Any, T], object],
    shared: Any,
    items: Iterable[T],
    pool: Pool | None = None,
    finished: Callable[[T], None] | None = None,
) -> None:
    """Run `task(shared, item)` for every item, in any order; `finished(item)` is called here, after each.

    A task must be safe to repeat: one that fails is tried again, unless the reason is one of our own errors. What
    `finished` raises, `Cancelled` say, ends the work: what waits is dropped, what runs comes to its end first.

    Parameters
    ----------
    pool
        Where to run; None: here, one by one.
    """
    todo = iter(items)
    if pool is None:
        for item in todo:
            _insist(task, shared, item)
            if finished is not None:
                finished(item)
        return
    value = pool.share(shared)
    running: dict[Future[Any], tuple[T, int]] = {}

    def start(item: T, tries: int = 0) -> None:
        running[pool.submit(task, value, item)] = item, tries

    try:
        for item in islice(todo, AHEAD):
            start(item)
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item, tries = running.pop(future)
                error = future.exception()
                if error is None and finished is not None:
                    finished(item)
                elif error is not None:
                    _passing(error, tries)
                    start(item, tries + 1)
                for more in islice(todo, 1 if error is None else 0):
                    start(more)
    finally:
        wait([future for future in running if not future.cancel()])


def _insist(task: Callable[[Any, T], object], shared: Any, item: T) -> None:
    for tries in range(RETRIES + 1):
        try:
            task(shared, item)
            return
        except Exception as error:
            _passing(error, tries)


def _passing(error: BaseException, tries: int) -> None:
    """Raise an error again that a further try will not mend."""
    if isinstance(error, LinfError) or not isinstance(error, Exception) or tries >= RETRIES:
        raise error


def _itself(value: Any) -> Any:
    return value


def _client_type() -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise BadValue('dask.distributed is not installed: pip install "linf-nodes[zarr]".') from error
    return Client
