"""Runs that are disturbed at random moments end right or say why, and a resume gives the undisturbed result."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KINDS = ["killed_and_damaged", "replaced", "damaged", "second_run", "target_blinks", "client_killed"]


@pytest.mark.skipif(
    sys.platform != "linux" or not all(map(find_spec, ("ome_zarr", "distributed"))),
    reason="forks of Linux, and the extra zarr, are needed",
)
def test_a_run_that_is_disturbed_is_right_or_says_why() -> None:
    command = [sys.executable, "benchmarks/faults.py", "--runs", str(len(KINDS)), "--kinds", *KINDS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"| **all** | {len(KINDS)} |" in done.stdout
