"""A wheel of a clean copy, built with the setuptools at hand: no network."""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def build_wheel(folder: Path) -> Path:
    """Copy what a wheel is made of and build it below `folder`; skips the test where setuptools is too old."""
    if int(metadata.version("setuptools").partition(".")[0]) < 77:
        pytest.skip("setuptools is older than 77: install the extra dev")
    copy = folder / "copy"
    copy.mkdir()
    for name in ("linf_nodes", "weights", "plugin_manifest"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    pip("wheel", ".", "--no-build-isolation", "-w", str(folder), folder=copy)
    return next(folder.glob("*.whl"))


def pip(*arguments: str, folder: Path) -> None:
    """Run pip in a folder, without dependencies."""
    env = {**os.environ, "PIP_QUIET": "1", "PIP_NO_DEPS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
