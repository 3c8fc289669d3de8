"""How much memory a picture needs and how much is free, said before any of it is taken."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .errors import OutOfMemory

SPARE = 0.9  # of what is free: the rest is for everybody else
IGNORE = "LINF_IGNORE_MEMORY"
"""The environment variable that says: go on whatever is free, there is swap, or the numbers are wrong."""

_SYSTEM = Path("/")
# Of a container, by version of cgroups: where, what it may use, what it uses, and what of that the system takes back
_GROUPS = {
    2: ("sys/fs/cgroup", "memory.max", "memory.current", ("inactive_file", "active_file")),
    1: (
        "sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
}


def free_memory() -> int | None:
    """Bytes that this process can still take, of the machine and of its containers; None where nobody says."""
    return min((*_of_the_machine(), *_of_containers()), default=None)


def fits(needed: float) -> bool:
    """Whether so many bytes can be taken; True where nobody knows, and where the user says so (`IGNORE`)."""
    free = None if os.environ.get(IGNORE, "") not in ("", "0") else free_memory()
    return free is None or needed <= SPARE * free


def shortage(needed: float) -> str:
    """What is needed and what is free, and how to go on nevertheless, as the middle of a sentence."""
    return (
        f"takes {memory_text(needed)} of memory, but {memory_text(free_memory() or 0)} are free "
        f"({IGNORE}=1 goes on nevertheless)"
    )


def check_result(what: str, size: tuple[int, int], needed: float) -> None:
    """Refuse a result of this height and width that does not fit.

    Raises
    ------
    OutOfMemory
    """
    if not fits(needed):
        raise OutOfMemory(
            f"{what} {size[0]} high and {size[1]} wide {shortage(needed)}: choose a smaller scale or picture, work in "
            "parts, or use linf stack, which holds no whole picture."
        )


def share(needed: float) -> str:
    """What is needed and what is free, where it fits."""
    return f"takes {memory_text(needed)} of memory, of {memory_text(free_memory() or 0)} free"


def memory_text(nbytes: float) -> str:
    """A number of bytes for people: 3.1 GB."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if nbytes < 999.5:
            return f"{nbytes:.0f} {unit}" if nbytes >= 99.5 or unit == "bytes" else f"{nbytes:.3g} {unit}"
        nbytes /= 1000
    return f"{nbytes:.3g} PB"


def _of_the_machine() -> Iterator[int]:
    with suppress(ImportError, OSError, RuntimeError):  # psutil has no wheel for every machine
        import psutil

        yield int(psutil.virtual_memory().available)


def _of_containers() -> Iterator[int]:
    """What is left in each of the groups that this process is in: files that are only cached there count as free."""
    with suppress(OSError, ValueError):
        for line in (_SYSTEM / "proc/self/cgroup").read_text("utf-8").splitlines():
            number, controllers, place = line.split(":", 2)
            if number == "0" or "memory" in controllers.split(","):
                yield from _of_groups(2 if number == "0" else 1, Path(place.strip("/")))


def _of_groups(version: int, place: Path) -> Iterator[int]:
    root, most, used, cached = _GROUPS[version]
    for group in (place, *place.parents):  # the last is the root; inside a container it is the only one that is seen
        folder = _SYSTEM / root / group
        with suppress(OSError, ValueError):
            limit = int((folder / most).read_text("ascii"))  # "max" is no number: no limit
            lines = (folder / "memory.stat").read_text("ascii").split("\n")
            cache = sum(int(line.split()[1]) for line in lines if line.startswith(cached))
            if limit < 1 << 60:
                yield max(0, limit - int((folder / used).read_text("ascii")) + cache)
