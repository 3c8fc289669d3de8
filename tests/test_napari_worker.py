"""Runs in a thread: errors, cancelling, layers and viewers that go away meanwhile, a window that stays awake."""

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari", reason="napari is not installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")

import torch

from linf_nodes.errors import BadValue, Cancelled

from . import tiny
from .napari_dock import UM, filters, heartbeat, needs_display, open_dock, run, stack

pytestmark = [needs_display, *filters]


@pytest.fixture
def viewer(make_napari_viewer_proxy: Any, plugin_settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    tiny.write_models(tmp_path)
    monkeypatch.setenv("LINF_MODELS", str(tmp_path))
    return make_napari_viewer_proxy()


class Gate:
    """A stack of dask planes that wait, or fail, when somebody reads them after `close` or `spoil` was called."""

    def __init__(self, planes: int = 6, side: int = 24):
        import dask.array as da

        self.shape = (planes, side, side)
        self._open = threading.Event()
        self._error: Exception | None = None
        self.read = threading.Event()
        self._open.set()
        chunks = ((1,) * planes, (side,), (side,))
        self.array = da.map_blocks(self._plane, chunks=chunks, dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16))

    def _plane(self, block_id: Any = None) -> Any:
        self.read.set()
        self._open.wait(20)
        if self._error is not None:
            raise self._error
        return np.full((1, *self.shape[1:]), 100 * (1 + block_id[0]), np.uint16)

    def close(self) -> None:
        self._open.clear()
        self.read.clear()

    def spoil(self, error: Exception | None) -> None:
        self._error = error

    def open(self) -> None:
        self._open.set()

    def show(self, viewer: Any) -> Any:
        return viewer.add_image(self.array, name="gated", contrast_limits=(0, 1000), cache=False)


def start(dock: Any, qtbot: Any, gate: Gate) -> None:
    """Press Run and wait until the worker reads its first plane."""
    gate.close()
    dock.run()
    qtbot.waitUntil(gate.read.is_set, timeout=20_000)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("the disk has gone"), "The work stopped with RuntimeError: the disk has gone"),
        (RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory"), "There is not enough memory"),
        (OSError("read failed"), "The work stopped with OSError: read failed"),
        (BadValue("Quoted: 7."), "Quoted: 7."),
    ],
)
def test_an_error_in_the_worker_is_a_sentence_and_the_dock_stays_usable(
    viewer: Any, qtbot: Any, error: Exception, words: str
) -> None:
    """napari's workers swallow a RuntimeError out of a generator and stay `running` for ever."""
    gate = Gate()
    gate.show(viewer)
    dock = open_dock(viewer, qtbot, scope="whole stack")
    gate.spoil(error)
    assert run(dock, qtbot).removeprefix("'gated': ").startswith(words)
    assert dock.start.isEnabled()
    assert not dock.stop.isEnabled()
    assert len(viewer.layers) == 1
    gate.spoil(None)
    assert run(dock, qtbot).startswith("Done: 1 layer")


def test_cancel_stops_and_adds_nothing(viewer: Any, qtbot: Any) -> None:
    gate = Gate(planes=40)
    gate.show(viewer)
    dock = open_dock(viewer, qtbot, scope="whole stack")
    start(dock, qtbot, gate)
    assert not dock.start.isEnabled()
    dock.stop.click()
    assert dock.message.text() == "Stopping after this block..."
    gate.open()
    qtbot.waitUntil(lambda: not dock.session.busy, timeout=20_000)
    assert dock.message.text() == "Stopped."
    assert len(viewer.layers) == 1
    assert run(dock, qtbot).startswith("Done: 1 layer")


def test_progress_reaches_the_end(viewer: Any, qtbot: Any) -> None:
    viewer.add_image(stack(6, 24, 24), **UM)
    dock = open_dock(viewer, qtbot, scope="whole stack", mean=True)
    seen: list[float] = []
    dock.session.advanced.connect(lambda done, total: seen.append(done / max(total, 1)))
    run(dock, qtbot)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_a_layer_that_is_removed_meanwhile(viewer: Any, qtbot: Any) -> None:
    gate = Gate()
    layer = gate.show(viewer)
    dock = open_dock(viewer, qtbot, scope="whole stack")
    start(dock, qtbot, gate)
    viewer.layers.remove(layer)
    gate.open()
    qtbot.waitUntil(lambda: not dock.session.busy, timeout=20_000)
    assert "'gated' was removed meanwhile; its result was kept." in dock.message.text()
    assert [added.name for added in viewer.layers] == ["gated (LINF 2x)"]


