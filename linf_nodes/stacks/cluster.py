"""Where tasks run: threads, processes of this machine, or a dask cluster."""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

from ..errors import BadValue, LinfError
from .patience import Patience, Say, failure, lost
from .perform import Pool
from .questions import ask_versions
from .versions import Versions, versions_here

__all__ = ["Cluster", "Local", "Pool", "cluster_at", "local_cluster", "threads", "versions_of"]


_LOUD = ("distributed", "asyncio", "tornado")


class Local:
    """Threads or processes of this machine, by the standard library."""

    def __init__(self, executor: Executor):
        self._executor = executor

    def share(self, value: Any) -> Any:
        return value

    def submit(self, task: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        return self._executor.submit(task, *args)

    def idle(self, seconds: float) -> None:
        """Threads need no reason to take their time."""

    def failure(self, error: BaseException) -> LinfError | None:
        return None


class Cluster:
    """The workers of a dask client. `resources` are those that a task takes, `{"GPU": 1}` say."""

    def __init__(self, client: Any, resources: dict[str, float] | None = None, say: Say | None = None):
        options = {"resources": resources} if resources else {}
        self._client = client
        self._executor = client.get_executor(pure=False, **options)
        self._patience = Patience(client, say)

    def share(self, value: Any) -> Any:
        # a task, not scattered data: the scheduler can make it again when the worker that holds it dies
        with self._in_a_sentence():
            return self._client.submit(_itself, value, pure=False)

    def submit(self, task: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        with self._in_a_sentence():
            future: Future[Any] = self._executor.submit(task, *args)
            return future

    def idle(self, seconds: float) -> None:
        """Say what is waited for; raises a `LinfError` when it is in vain."""
        self._patience.idle(seconds)

    def failure(self, error: BaseException) -> LinfError | None:
        scheduler = self._client.scheduler
        address = "" if scheduler is None else str(scheduler.address)
        found = failure(error, address)
        gone = self._client.status != "running" and not isinstance(error, LinfError)
        return lost(address) if found is None and gone else found

    def versions(self, device: str) -> Versions:
        """What the bits of blocks depend on here, the same on all workers; waits for a first worker.

        Raises
        ------
        BadValue
            When a worker or the scheduler lacks linf-nodes, or versions differ.
        """
        start = time.monotonic()
        while not self._patience.workers():
            self.idle(time.monotonic() - start)
            time.sleep(0.2)
        with self._in_a_sentence():
            return ask_versions(self._client, device)

    @contextmanager
    def _in_a_sentence(self) -> Iterator[None]:
        try:
            yield
        except LinfError:
            raise
        except Exception as error:
            raise (self.failure(error) or error) from error


def versions_of(pool: Pool | None, device: str) -> Versions:
    """What the bits of blocks depend on, wherever the pool computes them; raises `BadValue` where they differ."""
    return pool.versions(device) if isinstance(pool, Cluster) else versions_here(device)


@contextmanager
def local_cluster(workers: int, threads: int, say: Say | None = None) -> Iterator[Cluster]:
    """A dask cluster of processes on this machine, for as long as the block lasts; raises `BadValue` without dask's."""
    client_type = _client_type()
    from dask import config

    from .own_cluster import own_cluster

    count = {"distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": str(threads)}
    with _hushed(), config.set(count), _interrupts_held():
        cluster = own_cluster(workers)
    with _hushed(), config.set(count), cluster, client_type(cluster) as client:
        yield Cluster(client, say=say)


@contextmanager
def cluster_at(address: str, say: Say | None = None) -> Iterator[Cluster]:
    """The cluster whose scheduler listens at an address, tcp://10.0.0.5:8786 say; raises `BadValue` if none does."""
    with _hushed():
        try:
            client = _client_type()(address, timeout=20)
        except (OSError, ValueError) as error:
            raise BadValue(f"No dask scheduler answers at {address!r}: check the address, or use --workers.") from error
        with client:
            yield Cluster(client, say=say)


@contextmanager
def threads(count: int) -> Iterator[Local]:
    """Threads of this process."""
    with ThreadPoolExecutor(count, "linf") as executor:
        yield Local(executor)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep dask's own logs back: what they tell in many lines is said in one."""
    _client_type()  # dask gives levels to some of its logs
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _LOUD]
    logs = [logging.getLogger(name) for name in (*_LOUD, *names)]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: it is this process that stops them, quietly."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    _start_tracker()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_tracker() -> None:
    """Start the process of multiprocessing's that tidies up after others: later it would let interrupts through again.

    It remarks on every semaphore of a worker that was stopped, which is no news.
    """
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        resource_tracker.ensure_running()
    finally:
        os.environ.pop("PYTHONWARNINGS")
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


def _itself(value: Any) -> Any:
    return value


def _client_type() -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise BadValue('dask.distributed is not installed: pip install "linf-nodes[zarr]".') from error
    return Client
