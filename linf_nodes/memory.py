"""How much memory a picture needs and how much is free, said before any of it is taken."""

import os
from contextlib import suppress
from pathlib import Path

SPARE = 0.9  # of what is free: the rest is for everybody else

_LIMITS = (  # of a container: what it may use, what it uses
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


def free_memory() -> int | None:
    """Bytes that a program can still take on this machine, or within its container; None where nobody says."""
    known = [free for free in (_of_the_system(), *(_of_a_container(*files) for files in _LIMITS)) if free is not None]
    return min(known, default=None)


def fits(needed: float, free: int | None = None) -> bool:
    """Whether so many bytes can be taken; True where the free memory is not known."""
    free = free_memory() if free is None else free
    return free is None or needed <= SPARE * free


def memory_text(nbytes: float) -> str:
    """A number of bytes for people: 3.1 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if nbytes < 999.5:
            return f"{nbytes:.0f} {unit}" if nbytes >= 99.5 or unit == "bytes" else f"{nbytes:.3g} {unit}"
        nbytes /= 1000
    return f"{nbytes:.3g} TB"


def _of_the_system() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    with suppress(ImportError):
        import psutil

        return int(psutil.virtual_memory().available)
    return None


def _of_a_container(limit: Path, used: Path) -> int | None:
    with suppress(OSError, ValueError):
        most = int(limit.read_text("ascii"))
        return max(0, most - int(used.read_text("ascii"))) if most < 1 << 60 else None
    return None
