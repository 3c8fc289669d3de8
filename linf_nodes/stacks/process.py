"""This process by name, so that others can tell whether it still lives."""

import os
import socket
from collections.abc import Mapping
from typing import Any

_PLACE = ("host", "boot", "space")  # where numbers of processes mean the same


def this_process() -> dict[str, Any]:
    """The machine, its last start, the process's name space, its number and when it began."""
    boot = _first_line("/proc/sys/kernel/random/boot_id")
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    pid = os.getpid()
    return {"host": socket.gethostname(), "boot": boot, "space": space, "pid": pid, "started": _started(pid)}


def lives(process: Mapping[str, Any]) -> bool | None:
    """Whether a process runs; None where that cannot be told from here."""
    here = this_process()
    if here["started"] is None or any(process.get(name) != here[name] for name in _PLACE):
        return None
    return process.get("started") == _started(process.get("pid"))


def _started(pid: Any) -> str | None:
    """When a process of this machine began, to tell it from a later one with its number; None if unknown."""
    if not isinstance(pid, int):
        return None
    stat = _first_line(f"/proc/{pid}/stat")
    if stat:
        state, *fields = stat.rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]
    return None if os.path.isdir("/proc/self") else _started_elsewhere(pid)


def _started_elsewhere(pid: int) -> str | None:
    """The same where there is no /proc; psutil has no wheel for every machine."""
    try:
        import psutil
    except ImportError:
        return None
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.readline().strip()
    except OSError:
        return ""
