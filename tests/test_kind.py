"""Model and detail where nobody chose: one rule for napari's dock and `linf stack`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from linf_nodes.hosts.cli.main import main
from linf_nodes.pictures.kind import chosen, is_photo
from linf_nodes.stacks.stack_file import open_stack

FAITHFUL = {"model": "microscopy", "latent": "faithful"}


@pytest.mark.parametrize(
    ("dtype", "colour", "photo"),
    [("u1", True, True), (">u1", True, True), ("u2", True, False), ("f4", True, False), ("u1", False, False),
     ("i1", True, False), ("u2", False, False), ("f4", False, False)],
)  # fmt: skip
def test_eight_bit_colour_is_a_photograph(dtype: str, colour: bool, photo: bool) -> None:
    assert is_photo(np.dtype(dtype), colour) == photo


@pytest.mark.parametrize(
    ("given", "photo", "measured"),
    [
        ({}, {"model": "photo"}, FAITHFUL),
        ({"model": "auto", "latent": "auto", "prior": "auto"}, {"model": "photo"}, FAITHFUL),
        ({"temperature": 0.5, "auto_temperature": True, "seed": 7}, {"model": "photo"}, FAITHFUL),
        ({"temperature": 0.5, "auto_temperature": False}, {"model": "photo"}, {"model": "microscopy"}),
        ({"latent": "drawn"}, {"model": "photo"}, {"model": "microscopy"}),
        ({"prior": "none"}, {"model": "photo"}, {"model": "microscopy"}),
        ({"model": "photo"}, {}, {}),
        ({"model": "microscopy", "latent": "drawn"}, {}, {}),
    ],
)
def test_what_is_chosen_stays_and_the_rest_is_by_the_kind(given: Any, photo: Any, measured: Any) -> None:
    assert chosen(given, photo=True) == photo
    assert chosen(given, photo=False) == measured


@pytest.mark.parametrize(
    ("shape", "dtype", "options", "said", "made"),
    [
        ((20, 24), "u2", [], "microscopy, faithful: no detail is added;", ("microscopy", "faithful")),
        ((20, 24), "u1", ["--model", "auto"], "microscopy, faithful:", ("microscopy", "faithful")),
        ((20, 24, 3), "u2", [], "microscopy, faithful:", ("microscopy", "faithful")),
        ((20, 24), "f4", ["--temperature", "0.4"], "microscopy;", ("microscopy", "drawn")),
        ((20, 24, 3), "u1", [], "photo;", ("photo", "learned")),
        ((20, 24), "u2", ["--model", "photo-tiny"], "", ("photo-tiny", "drawn")),
    ],
)
def test_a_stack_without_a_model_gets_one_of_its_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: Any, dtype: str, options: Any, said: str, made: Any
) -> None:
    source = tmp_path / "in.tif"
    values = (np.random.default_rng(0).random(shape) * 200).astype(dtype)
    tifffile.imwrite(source, values, photometric="rgb" if len(shape) > 2 else "minisblack")
    assert (open_stack(source).axes.colour is not None) == (len(shape) > 2)
    target = tmp_path / "out.ome.tif"
    words = ["stack", str(source), str(target), "--scale", "2", "--device", "cpu", "--json", *options]
    assert main(words) == 0
    found = capsys.readouterr()
    assert (f"note: the model is {said}" in found.err) if said else "the model is" not in found.err
    record = json.loads(found.out)
    assert (record["model"], record["latent"]) == made
