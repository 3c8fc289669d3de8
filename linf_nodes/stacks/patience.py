"""A dask cluster that is waited for: what for, said in time, and when it is in vain."""

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import BadValue, LinfError, OutOfMemory

Say = Callable[[str], None]

SOON = 10.0  # seconds after which it is said what is waited for
AGAIN = 60.0  # seconds after which the same is said again
IN_VAIN = 30.0  # seconds that all workers may be paused for memory while none computes


class Patience:
    """Says what a cluster is waited for."""

    def __init__(self, client: Any, say: Say | None):
        self._client, self._say = client, say
        self._said: tuple[float, str] = (0.0, "")

    def idle(self, seconds: float) -> None:
        """Nothing has come for so many seconds.

        Raises
        ------
        LinfError
            When waiting is in vain: the scheduler is gone, or every worker is paused for memory.
        """
        if seconds < SOON:
            self._said = (0.0, "")
            return
        workers = self.workers()
        paused = [w for w in workers.values() if w.get("status") == "paused"]
        if workers and len(paused) == len(workers):
            if seconds >= IN_VAIN and not any(_computes(w) for w in workers.values()):
                raise OutOfMemory(
                    f"every worker is paused, for its memory is full ({_limit(paused[0])}): start workers with a "
                    f"larger --memory-limit"
                )
            self._tell(seconds, "waiting for workers that are paused, for their memory is full")
        elif not workers:
            self._tell(seconds, f"waiting for workers: none is connected to {self._address()}")
        elif any(_computes(w) for w in workers.values()):
            self._tell(seconds, f"waiting for blocks, which {len(workers)} workers are computing")
        else:
            self._tell(seconds, f"waiting for {len(workers)} workers that have not begun")

    def workers(self) -> Mapping[str, Any]:
        """What the scheduler last said of its workers; raises `BadValue` when the connection is lost."""
        if self._client.status != "running":
            raise lost(self._address())
        try:
            found: Mapping[str, Any] = self._client.scheduler_info()["workers"]
        except Exception as error:
            raise lost(self._address()) from error
        return found

    def _address(self) -> str:
        scheduler = self._client.scheduler
        return str(scheduler.address) if scheduler is not None else "the scheduler"

    def _tell(self, seconds: float, text: str) -> None:
        at, before = self._said
        if self._say is not None and (text != before or seconds - at >= AGAIN):
            self._say(text)
            self._said = seconds, text


def failure(error: BaseException, address: str) -> LinfError | None:
    """What an error of dask's own means; None for errors of tasks."""
    kind = type(error).__name__
    if kind == "KilledWorker":
        return OutOfMemory(
            "workers died again and again over one block, most often for want of memory: start workers with a larger "
            "--memory-limit, or use a smaller --tile"
        )
    if kind in ("CancelledError", "FutureCancelledError", "CommClosedError", "ClosedClientError"):
        return lost(address)
    if isinstance(error, ImportError):
        return BadValue(f"a worker lacks a package ({error}): install linf-nodes and what it needs there")
    return None


def lost(address: str) -> BadValue:
    return BadValue(f"the connection to the dask scheduler {address} is lost: see whether it still runs")


def _computes(worker: Mapping[str, Any]) -> bool:
    return bool(worker.get("metrics", {}).get("task_counts", {}).get("executing"))


def _limit(worker: Mapping[str, Any]) -> str:
    limit = worker.get("memory_limit")
    return f"of {limit / 1e6:.0f} MB" if limit else "as the system says"
