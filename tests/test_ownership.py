"""One owner for each result: a living one is respected, a dead one recognised, and nobody writes into another's."""

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from linf_nodes.errors import BadValue
from linf_nodes.hosts.cli.main import main
from linf_nodes.stacks import block_file, ownership
from linf_nodes.stacks.job import Job, write_box
from linf_nodes.stacks.ome_tiff import write_ome_tiff
from linf_nodes.stacks.ome_zarr import write_ome_zarr
from linf_nodes.stacks.ownership import Owner, owned, token_in
from linf_nodes.stacks.process import lives, this_process
from linf_nodes.stacks.volume import Volume

from . import tiny
from .stacks import stack, volume

pytest.importorskip("ome_zarr")
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    folder = tmp_path_factory.mktemp("owned")
    tiny.write_models(folder)
    return volume(stack(2, 20, 15), (40, 30), model=str(folder / "tiny.safetensors"), seed=5)


def lock_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.linf-lock")


def _own_and_die(target: Path) -> None:
    assert Owner(target).takes()
    os._exit(0)


def left_by_a_dead_process(target: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_own_and_die, args=(target,))
    process.start()
    process.join()
    assert lock_of(target).exists()


def test_a_second_run_into_the_same_place_is_refused(grey: Volume, tmp_path: Path) -> None:
    refused: list[str] = []

    def begin_again(write: Callable[..., Any], target: Path) -> None:
        with pytest.raises(BadValue, match=f"is being written by another run, process {os.getpid()} on ") as error:
            write(grey, target)
        refused.append(str(error.value))

    for write, name in ((write_ome_zarr, "a.ome.zarr"), (write_ome_tiff, "a.ome.tif")):
        target = tmp_path / name
        write(grey, target, progress=lambda *_, w=write, t=target: begin_again(w, t))
        assert not lock_of(target).exists()
    assert len(refused) > 2


def test_the_lock_of_a_dead_process_gives_way(grey: Volume, tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    left_by_a_dead_process(target)
    write_ome_zarr(grey, target)
    assert [p.name for p in tmp_path.iterdir()] == ["a.ome.zarr"]


def test_on_another_machine_signs_of_life_decide(tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    left_by_a_dead_process(target)
    held = json.loads(lock_of(target).read_text())
    assert lives(held) is False
    lock_of(target).write_text(json.dumps({**held, "host": "far-away"}))
    with pytest.raises(BadValue, match=f"process {held['pid']} on far-away"), owned(target):
        pass
    os.utime(lock_of(target), (1e9, 1e9))
    with owned(target) as owner:
        assert token_in(lock_of(target)) == owner.token
    assert not lock_of(target).exists()


def test_a_lock_that_is_not_whole_is_one(tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    lock_of(target).write_bytes(b"")
    with pytest.raises(BadValue, match="is being written by another run"), owned(target):
        pass


def test_this_process_lives_and_a_later_one_with_its_number_is_another() -> None:
    assert lives(this_process())
    assert lives({**this_process(), "started": "before the flood"}) is False
    assert lives({**this_process(), "boot": "another"}) is None


def test_a_run_that_was_taken_over_writes_nothing_more(
    grey: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_file, "WAITS", (0.0, 0.0))
    target = tmp_path / "a.ome.zarr"
    jobs: list[Job] = []

    def noted(job: Job, task: Any) -> Any:
        jobs.append(job)
        return write_box(job, task)

    monkeypatch.setattr("linf_nodes.stacks.ome_zarr.write_box", noted)

    def take_over(done: int, *_: Any) -> None:
        if done == 1:
            lock_of(target).write_text(json.dumps({"token": "another"}))

    with pytest.raises(BadValue, match="was taken over by another run"):
        write_ome_zarr(grey, target, progress=take_over)
    assert len([p for p in (target / "0" / "c").rglob("*") if p.is_file()]) == 1
    assert lock_of(target).exists(), "it is the other's"
    lock_of(target).unlink()
    with pytest.raises(BadValue, match="cannot be written on"):
        write_box(replace(jobs[0]), (0, (1, 0, 0)))


def test_the_owner_notices_that_it_was_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "BEAT", 0.01)
    with owned(tmp_path / "a.ome.zarr") as owner:
        os.utime(owner.lock, (1e9, 1e9))
        until(lambda: owner.lock.stat().st_mtime > 1e9)  # a sign of life comes
        owner.check()
        owner.lock.write_text(json.dumps({"token": "another"}))
        until(lambda: owner._lost)
        with pytest.raises(BadValue, match="taken over"):
            owner.check()


@pytest.mark.skipif(not (find_spec("upath") and find_spec("fsspec")), reason="the extra remote is not installed")
def test_an_owner_on_a_server_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    files = fsspec.filesystem("memory")
    monkeypatch.setattr(ownership, "BEAT", 0.01)
    with owned("memory://life/a.ome.zarr") as owner:
        lock: Any = owner.lock  # a UPath, which passes for a Path
        first = files.created(lock.path)
        until(lambda: files.created(lock.path) > first)
        assert token_in(owner.lock) == owner.token
        owner.lock.write_text(json.dumps({"token": "another"}))
        until(lambda: owner._lost)
    owner.lock.unlink()


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.skipif(not (find_spec("upath") and find_spec("fsspec")), reason="the extra remote is not installed")
def test_results_on_servers_have_an_owner_too(
    grey: Volume, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec
    import tifffile

    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("in.tif", stack(2, 20, 15), photometric="minisblack")
    words = ["stack", "in.tif", "memory://own/a.ome.zarr", "--scale", "2", "--model", grey.settings.model]
    with owned("memory://own/a.ome.zarr"):
        assert main(words) == 2
        assert "is being written by another run" in capsys.readouterr().err
    assert main(words) == 0
    files = fsspec.filesystem("memory")
    assert not [p for p in files.find("/own") if p.endswith("linf-lock")]
    assert files.exists("/own/a.ome.zarr/0/.linf-blocks.jsonl")
    files.rm("/own", recursive=True)
