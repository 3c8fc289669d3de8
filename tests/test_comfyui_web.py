"""What the browser greys: exactly what a run does not use, by the words of web/linf.js itself."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import linf_nodes as linf
from linf_nodes.catalogue import NODES
from linf_nodes.hosts.comfyui.details import details
from linf_nodes.hosts.comfyui.idle import idle_inputs

from .models import write_network
from .tiny import write_models

ROOT = Path(__file__).parents[1]
WAYS_OUT = {"latent", "strength", "auto_temperature", "temperature"}  # one of these stays on where nothing is added

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs node, which runs what the browser runs")

# What a user set on Upscale, the model's prior, and what is then off.
CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("learned", {}, {"temperature", "seed", "frame", "origin_y", "origin_x"}),
    ("tiny", {}, {"temperature"}),
    ("mean", {}, {"temperature", "auto_temperature", "strength", "seed", "frame", "origin_y", "origin_x"}),
    ("learned", {"latent": "drawn"}, {"temperature"}),
    ("learned", {"latent": "prior", "auto_temperature": False}, {"seed", "frame", "origin_y", "origin_x"}),
    ("tiny", {"auto_temperature": False}, set()),
    ("learned", {"auto_temperature": False}, set()),
    ("tiny", {"auto_temperature": False, "temperature": 0.0}, {"strength", "seed", "frame", "origin_y", "origin_x"}),
    (
        "tiny",
        {"auto_temperature": False, "temperature": 0.0, "strength": 0.0},
        {"temperature", "auto_temperature", "seed", "frame", "origin_y", "origin_x"},
    ),
    (
        "tiny",
        {"latent": "faithful"},
        {"temperature", "auto_temperature", "strength", "seed", "frame", "origin_y", "origin_x"},
    ),
    ("tiny", {"height": 90}, {"temperature", "scale", "scale_x"}),
    ("tiny", {"height": 90, "width": 90}, {"temperature", "scale", "scale_x"}),
    (
        "tiny",
        {"megapixels": 0.02, "multiple_of": 8},
        {"temperature", "longest_side", "shortest_side", "height", "width", "scale", "scale_x"},
    ),
    ("tiny", {"shortest_side": 90}, {"temperature", "height", "width", "scale", "scale_x"}),
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_models(folder)
    write_network(folder / "mean.safetensors", "liif")
    return folder


@pytest.fixture(autouse=True)
def at_hand(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LINF_MODELS", str(models))
    yield
    NODES["LINFModelCache"]({"release": True})


def shown(folder: Path, *cases: dict[str, Any]) -> list[dict[str, Any]]:
    """What the browser makes of nodes."""
    for path, text in (
        ("scripts/app.js", "export const app = { extensions: [], registerExtension(e) { this.extensions.push(e) } };"),
        ("package.json", '{"type": "module"}'),
        ("extensions/linf-nodes/linf.js", (ROOT / "web" / "linf.js").read_text("utf-8")),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    asked = json.dumps({"details": details(), "cases": cases})
    command = ["node", str(ROOT / "tests" / "comfyui_web.mjs"), str(folder)]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def upscale(model: str | None = "tiny", prior: str = "auto", **values: Any) -> dict[str, Any]:
    loader = {} if model is None else {"loader": {"model": model, "prior": prior}}
    return {"kind": "LINFUpscale", "values": _widgets("LINFUpscale") | values} | loader


def _widgets(kind: str) -> dict[str, Any]:
    return {i.name: i.default for i in NODES[kind].inputs if not i.socket}


def test_what_is_off_is_what_the_run_does_not_use(tmp_path: Path, models: Path) -> None:
    found = shown(tmp_path, *(upscale(model, **values) for model, values, _ in CASES))
    for (model, values, wanted), answer in zip(CASES, found, strict=True):
        off = set(answer["off"]) - {"aspect"}
        assert off == wanted, (model, values)
        given = {**NODES["LINFUpscale"].defaults, **values, "image": torch.zeros(1, 30, 40, 3)}
        idle = set(idle_inputs(given | {"linf_model": linf.load_model(str(models / f"{model}.safetensors"))}))
        assert off <= idle, (model, values)
        assert idle - off - {"aspect"} <= WAYS_OUT, (model, values)
        assert ("aspect" in answer["off"]) == ("aspect" in idle), (model, values)
        assert answer["restored"], "a field that is on again has its own name, and the tooltip of its translation"


def test_a_field_that_is_off_says_why_beside_its_name_and_under_the_mouse(tmp_path: Path) -> None:
    (answer,) = shown(tmp_path, upscale("learned", height=90))
    label, tip = answer["off"]["seed"]
    assert (label, tip) == ("seed (off: learned)", "Not used: learned detail is one picture, whatever the seed.")
    assert answer["off"]["scale"] == ["scale (off: by height)", "Not used: height decides the size."]


def test_a_prior_of_another_file_or_none_counts_and_what_cannot_be_told_is_on(tmp_path: Path) -> None:
    cases = [
        upscale("learned.safetensors"),
        upscale("learned", "none"),
        upscale("tiny", "learned"),
        {**upscale("learned"), "reroutes": 2},
        upscale("elsewhere"),
        upscale(None),
        {**upscale("learned"), "wired": ["auto_temperature"]},
        {**upscale("learned", megapixels=1.0), "wired": ["megapixels"]},
    ]
    found = shown(tmp_path, *cases)
    assert ["seed" in answer["off"] for answer in found] == [True, False, True, True, False, False, False, True]
    assert "scale" not in found[-1]["off"]


@pytest.mark.parametrize(
    ("kind", "values", "off"),
    [
        ("LINFSampleLatent", {"height": 90}, {"scale", "scale_x"}),
        ("LINFLearnedPrior", {"megapixels": 0.5}, {"scale", "scale_x", "height", "width"}),
        ("LINFUncertainty", {"width": 90}, {"scale", "scale_x"}),
        ("LINFCompose", {}, {"temperature"}),
        ("LINFCompose", {"auto_temperature": False, "temperature": 0.0}, {"strength"}),
        ("LINFEncodeLr", {"edges": "seamless"}, {"tile", "half"}),
        ("LINFCompare", {}, {"gain"}),
        ("LINFCompare", {"mode": "difference"}, set()),
        ("LINFResize", {"width": 9}, {"factor"}),
        ("LINFResize", {}, set()),
    ],
    ids=str,
)
def test_so_it_is_with_the_other_nodes(tmp_path: Path, kind: str, values: dict[str, Any], off: set[str]) -> None:
    (answer,) = shown(tmp_path, {"kind": kind, "values": _widgets(kind) | values})
    assert set(answer["off"]) == off
