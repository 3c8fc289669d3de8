"""A Zarr source that goes away is an error, never zeros; a chunk that was never written is its fill value."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from linf_nodes.errors import DamagedPart, SourceLost
from linf_nodes.stacks import file_stamp
from linf_nodes.stacks.zarr_source import ZarrSource


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ZarrSource, Path, Any]:
    monkeypatch.setattr(file_stamp, "WAITS", (0.0, 0.0))
    values = np.arange(4 * 6 * 8, dtype=np.uint16).reshape(4, 6, 8) + 1
    array = zarr.create_array(str(tmp_path / "a.zarr"), shape=values.shape, chunks=(1, 6, 8), dtype="u2", fill_value=7)
    array[:3] = values[:3]
    return ZarrSource.of(tmp_path / "a.zarr"), tmp_path / "a.zarr", values


def test_windows_are_the_array_s_and_what_was_never_written_is_fill(source: Any) -> None:
    found, _, values = source
    assert np.array_equal(found[1, 2:5, slice(None)], values[1, 2:5])
    assert np.array_equal(found[..., :3], np.concatenate([values[:3, :, :3], np.full((1, 6, 3), 7)]))
    assert (found[3] == 7).all()


def test_a_source_that_is_gone_is_no_zeros(source: Any) -> None:
    found, path, _ = source
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(SourceLost, match=r"cannot be read on .*: mount it again"):
        found[0]
    path.with_name("elsewhere").rename(path)
    assert found[0].shape == (6, 8)


def test_a_chunk_that_vanishes_is_no_fill(source: Any) -> None:
    found, path, _ = source
    time.sleep(0.05)  # times of folders are coarse
    shutil.rmtree(path / "c" / "1")
    with pytest.raises(SourceLost, match="has no chunk c/1/0/0, and its folder was changed"):
        found[1]


def test_another_array_in_its_place_is_told(source: Any) -> None:
    found, path, _ = source
    shutil.rmtree(path)
    zarr.create_array(str(path), shape=(4, 6, 8), chunks=(2, 6, 8), dtype="u2")
    with pytest.raises(SourceLost, match="has become another array"):
        found[0]


def test_a_damaged_chunk_is_named(source: Any) -> None:
    found, path, _ = source
    (path / "c" / "2" / "0" / "0").write_bytes(b"\0\1\2")
    with pytest.raises(DamagedPart, match="the chunk c/2/0/0 is damaged"):
        found[2]
    assert found[0].shape == (6, 8)
