"""What of a result is done: whole, recorded, made of the same source by the same code. All else is computed again."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from linf_nodes.errors import BadValue, Cancelled, SourceLost
from linf_nodes.stacks.ome_zarr import write_ome_zarr
from linf_nodes.stacks.record import NAME, Record
from linf_nodes.stacks.stack_file import open_stack
from linf_nodes.stacks.volume import Settings, Volume

from . import tiny
from .stacks import Array, stack

pytest.importorskip("ome_zarr")
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("resumed")
    tiny.write_models(folder)
    return str(folder / "tiny.safetensors")


@pytest.fixture
def grey(model: str, tmp_path: Path) -> Volume:
    """Ten planes of a Zarr, of which eight are sampled for the levels: the planes 2 and 7 are not."""
    zarr.create_array(str(tmp_path / "s.zarr"), shape=(10, 24, 20), chunks=(1, 12, 20), dtype="u2")
    zarr.open_array(str(tmp_path / "s.zarr"))[...] = stack(10, 24, 20)
    return opened(model, tmp_path)


def opened(model: str, folder: Path) -> Volume:
    found = open_stack(folder / "s.zarr")
    settings = Settings(model, device="cpu", tile=14, seed=5)
    return Volume(found.source, found.axes, (70, 50), settings, threads=1)


def blocks(folder: Path, level: int = 0) -> list[Path]:
    return sorted(p for p in (folder / str(level) / "c").rglob("*") if p.is_file())


def files(folder: Path) -> dict[str, bytes]:
    every = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != NAME)
    return {str(p.relative_to(folder)): p.read_bytes() for p in every}


def test_damaged_blocks_are_computed_again(grey: Volume, tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    write_ome_zarr(grey, target)
    whole = files(target)
    damages: list[tuple[int, Callable[[bytes], bytes]]]
    damages = [
        (0, lambda _: b""),
        (0, lambda b: b[: len(b) // 2]),
        (1, lambda b: os.urandom(len(b))),
        (0, lambda b: b[::-1]),
    ]
    for level, damage in damages:
        block = blocks(target, level)[3]
        data = block.read_bytes()
        block.write_bytes(damage(data))
        write_ome_zarr(grey, target)
        assert files(target) == whole


@pytest.mark.parametrize("plane", [2, 7])
def test_what_was_made_of_another_source_is_computed_again(
    grey: Volume, model: str, tmp_path: Path, plane: int
) -> None:
    """Also in coarser levels; and what is made of the same samples is not, though their file was written again."""
    array: Any = zarr.open_array(str(tmp_path / "s.zarr"))
    before = array[...]
    array[plane, :12] = before[plane, 12:]
    write_ome_zarr(opened(model, tmp_path), tmp_path / "right.ome.zarr")
    array[...] = before
    target = tmp_path / "a.ome.zarr"
    write_ome_zarr(opened(model, tmp_path), target)
    array[plane, :12] = before[plane, 12:]
    steps: list[int] = []
    write_ome_zarr(opened(model, tmp_path), target, progress=lambda done, total, _: steps.append(total - done))
    assert 0 < len(steps) < len(blocks(target)) // 2
    right = files(tmp_path / "right.ome.zarr")
    assert {k: v for k, v in files(target).items() if "/c/" in k} == {k: v for k, v in right.items() if "/c/" in k}


def test_a_source_that_changes_during_the_run_is_told_and_mended(grey: Volume, model: str, tmp_path: Path) -> None:
    write_ome_zarr(grey, tmp_path / "right.ome.zarr")
    array: Any = zarr.open_array(str(tmp_path / "s.zarr"))
    before = array[...]

    def change(done: int, *_: Any) -> None:
        if done == 2:
            (tmp_path / "s.zarr").rename(tmp_path / "aside")
            zarr.create_array(str(tmp_path / "s.zarr"), shape=before.shape, chunks=(1, 12, 20), dtype="u2")
            zarr.open_array(str(tmp_path / "s.zarr"))[...] = before[::-1]

    target = tmp_path / "a.ome.zarr"
    with pytest.raises(SourceLost, match="has changed while the work went on"):
        write_ome_zarr(grey, target, progress=change)
    with pytest.raises(BadValue, match="its source is"):
        write_ome_zarr(opened(model, tmp_path), target)
    assert json.loads((target / "zarr.json").read_text())["attributes"]["linf"]["finished"] is False
    (tmp_path / "s.zarr").rename(tmp_path / "other")
    (tmp_path / "aside").rename(tmp_path / "s.zarr")
    write_ome_zarr(opened(model, tmp_path), target)
    right = files(tmp_path / "right.ome.zarr")
    assert {k: v for k, v in files(target).items() if "/c/" in k} == {k: v for k, v in right.items() if "/c/" in k}


def test_a_block_without_a_line_in_the_record_is_not_done(grey: Volume, tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    write_ome_zarr(grey, target)
    whole = files(target)
    record = target / "0" / NAME
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(lines[:4]) + lines[4][:20])
    assert len(Record.of(target, "0").entries) == 3
    steps: list[int] = []
    write_ome_zarr(grey, target, progress=lambda done, *_: steps.append(done))
    assert steps[0] == 4
    assert files(target) == whole


def test_other_versions_do_not_go_on_with_a_result(grey: Volume, tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"

    def stop(done: int, *_: Any) -> None:
        if done == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled) as stopped:
        write_ome_zarr(grey, target, progress=stop)
    assert "3 of " in stopped.value.__notes__[0]
    record = target / "0" / NAME
    record.write_text(record.read_text().replace('"torch": "', '"torch": "0.', 1))
    with pytest.raises(BadValue, match=r"this run has torch .*, not 0\..* as where the work began"):
        write_ome_zarr(grey, target)


def test_what_killed_writers_leave_is_swept(grey: Volume, tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    write_ome_zarr(grey, target)
    half = blocks(target)[2].with_suffix(".0123.partial")
    half.write_bytes(b"half")
    write_ome_zarr(grey, target)
    assert not half.exists()


def test_zeros_are_never_read_of_a_level_that_is_gone(grey: Volume, tmp_path: Path) -> None:
    """A coarser level is made of blocks that must be there."""
    target = tmp_path / "a.ome.zarr"

    count = len(grey.blocks())

    def lose(done: int, *_: Any) -> None:
        if done == count:
            blocks(target)[0].unlink()

    with pytest.raises(SourceLost, match=r"has no chunk c/0/0/0"):
        write_ome_zarr(grey, target, progress=lose)
    write_ome_zarr(grey, target)
    found: Array = np.asarray(zarr.open_array(str(target / "1"))[...])
    assert (found > 0).all()
