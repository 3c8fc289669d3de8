"""A node is added to a copy of the checkout by the steps of ARCHITECTURE.md, and nothing breaks."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Of what the tests need, less what only takes time to copy.
PARTS = ("linf_nodes", "plugin_manifest", "web", "locales", "docs", "tests", "example_workflows", "weights")
FILES = ("ARCHITECTURE.md", "README.md", "Makefile", "pyproject.toml", "constraints.txt", "__init__.py")
CHECKS = ("test_comfyui_texts.py", "test_comfyui_schema.py", "test_napari_plugin.py")


def run(copy: Path, *words: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(words, cwd=copy, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_node_is_one_function_and_make_generated(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for part in PARTS:
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
    for name in FILES:
        shutil.copy(ROOT / name, checkout)
    (checkout / "installed").touch()  # newer than the project's file: make installs nothing
    (how,) = re.findall(r"```python\n(@node.*?)```", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.DOTALL)
    with (checkout / "linf_nodes" / "catalogue" / "filters.py").open("a", encoding="utf-8") as filters:
        filters.write(f"\n\n{how}")
    run(checkout, "make", "generated", f"BIN={Path(sys.executable).parent}", "STAMP=installed")

    assert "## Invert" in (checkout / "docs" / "nodes.md").read_text("utf-8")
    assert "linf-nodes.invert_widget" in (checkout / "plugin_manifest" / "napari.yaml").read_text("utf-8")
    assert "White becomes black" in (checkout / "web" / "docs" / "LINFInvert.md").read_text("utf-8")
    assert "LINFInvert" in json.loads((checkout / "locales" / "en" / "nodeDefs.json").read_text("utf-8"))
    checks = [f"tests/{name}" for name in CHECKS]
    said = run(checkout, sys.executable, "-m", "pytest", "-k", "comfyui or manifest", *checks)
    assert "100%" in said
    assert "invert" in run(checkout, sys.executable, "-m", "linf_nodes", "filter", "--help")
