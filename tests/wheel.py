"""A wheel of a clean copy, built with the setuptools at hand: no network."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def build_wheel(folder: Path) -> Path:
    """Copy what a wheel is made of and build it below `folder`; skips the test where setuptools is too old."""
    pip("wheel", ".", "--no-build-isolation", "-w", str(folder), folder=copied(folder))
    return next(folder.glob("*.whl"))


def copied(folder: Path) -> Path:
    """A copy below `folder` of what an install needs; skips the test where setuptools is too old."""
    if int(metadata.version("setuptools").partition(".")[0]) < 77:
        pytest.skip("setuptools is older than 77: install the extra dev")
    copy = folder / "copy"
    copy.mkdir()
    for name in ("linf_nodes", "weights", "plugin_manifest"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return copy


def environment(folder: Path) -> Path:
    """A virtual environment in `folder` that sees what is installed here, but not this package; its interpreter."""
    venv.create(folder)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    paths = sysconfig.get_path("purelib", vars={"base": str(folder)})
    Path(paths, "here.pth").write_text(sysconfig.get_path("purelib"), "utf-8")  # its own .pth files are not read
    return python


def pip(*arguments: str, folder: Path, python: Path = Path(sys.executable)) -> None:
    """Run pip in a folder, without dependencies."""
    env = {**os.environ, "PIP_QUIET": "1", "PIP_NO_DEPS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [str(python), "-m", "pip", *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
