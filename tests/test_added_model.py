"""A model is added to a copy of the checkout by the steps of docs/adding_a_model.md, and everything runs with it."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from .test_added_node import FILES, PARTS, ROOT, run
from .tiny import write_png

RECIPE = """
data = ["data"]
out = "run"
steps = 20
batch = 2
crop = 12
queries = 30
bfloat16 = false
[model]
name = "toy"
args = { encoder_spec = { name = "edsr-baseline", args = { n_resblocks = 1, n_feats = 8 } } }
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("toy") / "checkout"
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
    for name in FILES:
        shutil.copy(ROOT / name, copy)
    page = (ROOT / "docs" / "adding_a_model.md").read_text("utf-8")
    model, line = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (copy / "linf_nodes" / "models" / "toy.py").write_text(model, "utf-8")
    registry = copy / "linf_nodes" / "models" / "registry.py"
    last = "NETWORKS |= liif.ENTRIES\n"
    text = registry.read_text("utf-8").replace("swinir, unet", "swinir, toy, unet").replace(last, last + line)
    assert text.count("toy") == 2
    registry.write_text(text, "utf-8")
    return copy


def test_the_contract_s_tests_run_with_it(checkout: Path) -> None:
    checks = ("test_conformance.py", "test_training_families.py", "test_package.py")
    said = run(checkout, sys.executable, "-m", "pytest", "-k", "toy or arrows", *(f"tests/{name}" for name in checks))
    assert said.split("[")[0].count(".") >= 24


def test_it_trains_and_enlarges_a_picture_and_a_stack(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_png(tmp_path / "data" / "a.png", 60, 60)
    (tmp_path / "toy.toml").write_text(RECIPE)
    linf = (sys.executable, "-m", "linf_nodes")
    weights = tmp_path / "toy.safetensors"
    run(checkout, *linf, "train", str(tmp_path / "toy.toml"), "--export", str(weights))
    assert "Toy" in run(checkout, *linf, "info", str(weights))
    picture = write_png(tmp_path / "in.png")
    run(checkout, *linf, "upscale", str(picture), str(tmp_path / "out.png"), "--model", str(weights))
    tifffile.imwrite(tmp_path / "in.tif", np.random.default_rng(0).integers(0, 60000, (5, 20, 16), np.uint16))
    stack = (str(tmp_path / "in.tif"), str(tmp_path / "out.tif"), "--scale", "2", "--model", str(weights))
    run(checkout, *linf, "stack", *stack)
    assert tifffile.imread(tmp_path / "out.tif").shape == (5, 40, 32)
