"""Named presets: found, saved, changed and run; the bundled ones are graphs that run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linf_nodes.catalogue import NODES
from linf_nodes.errors import BadValue, BadWorkflow
from linf_nodes.hosts.cli.main import main
from linf_nodes.pictures import read_picture, read_recipe
from linf_nodes.workflow import Preset, find_preset, one_click_graph, parse_graph, presets, save_preset, with_values
from linf_nodes.workflow.library import about, bundled_presets

from .tiny import write_models, write_png

BUNDLED = sorted(bundled_presets().glob("*.json"))
GRAPH = one_click_graph({"model": "tiny"}, {"scale": 2.0})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Models and presets of a user."""
    models = tmp_path / "models"
    models.mkdir()
    write_models(models)
    monkeypatch.setenv("LINF_MODELS", str(models))
    monkeypatch.setenv("LINF_PRESETS", str(tmp_path / "presets"))
    yield tmp_path / "presets"
    NODES["LINFModelCache"]({"release": True})


def test_a_saved_preset_is_found_under_its_name(home: Path) -> None:
    path = save_preset("my own", GRAPH)
    assert path == home / "my own.json"
    assert list(presets())[-1] == "my own"
    assert find_preset("my own") == path
    assert parse_graph(json.loads(path.read_text())).source == GRAPH


def test_another_folder_takes_the_place_of_the_user_s(tmp_path: Path) -> None:
    save_preset("mine", GRAPH)
    save_preset("host's", GRAPH, tmp_path / "host")
    assert "host's" in presets(tmp_path / "host")
    assert "mine" not in presets(tmp_path / "host")
    assert {p.stem for p in BUNDLED} <= set(presets(tmp_path / "host"))


def test_an_older_preset_goes_only_when_that_is_said(home: Path) -> None:
    path = save_preset("p", GRAPH)
    with pytest.raises(BadValue, match="'p' already"):
        save_preset("p", with_values(GRAPH, {"3.scale": 3.0}))
    assert json.loads(path.read_text()) == GRAPH
    save_preset("p", with_values(GRAPH, {"3.scale": 3.0}), replace=True)
    assert json.loads(path.read_text())["3"]["inputs"]["scale"] == 3.0
    assert [p.name for p in home.iterdir()] == ["p.json"]


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".hidden", "a\\b", "x" * 101, "a\nb", " a", "c:"])
def test_names_that_cannot_be_files_are_refused(name: str, home: Path) -> None:
    with pytest.raises(BadValue, match="cannot be named"):
        save_preset(name, GRAPH)
    assert not home.exists()


def test_a_graph_that_would_not_run_is_not_saved(home: Path) -> None:
    with pytest.raises(BadWorkflow, match="KSampler"):
        save_preset("p", {**GRAPH, "9": {"class_type": "KSampler", "inputs": {}}})
    assert not home.exists()


def test_a_bundled_name_is_never_hidden(home: Path) -> None:
    name = BUNDLED[0].stem
    with pytest.raises(BadValue, match="bundled"):
        save_preset(name, GRAPH)
    home.mkdir()
    (home / f"{name}.json").write_text("{}")
    assert find_preset(name) == BUNDLED[0]


def test_an_unknown_name_is_answered_with_those_at_hand() -> None:
    with pytest.raises(BadWorkflow, match=rf"'none of them'.*{BUNDLED[0].stem}"):
        find_preset("none of them")


def test_values_change_by_place_or_by_a_name_that_is_alone() -> None:
    assert with_values(GRAPH, {"3.scale": 3})["3"]["inputs"]["scale"] == 3
    assert with_values(GRAPH, {"scale": 3})["3"]["inputs"]["scale"] == 3
    assert with_values(GRAPH, {"3.seed": 4})["3"]["inputs"]["seed"] == 4
    assert GRAPH["3"]["inputs"]["scale"] == 2.0, "the graph itself stays"


@pytest.mark.parametrize(
    ("place", "said"),
    [("9.scale", "node '9'"), ("3.image", "wired"), ("seed", "ID.seed"), ("image", "ID.image"), ("nothing", "no node")],
)
def test_changes_that_belong_nowhere_are_refused(place: str, said: str) -> None:
    two = {**GRAPH, "5": GRAPH["1"]}
    with pytest.raises(BadWorkflow, match=said):
        with_values(two, {place: 1})


@pytest.mark.parametrize("path", BUNDLED, ids=lambda p: p.stem)
def test_a_bundled_preset_runs_and_says_what_it_does(path: Path, tmp_path: Path) -> None:
    source: dict[str, Any] = json.loads(path.read_text("utf-8"))
    assert about(source).endswith(".")
    loader = next(i for i, e in source.items() if e["class_type"] == "LINFLoadModel")
    assert source[loader]["inputs"]["model"] in {p.stem for p in (Path(__file__).parents[1] / "weights").iterdir()}
    width = next((e["inputs"]["width"] for e in source.values() if "width" in e["inputs"]), 0)
    graph = with_values(source, {"width": 50} if width else {})
    write_png(tmp_path / "in.png", 12, 16)
    made = Preset.of(parse_graph(graph)).apply(read_picture(tmp_path / "in.png"), tmp_path / "out.png")
    assert made.pixels.shape[1] == 50 if width else made.pixels.shape[1] >= 32
    recipe = read_recipe(tmp_path / "out.png")
    assert recipe is not None
    assert recipe["preset"] == graph


def test_the_command_line_runs_a_preset_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_preset("mine", GRAPH)
    write_png(tmp_path / "in.png", 12, 16)
    sizes = []
    for extra in ([], ["--set", "scale=3", "--set", "3.latent=noise"]):
        assert main(["run", "mine", str(tmp_path / "in.png"), str(tmp_path / "out.png"), *extra]) == 0
        sizes.append(read_picture(tmp_path / "out.png").pixels.shape[:2])
    assert np.array_equal(sizes, [(24, 32), (36, 48)])
    assert main(["run", "mine", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--set", "scale=90"]) == 2
    assert "90" in capsys.readouterr().err


def test_the_command_line_lists_presets(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    (home / "broken.json").write_text("{")
    assert main(["presets"]) == 0
    said = capsys.readouterr().out
    assert all(p.stem in said for p in BUNDLED)
    assert "not JSON" in said
    assert main(["presets", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["folder"] == str(home)
    assert {p["name"]: p["where"] for p in found["presets"]}["broken"] == "user folder"
