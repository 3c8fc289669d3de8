"""What a running server holds at its highest, read from Linux's /proc."""

from pathlib import Path
from typing import Any

import numpy as np

from linf_nodes.pipeline.render import AUTO_TILE

from .comfyui_server import Server, node

SLOW = 1200  # seconds: one core takes more than four minutes for 2048 x 2048 with a learned prior


def peak(server: Server, side: int, scale: float, model: str, tile: int = 0) -> float:
    """Megabytes by which the server grows, at its highest, while it enlarges a picture that it already holds."""
    picture = np.random.default_rng(side).random((1, side, side, 3), np.float32)
    graph: dict[str, Any] = {
        "1": server.put_array(picture),
        "2": node("ProbeKeep", image=["1", 0], file="in.npy"),
    }
    server.run(graph)
    process = Path(f"/proc/{server.pid}")
    (process / "clear_refs").write_text("5")  # forget the highest so far
    before = _megabytes(process, "VmRSS")
    graph["3"] = node("LINFLoadModel", model=model)
    graph["4"] = node("LINFUpscale", linf_model=["3", 0], image=["1", 0], scale=scale, tile=tile)
    graph["5"] = node("ProbeKeep", image=["4", 0], file="out.npy")
    assert "1" in server.run(graph, SLOW).cached
    return _megabytes(process, "VmHWM") - before


def window(server: Server, scale: float, model: str, halo: int) -> float:
    """Megabytes that one tile needs with what it sees around it, beyond its own output."""
    side = AUTO_TILE + 2 * halo
    return peak(server, side, scale, model, side) - output(side, scale)


def output(side: int, scale: float) -> float:
    """Megabytes of an RGB result."""
    return 12e-6 * (side * scale) ** 2


def _megabytes(process: Path, name: str) -> float:
    lines = (line.split() for line in (process / "status").read_text("utf-8").splitlines())
    return next(int(words[1]) * 1024 / 1e6 for words in lines if words[0] == f"{name}:")