def test_two_docks_at_once(viewer: Any, qtbot: Any) -> None:
    viewer.add_image(stack(4, 24, 24), name="cells", **UM)
    first = open_dock(viewer, qtbot, scope="whole stack", scale=(2.0, 2.0))
    second = open_dock(viewer, qtbot, scope="whole stack", scale=(3.0, 3.0))
    first.run()
    second.run()
    qtbot.waitUntil(lambda: not (first.session.busy or second.session.busy), timeout=60_000)
    qtbot.wait(10)
    assert {layer.name for layer in viewer.layers} == {"cells", "cells (LINF 2x)", "cells (LINF 3x)"}


def test_a_viewer_that_is_closed_meanwhile(make_napari_viewer: Any, plugin_settings: Any, qtbot: Any,
                                           tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    from qtpy.compat import isalive
    from superqt.utils import WorkerBase

    tiny.write_models(tmp_path)
    monkeypatch.setenv("LINF_MODELS", str(tmp_path))
    gate = Gate()
    viewer = make_napari_viewer()
    gate.show(viewer)
    dock = open_dock(viewer, qtbot, scope="whole stack")
    dock.preview.setChecked(True)
    start(dock, qtbot, gate)
    viewer.close()
    qtbot.waitUntil(lambda: not isalive(dock), timeout=5_000)
    gate.open()
    WorkerBase.await_workers(20_000)
    qtbot.wait(50)  # what the worker emitted finds nobody


def test_a_dock_that_is_closed_stops_its_run(viewer: Any, qtbot: Any) -> None:
    gate = Gate(planes=40)
    gate.show(viewer)
    dock = open_dock(viewer, qtbot, scope="whole stack")
    start(dock, qtbot, gate)
    viewer.window.remove_dock_widget(dock)
    gate.open()
    qtbot.waitUntil(lambda: not dock.session.busy, timeout=20_000)
    assert len(viewer.layers) == 1


def test_the_window_stays_awake(viewer: Any, qtbot: Any) -> None:
    viewer.add_image(stack(4, 128, 128), **UM)
    dock = open_dock(viewer, qtbot, scope="whole stack", scale=(4.0, 4.0), uncertainty=True)
    run(dock, qtbot)  # modules and model are loaded
    while len(viewer.layers) > 1:
        viewer.layers.pop()
    with heartbeat() as gaps:
        run(dock, qtbot)
    blocked = sorted(gap for gap in gaps() if gap > 0.1)
    assert sum(gaps()) > 0.5, "the run was long enough to block something"
    assert len(blocked) <= 2, "napari itself takes that long to add each of the two layers"
    assert max(blocked, default=0) < 0.5


def test_memory_is_given_back(viewer: Any, qtbot: Any) -> None:
    from linf_nodes.pipeline.store import STORE

    viewer.add_image(stack(2, 24, 24), name="cells", **UM)
    dock = open_dock(viewer, qtbot, scope="whole stack")
    run(dock, qtbot)
    data = weakref.ref(viewer.layers[-1].data)
    assert data() is not None
    viewer.layers.pop()
    qtbot.wait(50)
    gc.collect()
    assert data() is None, "nothing but the layer held the result"
    assert STORE.release() > 0
    assert not STORE.held()


def test_a_failed_run_holds_nothing(viewer: Any, qtbot: Any) -> None:
    gate = Gate()
    gate.show(viewer)
    dock = open_dock(viewer, qtbot, scope="whole stack")
    held = Ballast()
    gate.spoil(HoldingError(held))
    alive = weakref.ref(held)
    del held
    run(dock, qtbot)
    gate.spoil(None)
    gc.collect()
    assert alive() is None


class Ballast:
    pass


class HoldingError(RuntimeError):
    def __init__(self, held: Ballast):
        super().__init__("full")
        self.held = held


def test_a_job_computes_in_inference_mode_off_the_window_s_thread(qtbot: Any) -> None:
    from linf_nodes.hosts.napari.worker import Worker

    job = Worker(lambda _: (torch.is_inference_mode_enabled(), threading.get_ident()))
    with qtbot.waitSignal(job.ended, timeout=10_000) as ended:
        job.start()
    assert ended.args is not None
    inference, thread = ended.args[0]
    assert inference
    assert thread != threading.get_ident()
    assert not torch.is_inference_mode_enabled()


def test_a_job_that_is_cancelled_before_it_begins(qtbot: Any) -> None:
    from linf_nodes.hosts.napari.worker import Failed, Worker

    job = Worker(lambda _: pytest.fail("it began"))
    job.cancel()
    with qtbot.waitSignal(job.ended, timeout=10_000) as ended:
        job.start()
    assert ended.args == [Failed("Stopped.", by_user=True)]
    with pytest.raises(Cancelled):
        job.report(1, 2)
