"""A real viewer with the dock in it, for tests."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

needs_display = pytest.mark.skipif(
    sys.platform.startswith("linux") and not os.environ.get("DISPLAY"), reason="there is no display: use xvfb-run"
)

# napari's own: its manifest models under a newer pydantic, its drawing of rotated layers
filters = [
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore:Non-orthogonal slicing is being requested:UserWarning"),
]

UM = {"units": ("um", "um", "um"), "scale": (2.0, 0.5, 0.5)}


def stack(z: int = 3, h: int = 40, w: int = 50, dtype: Any = np.uint16) -> Any:
    """A smooth pattern with noise on it, `[z, h, w]`."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:h, :w]
    wave = 0.5 + 0.3 * np.sin(x / 5)[None] * np.cos(y / 7)[None]
    values = wave + 0.05 * rng.standard_normal((z, h, w))
    top = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 1
    return (np.clip(values, 0, 1) * 0.9 * top).astype(dtype)


def open_dock(viewer: Any, qtbot: Any, **options: Any) -> Any:
    """The dock in the viewer's window, once it has read the catalogue."""
    from linf_nodes.hosts.napari.dock.widget import SuperResolution

    dock = SuperResolution(viewer)
    viewer.window.add_dock_widget(dock, name="LINF Super-Resolution", area="right")
    qtbot.waitUntil(dock.start.isEnabled, timeout=30_000)
    dock.show_options({"model": "tiny", **options})
    return dock


def run(dock: Any, qtbot: Any, path: Path | None = None) -> str:
    """Press Run and wait for the end; the sentence that is said."""
    dock.run(path)
    qtbot.waitUntil(lambda: not dock.session.busy, timeout=60_000)
    qtbot.wait(10)  # what was emitted last arrives
    return str(dock.message.text())


@contextmanager
def heartbeat() -> Iterator[Callable[[], list[float]]]:
    """Processor seconds that this process spent between the ticks of a timer in the window's thread, 10 ms apart.

    The clock on the wall would count what else the machine does; a thread that blocks the window spends its own time.
    """
    from qtpy.QtCore import QTimer

    ticks: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.process_time()))
    timer.start(10)
    yield lambda: list(np.diff(ticks))
    timer.stop()
