"""`linf run` on stacks, and `linf stack` on any number of threads and processes."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from linf_nodes.catalogue import NODES
from linf_nodes.hosts.cli.main import main
from linf_nodes.stacks.stack_file import open_stack

from . import tiny
from .stacks import Array, stack

ROOT = Path(__file__).parents[1]

zarr = pytest.importorskip("zarr")
pytest.importorskip("ome_zarr")
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny.write_models(tmp_path)
    tifffile.imwrite(tmp_path / "in.tif", stack(3, 20, 15), photometric="minisblack", metadata={"axes": "ZYX"})
    zarr.create_array(str(tmp_path / "in.zarr"), data=stack(3, 20, 15))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def preset(folder: Path, **values: Any) -> str:
    model = {"model": str(folder / "tiny.safetensors"), "device": "cpu"}
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
        "2": {"class_type": "LINFLoadModel", "inputs": model},
        "3": {"class_type": "LINFUpscale", "inputs": {"linf_model": ["2", 0], "image": ["1", 0], **values}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
    }
    (folder / "p.json").write_text(json.dumps(graph))
    return "p.json"


def samples(path: str) -> Array:
    found: Array = np.asarray(open_stack(path).source[(slice(None),) * 3])
    return found


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"scale": 2.5, "seed": 4}, ["--scale", "2.5", "--seed", "4"]),
        ({"scale": 2.0, "scale_x": 3.0, "latent": "faithful"}, ["--scale", "2,3", "--latent", "faithful"]),
        ({"height": 41, "auto_temperature": False, "temperature": 1.0}, ["--size", "41x0", "--temperature", "1"]),
        (
            {"megapixels": 0.003, "latent": "noise", "tile": 16},
            ["--megapixels", "0.003", "--latent", "drawn", "--tile=16"],
        ),
        ({"longest_side": 70, "multiple_of": 8, "passes": 2}, ["--longest-side=70", "--multiple-of=8", "--passes=2"]),
        (
            {i.name: i.default for i in NODES["LINFUpscale"].inputs if not i.socket},  # as ComfyUI saves them all
            ["--scale", "4", "--temperature", "auto"],
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_preset_does_as_linf_stack(folder: Path, values: dict[str, Any], words: list[str]) -> None:
    name = preset(folder, **values)
    common = ["--model", "tiny.safetensors", "--device", "cpu"]
    assert main(["stack", "in.tif", "a.ome.tif", *common, *words]) == 0
    assert main(["run", name, "in.tif", "b.tif"]) == 0
    assert main(["run", name, "in.zarr", "c.ome.zarr"]) == 0
    assert np.array_equal(samples("a.ome.tif"), samples("b.tif"))
    assert np.array_equal(samples("a.ome.tif"), samples("c.ome.zarr"))


def test_a_preset_that_does_more_points_to_linf_stack(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "sharpen-then-upscale", "in.zarr", "out.ome.zarr"]) == 2
    assert "use linf stack IN OUT" in capsys.readouterr().err
    assert main(["run", preset(folder, frame=3), "in.zarr", "out.ome.zarr"]) == 2
    assert "sets frame to 3" in capsys.readouterr().err
    assert not Path("out.ome.zarr").exists()


def test_a_picture_is_still_a_picture(folder: Path) -> None:
    tifffile.imwrite("one.tif", stack(20, 15, dtype=np.uint8, high=255))
    assert main(["run", preset(folder, scale=2.0), "one.tif", "out.tif"]) == 0
    assert tifffile.imread("out.tif").shape == (40, 30)
    assert main(["run", "p.json", "in.tif", "first.png"]) == 0


@pytest.mark.skipif(not (find_spec("distributed") and find_spec("cryptography")), reason="the extra zarr is missing")
def test_any_number_of_workers_gives_the_same_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    source = stack(2, 90, 70, dtype=np.float32)
    np.save("in.npy", source)
    words = ["in.npy", "--scale", "3", "--model", "photo-tiny", "--device", "cpu", "--tile", "40", "--temperature", "1"]
    before = torch.get_num_threads()
    try:
        for number, more in enumerate(([], ["--workers", "1"], ["--workers", "2"])):
            torch.set_num_threads(number + 1)
            assert main(["stack", *words, f"{number}.ome.zarr", *more]) == 0
        assert main(["stack", *words, "tiff.ome.tif"]) == 0
    finally:
        torch.set_num_threads(before)
    first = samples("0.ome.zarr")
    for name in ("1.ome.zarr", "2.ome.zarr", "tiff.ome.tif"):
        assert samples(name).tobytes() == first.tobytes()


@pytest.mark.parametrize("target", ["out.ome.zarr", "out.ome.tif"])
def test_the_check_of_the_disk_can_be_left_out(
    folder: Path, target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    words = ["stack", "in.tif", target, "--scale", "2", "--model", "tiny.safetensors", "--device", "cpu"]
    assert main(words) == 2
    assert "--ignore-free-space" in capsys.readouterr().err
    assert not Path(target).exists()
    assert main([*words, "--ignore-free-space"]) == 0
    assert samples(target).shape == (3, 40, 30)


@pytest.mark.skipif(not (find_spec("upath") and find_spec("fsspec")), reason="the extra remote is not installed")
def test_results_are_written_to_urls(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import fsspec

    words = ["--scale", "2", "--model", "tiny.safetensors", "--device", "cpu"]
    url = "memory://bucket/out.ome.zarr"
    assert main(["stack", "in.tif", "out.ome.zarr", *words]) == 0
    assert main(["stack", "in.tif", url, *words]) == 0
    assert np.array_equal(samples(url), samples("out.ome.zarr"))
    assert main(["stack", "in.tif", url, *words]) == 2
    assert "add --resume" in capsys.readouterr().err
    files = fsspec.filesystem("memory")
    files.rm("/bucket/out.ome.zarr/0/c/1/0/0")
    assert not np.array_equal(samples(url), samples("out.ome.zarr"))
    assert main(["stack", "in.tif", url, *words, "--resume"]) == 0
    assert np.array_equal(samples(url), samples("out.ome.zarr"))
    assert main(["stack", url, url, *words]) == 2
    files.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("http://127.0.0.1:1/x.ome.zarr", "nothing can be written"),
        ("nosuch://place/x.ome.zarr", "cannot be written to|not installed"),
        ("memory://bucket/x.ome.tif", "a TIFF on a server|not installed"),
        ("memory://bucket/x.png", "neither .ome.zarr nor|not installed"),
    ],
)
def test_urls_that_hold_no_result_are_refused(
    folder: Path, target: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stack", "in.tif", target, "--scale", "2", "--model", "tiny.safetensors"]) == 2
    said = capsys.readouterr().err
    assert re.search(says, said)
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["run", "p.json", "in.png", "out.png"], ["stack", "in.tif", "out.ome.tif", "--model", "tiny.safetensors"]]
)
def test_what_needs_no_zarr_runs_without_it(folder: Path, words: list[str]) -> None:
    preset(folder, scale=2.0)
    Image.fromarray(np.zeros((12, 14, 3), np.uint8)).save(folder / "in.png")
    code = "import sys; sys.modules['zarr'] = None; from linf_nodes.hosts.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *words, *["--device=cpu"] * (words[0] == "stack")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (folder / words[-1 if words[0] == "run" else 2]).is_file()
