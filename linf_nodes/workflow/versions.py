"""What a block's bits depend on beside its job: asked wherever one is computed, so that no result mixes two."""

import hashlib
from functools import lru_cache
from pathlib import Path

import torch

from .. import __version__
from ..errors import BadValue
from ..pipeline.device import resolve_device

Versions = dict[str, str]

_ROOMS = ("models", "pipeline", "catalogue", "workflow", "pictures")
_WAYS_OUT = {
    "processor": "use machines of one kind, or set ATEN_CPU_CAPABILITY=avx2 on all of them",
    "code": "install the same linf-nodes everywhere",
}


@lru_cache(8)
def versions_here(device: str) -> Versions:
    """Of the package, its code, torch and the processor that a device of this name stands for in this process."""
    found = resolve_device(device)
    processor = torch.backends.cpu.get_cpu_capability() if found.type == "cpu" else found.type
    if found.type == "cuda":
        processor = torch.cuda.get_device_name(found)
    return {"linf-nodes": __version__, "code": _code(), "torch": str(torch.__version__), "processor": str(processor)}


def check_versions(found: Versions, wanted: Versions, who: str) -> None:
    """Refuse versions that would give other bits; raises `BadValue`, which names the first difference."""
    for name, value in wanted.items():
        if found.get(name) != value:
            way_out = _WAYS_OUT.get(name, f"install the same {name} everywhere")
            raise BadValue(f"{who} has {name} {found.get(name)}, not {value} as where the work began: {way_out}.")


@lru_cache(1)
def _code() -> str:
    """A short name of the source code that decides pixels: a version's name may stand for several states."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parents[1]
    for path in sorted(p for room in _ROOMS for p in (root / room).rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:12]
