"""A dask cluster that is not as it should be: what is waited for is said, and what is in vain ends in a sentence."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linf_nodes.errors import BadValue, LinfError, OutOfMemory
from linf_nodes.workflow import patience
from linf_nodes.workflow.cluster import Cluster
from linf_nodes.workflow.patience import failure
from linf_nodes.workflow.versions import check_versions, versions_here

from . import tiny
from .stacks import stack

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("ome_zarr", "distributed", "cryptography"))), reason="the extra zarr is not installed"
)
ROOT = Path(__file__).parents[1]
HANGS = 120  # seconds
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `python -m ...` with this package, or with what lies in a folder instead."""
    running: list[subprocess.Popen[str]] = []

    def run(*words: str, path: Path = ROOT, group: bool = False) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(path), "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s"}
        environment["LINF_MODELS"] = str(tmp_path)
        command = [sys.executable, "-m", *words]
        process = subprocess.Popen(
            command, env=environment, cwd=tmp_path, text=True, start_new_session=group,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The command that enlarges a stack, block by block for some seconds."""
    tiny.write_models(tmp_path)
    np.save(tmp_path / "in.npy", stack(200, 40, 40))
    return ["linf_nodes", "stack", "in.npy", "out.ome.zarr", "--scale", "2", "--model", "tiny.safetensors", "--tile=14"]


def address(start: Start, *workers: Path) -> tuple[str, subprocess.Popen[str]]:
    """Of a new scheduler with a worker for every path, and its process."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    here, at = ("--host", "127.0.0.1", "--no-dashboard"), f"tcp://127.0.0.1:{port}"
    scheduler = start("distributed.cli.dask_scheduler", "--port", str(port), *here)
    for path in workers:
        start("distributed.cli.dask_worker", at, "--nthreads", "1", "--no-nanny", *here, path=path)
    with client_at(at) as client:
        client.wait_for_workers(len(workers), timeout=HANGS) if workers else None
    return at, scheduler


@contextmanager
def client_at(at: str) -> Iterator[Any]:
    from distributed import Client

    with Client(at, timeout=HANGS) as client:
        yield client


def ends(run: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit status, and what is said beside the progress that a busy machine has to tell every half minute."""
    said = run.communicate(timeout=HANGS)[1]
    return run.returncode, re.sub(r"linf: \S+: \d+ of \d+\n", "", said)


def begun(folder: Path, run: subprocess.Popen[str], blocks: int = 5) -> None:
    """Wait until some blocks are there."""
    end = time.monotonic() + HANGS
    while len(list((folder / "out.ome.zarr").glob("0/c/*/*/*"))) < blocks:
        assert run.poll() is None, run.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_worker_without_the_package_is_named(start: Start, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "none" / "linf_nodes").mkdir(parents=True)
    (tmp_path / "none" / "linf_nodes" / "__init__.py").write_text("raise ModuleNotFoundError('no linf_nodes')")
    at, _ = address(start, tmp_path / "none")
    status, said = ends(start(*words, "--client", at))
    assert status == 2
    assert "cannot load linf-nodes (ModuleNotFoundError: no linf_nodes): install" in said
    assert said.count("\n") == 1


def test_a_worker_with_other_code_is_refused_before_the_first_block(
    start: Start, words: list[str], tmp_path: Path
) -> None:
    for name in ("linf_nodes", "weights", "plugin_manifest"):
        (tmp_path / "other").mkdir(exist_ok=True)
        subprocess.run(["cp", "-r", str(ROOT / name), str(tmp_path / "other")], check=True)
    samples = tmp_path / "other" / "linf_nodes" / "pictures" / "samples.py"
    samples.write_text(samples.read_text().replace("np.rint(values", "np.floor(values"))
    at, _ = address(start, ROOT, tmp_path / "other")
    status, said = ends(start(*words, "--client", at))
    assert status == 2
    assert "has code " in said
    assert "install the same linf-nodes everywhere" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out.ome.zarr").exists()


def test_a_scheduler_that_is_killed_is_a_sentence(start: Start, words: list[str], tmp_path: Path) -> None:
    at, scheduler = address(start, ROOT)
    run = start(*words, "--client", at)
    begun(tmp_path, run)
    scheduler.kill()
    status, said = ends(run)
    assert status == 2
    assert f"the connection to the dask scheduler {at} is lost" in said
    assert "--resume goes on with them" in said
    assert said.count("\n") == 1


def test_what_is_waited_for_is_said(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SOON", 0.0)
    at, scheduler = address(start)
    said: list[str] = []
    with client_at(at) as client:
        pool = Cluster(client, say=said.append)
        for seconds in (10.0, 20.0, 71.0):
            pool.idle(seconds)
        assert said == [f"waiting for workers: none is connected to {at}"] * 2, "again after a minute"
        scheduler.kill()
        end = time.monotonic() + HANGS
        while client.status == "running":
            assert time.monotonic() < end
            time.sleep(0.1)
        with pytest.raises(BadValue, match="is lost: see whether it still runs"):
            pool.idle(100.0)


def test_an_error_of_dask_s_own_has_its_meaning() -> None:
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    def meant(error: BaseException) -> LinfError | None:
        return failure(error, "tcp://x:1")

    assert isinstance(meant(KilledWorker("block", None, 3)), OutOfMemory)
    assert "tcp://x:1 is lost" in str(meant(FutureCancelledError("block", "lost")))
    assert "a worker lacks a package" in str(meant(ImportError("No module named 'zarr'")))
    assert meant(ValueError("of a task")) is None


def test_the_first_difference_of_versions_is_named() -> None:
    here = versions_here("cpu")
    check_versions(here, dict(here), "this process")
    for name in here:
        with pytest.raises(BadValue, match=f"a worker has {name} other, not {re.escape(here[name])} as where"):
            check_versions({**here, name: "other"}, here, "a worker")


@pytest.mark.parametrize("more", [[], ["--workers", "2"]], ids=["threads", "workers"])
def test_ctrl_c_twice_stops_in_one_line(start: Start, words: list[str], tmp_path: Path, more: list[str]) -> None:
    run = start(*words, *more, group=True)
    begun(tmp_path, run)
    for _ in range(2):
        os.killpg(run.pid, signal.SIGINT)
        time.sleep(0.3)
    status, said = ends(run)
    assert status == 130
    assert said.startswith("linf: stopped; ")
    assert "--resume goes on with them" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.glob(".*linf-lock"))


def test_sigterm_leaves_nothing_of_a_tiff(start: Start, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    run = start(*[word.replace("out.ome.zarr", "out/out.ome.tif") for word in words])
    while not list((tmp_path / "out").glob(".linf-*.tif")):
        assert run.poll() is None, run.communicate()[1]
        time.sleep(0.02)
    run.terminate()
    assert ends(run) == (143, "linf: stopped; nothing was written\n")
    assert not list((tmp_path / "out").iterdir())
