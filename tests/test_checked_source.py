"""Arrays of zarr and dask are read as their place says: a folder that is gone is an error, never zeros."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linf_nodes.errors import DamagedPart, SourceLost
from linf_nodes.stacks import file_stamp
from linf_nodes.stacks.checked_source import DaskSource, checked
from linf_nodes.stacks.levels import levels_of
from linf_nodes.stacks.ome_zarr import write_ome_zarr
from linf_nodes.stacks.zarr_source import ZarrSource

from . import tiny
from .stacks import Array, stack, volume

zarr = pytest.importorskip("zarr")
da = pytest.importorskip("dask.array")
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")

PIXELS = stack(4, 24, 20)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(file_stamp, "WAITS", (0.0, 0.0))
    zarr.create_array(str(tmp_path / "s.zarr"), shape=PIXELS.shape, chunks=(1, 12, 20), dtype="u2")[...] = PIXELS
    zarr.open_group(str(tmp_path / "g.zarr"), mode="w", zarr_format=2).create_array("a/0", data=PIXELS)
    return str(tmp_path / "s.zarr")


def plain(path: str) -> Any:
    return zarr.open_array(path, mode="r")


def of_a_group(path: str) -> Any:
    return zarr.open_group(str(Path(path).with_name("g.zarr")), mode="r")["a/0"]


def by_a_url(path: str) -> Any:
    return zarr.open_array(zarr.storage.FsspecStore.from_url(f"file://{path}", read_only=True), mode="r")


def from_array(path: str) -> Any:
    return da.from_array(plain(path), chunks=(2, 24, 20), inline_array=True)


def stacked(path: str) -> Any:
    return da.stack([da.from_zarr(path)[0], da.from_zarr(path)[1] + 0, *da.from_zarr(path)[2:]])


def reversed_twice(path: str) -> Any:
    return da.from_zarr(path)[::-1][::-1]


def chosen(path: str) -> Any:
    return da.from_zarr(path)[[0, 1, 2, 3]]


def moved(path: str) -> Any:
    return da.moveaxis(da.moveaxis(da.from_zarr(path), 0, -1), -1, 0)


def worked_on(path: str) -> Any:
    def add(block: Array, other: Any, block_info: Any = None) -> Array:
        where = block_info[0]["array-location"]
        found: Array = block + other[tuple(slice(*w) for w in where)] - block
        return found

    return da.map_blocks(add, da.from_zarr(path), plain(path), dtype="u2")


KINDS = [plain, of_a_group, by_a_url, da.from_zarr, from_array, stacked, reversed_twice, chosen, moved, worked_on]


@pytest.mark.parametrize("opened", KINDS)
def test_a_folder_that_is_gone_is_an_error(path: str, opened: Callable[[str], Any]) -> None:
    source = checked(opened(path))
    assert (tuple(source.shape), source.dtype) == (PIXELS.shape, PIXELS.dtype)
    assert np.array_equal(source[...], PIXELS)
    window = (1, slice(3, 20), slice(None))
    assert np.array_equal(source[window], PIXELS[window])
    for name in ("s.zarr", "g.zarr"):
        Path(path).with_name(name).rename(Path(path).with_name(f"{name} aside"))
    with pytest.raises(SourceLost, match=r"zarr.*' cannot be read on .*: mount it again or bring it back"):
        source[window]
    for name in ("s.zarr", "g.zarr"):
        Path(path).with_name(f"{name} aside").rename(Path(path).with_name(name))
    assert np.array_equal(source[window], PIXELS[window])


@pytest.mark.parametrize("opened", [plain, da.from_zarr])
def test_a_chunk_that_is_gone_or_damaged_and_another_array_are_errors(path: str, opened: Callable[[str], Any]) -> None:
    source = checked(opened(path))
    time.sleep(0.05)  # times of folders are coarse
    (Path(path) / "c" / "2" / "1" / "0").write_bytes(b"\0\1\2")
    shutil.rmtree(Path(path) / "c" / "1")
    with pytest.raises(SourceLost, match="has no chunk c/1/"):
        source[1]
    with pytest.raises(DamagedPart, match="the chunk c/2/1/0 is damaged"):
        source[2]
    shutil.rmtree(path)
    zarr.create_array(path, shape=PIXELS.shape, chunks=(2, 24, 20), dtype="u2")
    with pytest.raises(SourceLost, match="has become another array"):
        source[0]


@pytest.mark.parametrize("opened", [plain, da.from_zarr])
def test_what_was_never_written_is_fill(path: str, opened: Callable[[str], Any]) -> None:
    zarr.create_array(path, shape=(2, 24, 20), chunks=(1, 24, 20), dtype="u2", fill_value=7, overwrite=True)
    assert (checked(opened(path))[1] == 7).all()


@pytest.mark.parametrize("opened", [plain, da.from_zarr])
def test_a_volume_whose_source_is_gone_is_no_zeros(
    path: str, opened: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write_models(tmp_path)
    monkeypatch.chdir(tmp_path)
    right = volume(PIXELS, (48, 40), model="tiny.safetensors", tile=14)
    found = volume(opened(path), (48, 40), model="tiny.safetensors", tile=14)
    assert np.array_equal(found.plane((1,)), right.plane((1,)))
    lazy = found.lazy()
    Path(path).rename(path + "-aside")
    with pytest.raises(SourceLost, match="cannot be read on"):
        found.plane((2,))
    with pytest.raises(SourceLost, match="cannot be read on"):
        lazy[3].compute(scheduler="synchronous")
    with pytest.raises(SourceLost, match="cannot be read on"):
        write_ome_zarr(found, tmp_path / "out.ome.zarr")
    Path(path + "-aside").rename(path)
    write_ome_zarr(found, tmp_path / "out.ome.zarr")
    assert np.array_equal(zarr.open_array(str(tmp_path / "out.ome.zarr" / "0"))[2], right.plane((2,)))


def test_what_has_no_place_stays_as_it_is(path: str) -> None:
    held = zarr.create_array(zarr.storage.MemoryStore(), data=PIXELS)
    assert checked(held) is held
    assert checked(PIXELS) is PIXELS
    source = ZarrSource.of(path)
    assert checked(source) is source
    lazy = checked(da.from_array(PIXELS))
    assert isinstance(lazy, DaskSource)
    assert np.array_equal(lazy[1:, 5], PIXELS[1:, 5])
    same = volume(PIXELS, (48, 40)).axes
    assert levels_of(lazy, same) == levels_of(PIXELS, same)
