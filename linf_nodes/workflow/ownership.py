"""One owner for each result: a second run into the same file or folder is refused, a dead one is recognised."""

import json
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..atomic import refusal
from ..errors import BadValue

BEAT = 15.0  # seconds between signs of life, which are the lock's time of modification
DEAD = 120.0  # seconds without one, after which the owner on another machine is taken for dead


class Owner:
    """Holds the lock of a result. `token` names this run, `lost` says that another run has taken over."""

    def __init__(self, target: Path, lock: Path):
        self.target, self.lock, self.token = target, lock, uuid.uuid4().hex
        self._ended = threading.Event()
        self.lost = False

    def check(self) -> None:
        """Raises `BadValue` when another run has taken over: this one was asleep too long."""
        if self.lost:
            raise BadValue(f"'{self.target}' was taken over by another run while this one slept: let that one finish.")

    def beat(self) -> None:
        """Give signs of life until the end."""
        while not self._ended.wait(BEAT):
            if not holds(self.lock, self.token):
                self.lost = True
                return
            with suppress(OSError):
                os.utime(self.lock)

    def release(self) -> None:
        self._ended.set()
        if holds(self.lock, self.token):
            with suppress(OSError):
                self.lock.unlink()


@contextmanager
def owned(path: str | os.PathLike[str]) -> Iterator[Owner]:
    """Own a result for as long as the block lasts.

    The lock is a file beside the result, made so that only one can make it, on network file systems too. It names the
    process that made it. On the same machine that process is looked for; on another its signs of life are.

    Raises
    ------
    BadValue
        When another run owns the result, or the folder cannot be written to.
    """
    target = Path(os.path.realpath(path))
    lock = target.with_name(f".{target.name}.linf-lock")
    owner = Owner(target, lock)
    while not _made(lock, owner.token, path):
        _give_way(lock, path)
    beating = threading.Thread(target=owner.beat, name="linf-lock", daemon=True)
    beating.start()
    try:
        yield owner
    finally:
        owner.release()


def holds(lock: Path, token: str) -> bool:
    """Whether a lock is that of the run with this token."""
    return _content(lock).get("token") == token


def _made(lock: Path, token: str, path: str | os.PathLike[str]) -> bool:
    """Make the lock, whole from the start; False where there is one."""
    temporary = lock.with_name(f"{lock.name}-{token}")
    try:
        temporary.write_text(json.dumps({"token": token, **_myself()}), "utf-8")
        try:
            os.link(temporary, lock)
            return True
        except FileExistsError:
            return False
        except OSError:  # no links on this file system
            return _created(lock, temporary.read_bytes())
    except OSError as error:
        raise refusal(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _created(lock: Path, content: bytes) -> bool:
    try:
        number = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(number, "wb") as stream:
        stream.write(content)
    return True


def _give_way(lock: Path, path: str | os.PathLike[str]) -> None:
    """Remove the lock of a dead run; raises `BadValue` when its owner lives, or may."""
    held = _content(lock)
    sign = _last_sign(lock)
    if sign is None:
        return
    if _lives(held, sign):
        who = f"process {held.get('pid', '?')} on {held.get('host', 'another machine')}"
        raise BadValue(
            f"'{path}' is being written by another run, {who}, which gave a sign of life {sign:.0f} s ago: wait for "
            "it, or choose another name."
        )
    aside = lock.with_name(f"{lock.name}-{uuid.uuid4().hex}")
    with suppress(FileNotFoundError):
        os.rename(lock, aside)  # only one of several that give way succeeds
        if _content(aside) != held:  # another was faster, and this is its own
            with suppress(OSError):
                os.link(aside, lock)
        with suppress(OSError):
            aside.unlink()


def _lives(held: dict[str, Any], sign: float) -> bool:
    me = _myself()
    if all(held.get(name) == me[name] for name in ("host", "boot", "space")):
        return held.get("started") == _started(held.get("pid"))
    return sign < DEAD


def _last_sign(lock: Path) -> float | None:
    """Seconds since the lock was touched, by the clock of its file system; None where it is gone."""
    probe = lock.with_name(f"{lock.name}-{uuid.uuid4().hex}")
    try:
        probe.touch()
        now = probe.stat().st_mtime
        return max(0.0, now - lock.stat().st_mtime)
    except FileNotFoundError:
        return None
    finally:
        with suppress(OSError):
            probe.unlink()


def _content(lock: Path) -> dict[str, Any]:
    try:
        found = json.loads(lock.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _myself() -> dict[str, Any]:
    pid = os.getpid()
    boot = _first_line("/proc/sys/kernel/random/boot_id")
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return {"host": socket.gethostname(), "boot": boot, "space": space, "pid": pid, "started": _started(pid)}


def _started(pid: Any) -> str | None:
    """When a process of this machine began: tells it from a later one with its number; None where there is none."""
    if not isinstance(pid, int):
        return None
    stat = _first_line(f"/proc/{pid}/stat")
    if stat:
        state, *fields = stat.rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]
    if os.path.isdir("/proc/self"):
        return None
    return _started_elsewhere(pid)


def _started_elsewhere(pid: int) -> str | None:
    """The same where there is no /proc."""
    try:
        import psutil

        return str(psutil.Process(pid).create_time())
    except ImportError:
        return _exists(pid)
    except psutil.Error:
        return None


def _exists(pid: int) -> str | None:
    if os.name == "nt":  # os.kill would end it
        return "unknown"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return "running"


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.readline().strip()
    except OSError:
        return ""
