"""The script for a rented GPU, rehearsed on the CPU: two calls on two machines that lack most packages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from linf_nodes.models.checkpoint import read_weights
from linf_nodes.training.checkpoint import load_state
from linf_nodes.training.log import Log

from .models import picture
from .test_training import MODEL

ROOT = Path(__file__).parents[1]
MISSING = ("tqdm", "dask", "distributed", "zarr", "ome_zarr", "magicgui", "napari", "qtpy", "psutil", "matplotlib")

pytestmark = pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="a shell script")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A clone as the script sees it, with pictures and a recipe; only needed packages are there, and no AVIF."""
    clone = tmp_path / "clone"
    (clone / "recipes").mkdir(parents=True)
    for name in ("linf_nodes", "weights", "plugin_manifest"):
        (clone / name).symlink_to(ROOT / name)
    for name in ("gpu.sh", "part.py"):
        shutil.copy(ROOT / "recipes" / name, clone / "recipes")
    (clone / "recipes" / "r.toml").write_text(
        f'data = ["x"]\nout = "y"\nbatch = 2\ncrop = 8\nqueries = 9\npreview_every = 5\n{MODEL}'
    )
    for folder, count in (("pictures", 6), ("hr", 1)):
        (tmp_path / folder).mkdir()
        for i in range(count):
            pixels = (picture(48, 48, seed=i)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{i}.png")
    rows = "".join(f"{i}.png,CC0,Ann {i}\n" for i in range(6))
    (tmp_path / "pictures" / "manifest.csv").write_text("file,licence,attribution\n" + rows)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        f"import sys\nfor name in {MISSING}:\n    sys.modules[name] = None\n"
        "from PIL import features\nchecked = features.check\n"
        "features.check = lambda name: name != 'avif' and checked(name)\n"
    )
    return clone


def script(clone: Path, *args: object, **more: str) -> str:
    env = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(clone.parent / "site"), "OMP_NUM_THREADS": "1"}
    env = {**env, "SCALES": "2", "LICENCE": "CC0", "DEVICE": "cpu", **more}
    command = ["bash", str(clone / "recipes" / "gpu.sh"), *map(str, args)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_two_calls_on_two_machines_train_one_model(machine: Path) -> None:
    pictures = machine.parent / "pictures"
    size = sum(file.stat().st_size for file in pictures.glob("*.png"))
    said = script(machine, "pack", pictures, 0.6 * size / 2**20, machine.parent / "hr")
    place = machine / "runs" / "gpu"
    packed = sorted(file.name for file in (place / "data").glob("*.png"))
    assert said.startswith(f"{len(packed)} of 6 files")
    assert 2 <= len(packed) <= 4
    rows = (place / "data" / "manifest.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == packed
    assert (place / "site" / "tifffile" / "__init__.py").is_file()

    first = machine.parent / "first"
    told = script(machine, "train", "recipes/r.toml", 0.06, 0.02, "--steps", 50, OUT=str(first))
    assert "| **mean** |" in told
    half = load_state(place / "run" / "state.pt", torch.device("cpu"))
    assert 1 <= half["seconds"] < 3
    assert len(list(first.iterdir())) <= 8
    assert all(file.stat().st_size <= 16 * 2**20 for file in first.iterdir())

    shutil.rmtree(place / "run")  # another machine: what comes is the folder that was packed, and the files state.*
    for file in first.glob("state.*"):
        shutil.copy(file, place)
    second = machine.parent / "second"
    told = script(machine, "train", "recipes/r.toml", 0.06, 1, "--steps", 50, OUT=str(second))
    assert f"goes on from step {half['step']}" in told
    whole = load_state(place / "run" / "state.pt", torch.device("cpu"))
    assert whole["seconds"] >= 3.6
    assert whole["step"] > half["step"]
    made = read_weights(second / "model.safetensors")
    assert made.card["licence"] == "CC0"
    assert made.card["training"]["steps"] == whole["step"]
    assert made.card["training"]["licences"] == {"CC0 or public domain": len(packed)}
    steps = [int(row["step"]) for row in Log(place / "run" / "log.csv").rows()]
    assert steps == sorted(set(steps))

    (place / "state.part.aa").write_bytes(b"cut")
    shutil.rmtree(place / "run")
    with pytest.raises(AssertionError, match=r"state\.part\.aa: FAILED"):
        script(machine, "train", "recipes/r.toml", 0.06, 1)


@pytest.mark.parametrize("folder", ["data", "hr"])
def test_a_machine_without_avif_refuses_what_is_packed_of_it(machine: Path, folder: str) -> None:
    (machine / "runs" / "gpu" / folder).mkdir(parents=True)
    (machine / "runs" / "gpu" / folder / "a.avif").touch()
    with pytest.raises(AssertionError, match="Pillow here reads no AVIF: pack pictures of another kind"):
        script(machine, "train", "recipes/r.toml", 0.06, 1)


def test_a_call_that_is_no_call_says_how(machine: Path) -> None:
    with pytest.raises(AssertionError, match=r"recipes/gpu\.sh pack PICTURES MIB"):
        script(machine, "train", "recipes/r.toml")
