"""The preview's parts against the stack engine, and what fits where; needs no display and no napari."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("psutil", reason="psutil comes with napari")

from linf_nodes import memory
from linf_nodes.errors import BadValue
from linf_nodes.hosts.napari.budget import check_disk, check_memory, time_text
from linf_nodes.hosts.napari.dock.preview import hold
from linf_nodes.hosts.napari.layers.options import Options
from linf_nodes.hosts.napari.layers.view import Rectangle
from linf_nodes.memory import memory_text
from linf_nodes.stacks.axes import Axes
from linf_nodes.stacks.volume import Settings, Volume

from . import tiny

VIEW = Rectangle(10, 61, 7, 80)


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.write_models(tmp_path)
    monkeypatch.setenv("LINF_MODELS", str(tmp_path))


def pictures() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    spikes = (1000 + 50 * rng.standard_normal((2, 40, 50))).astype(np.uint16)
    spikes[:, 20, 20] = 60000
    return {
        "grey": rng.integers(0, 60000, (2, 40, 50)).astype(np.uint16),
        "spikes": spikes,
        "float": rng.standard_normal((2, 40, 50)).astype(np.float32),
        "rgb": rng.integers(0, 255, (40, 50, 3), np.uint8),
        "rgba": rng.integers(0, 255, (40, 50, 4), np.uint8),
    }


@pytest.mark.parametrize("model", ["tiny", "learned"])
@pytest.mark.parametrize("kind", list(pictures()))
def test_a_preview_is_a_piece_of_the_result(kind: str, model: str) -> None:
    data = pictures()[kind]
    colour = data.shape[-1] < 5
    amounts: dict[str, Any] = {"temperature": 0.8, "auto_temperature": False, "strength": 0.6}
    volume = Volume(data, Axes.of(data.shape, colour), (83, 107), Settings(model=model, **amounts))
    index = () if colour else (1,)
    held = hold(volume, index, VIEW)
    shown = held.picture(held.amount(Options(model=model, **amounts)))
    exact = volume.plane(index)[VIEW.top : VIEW.bottom, VIEW.left : VIEW.right]
    assert (shown.shape, shown.dtype) == (exact.shape, exact.dtype)
    scale = 1e-4 * float(np.ptp(data)) if data.dtype.kind == "f" else 1
    assert np.abs(shown.astype(np.float64) - exact).max() <= scale


def test_zero_is_the_mean_and_auto_is_the_card() -> None:
    data = pictures()["grey"]
    volume = Volume(data, Axes.of(data.shape), (80, 100), Settings(model="tiny"))
    held = hold(volume, (0,), VIEW)
    exact = volume.plane((0,), "mean")[VIEW.top : VIEW.bottom, VIEW.left : VIEW.right]
    assert np.abs(held.picture(0).astype(int) - exact).max() <= 1
    assert held.amount(Options()) == 0.25
    assert held.amount(Options(auto_temperature=False, temperature=1.5)) == 1.5


def test_what_does_not_fit_is_refused_with_both_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 2_000_000_000)
    check_memory(1_590_000_000)
    for needed in (3_100_000_000, 1_610_000_000):  # more than four fifths of it
        with pytest.raises(BadValue, match=r"takes .* GB of memory, but 2 GB are free .*: write it to OME-Zarr"):
            check_memory(needed)
    monkeypatch.setenv(memory.IGNORE, "1")
    check_memory(3_100_000_000)
    check_disk(10, tmp_path / "not" / "there.ome.zarr")
    with pytest.raises(BadValue, match=r"takes up to 1\.5 TB and 10 bytes are free on the disk"):
        check_disk(1_500_000_000_000, tmp_path / "a.ome.zarr", free=10)


def test_numbers_for_people() -> None:
    assert [memory_text(n) for n in (12, 1500, 2_097_152, 999_600_000)] == ["12 bytes", "1.5 kB", "2.1 MB", "1 GB"]
    assert [time_text(s) for s in (0.2, 59.7, 750, 9000)] == ["1 s", "60 s", "12 min", "2.5 h"]
