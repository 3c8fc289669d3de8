"""One owner for each result: a second run into the same file or folder is refused, a dead one is recognised."""

import json
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..atomic import refusal
from ..errors import BadValue
from .location import is_url, place
from .process import lives, this_process

BEAT = 15.0  # seconds between signs of life, which are the lock's time of modification
DEAD = 120.0  # seconds without one, after which the owner on another machine is taken for dead


class Owner:
    """Holds the lock of a result, a file beside it. `token` names this run."""

    def __init__(self, target: Path):
        self.target, self.token = target, uuid.uuid4().hex
        self.lock = target.with_name(f".{target.name}.linf-lock")
        self._content = json.dumps({"token": self.token, **this_process()}).encode()
        self._ended, self._lost = threading.Event(), False

    def check(self) -> None:
        """Raises `BadValue` when another run has taken over: this one was asleep too long."""
        if self._lost:
            raise taken_over(self.target)

    def takes(self) -> bool:
        """Make the lock; False where there is one."""
        try:
            with self.lock.open("xb") as stream:
                stream.write(self._content)
        except FileExistsError:
            return False
        except OSError:
            with suppress(OSError):
                if token_in(self.lock) == "":  # made, but the disk is full
                    self.lock.unlink()
            raise
        return True

    def beat(self) -> None:
        """Give signs of life until the end."""
        while not self._ended.wait(BEAT):
            with suppress(Exception):  # a disk or server that blinks: the next sign may come through
                if token_in(self.lock) != self.token:
                    self._lost = True
                    return
                if is_url(self.lock):
                    self.lock.write_bytes(self._content)
                else:
                    os.utime(self.lock)

    def release(self) -> None:
        self._ended.set()
        with suppress(Exception):  # where nothing answers, the lock is known for that of a dead run later
            if token_in(self.lock) == self.token:
                self.lock.unlink()


@contextmanager
def owned(path: str | os.PathLike[str]) -> Iterator[Owner]:
    """Own a result for as long as the block lasts.

    The lock is made so that only one run can make it, on network file systems and S3 too. It names the process that
    made it. On the same machine that process is looked for; on another its signs of life are. Of two runs that take the
    lock of a dead one at the same moment, one finds the token of the other in it, and stops.

    Raises
    ------
    BadValue
        When another run owns the result, or the folder cannot be written to.
    """
    owner = Owner(place(path) if is_url(path) else Path(os.path.realpath(path)))
    try:
        while not owner.takes():
            _give_way(owner.lock, path)
    except OSError as error:
        raise refusal(path, error) from error
    threading.Thread(target=owner.beat, name="linf-lock", daemon=True).start()
    try:
        yield owner
    finally:
        owner.release()


def token_in(lock: Path) -> str:
    """The token of the run that owns a result, "" where there is none to be read; raises `OSError` without a lock."""
    return str(_content(lock).get("token", ""))


def taken_over(target: Path) -> BadValue:
    return BadValue(f"'{target}' was taken over by another run, while this one slept or stopped: let that one finish.")


def _give_way(lock: Path, path: str | os.PathLike[str]) -> None:
    """Remove the lock of a dead run; raises `BadValue` when its owner lives, or may."""
    try:
        held, sign = _content(lock), _last_sign(lock)
        alive = lives(held)
        if alive or (alive is None and sign < DEAD):
            who = f"process {held.get('pid', '?')} on {held.get('host', 'another machine')}"
            raise BadValue(
                f"'{path}' is being written by another run, {who}, which gave a sign of life {sign:.0f} s ago: wait "
                "for it, or choose another name."
            )
        lock.unlink()
    except FileNotFoundError:  # given back meanwhile
        return


def _last_sign(lock: Path) -> float:
    """Seconds since the lock was touched, by the clock of its file system."""
    probe = lock.with_name(f"{lock.name}-{uuid.uuid4().hex}")
    try:
        probe.write_bytes(b"")
        return max(0.0, probe.stat().st_mtime - lock.stat().st_mtime)
    finally:
        with suppress(OSError):
            probe.unlink()


def _content(lock: Path) -> dict[str, Any]:
    """Empty where it is not whole."""
    try:
        found = json.loads(lock.read_bytes())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
