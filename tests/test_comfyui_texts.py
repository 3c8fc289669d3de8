"""Help pages, translations and example graphs: complete, true to the catalogue, and small."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from linf_nodes.hosts.comfyui.host_nodes import every_node
from linf_nodes.hosts.comfyui.schema import output_fields, visible
from linf_nodes.hosts.comfyui.texts import english, help_page

ROOT = Path(__file__).parents[1]
NODES = {n.id: n for n in every_node()}
EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))
WANTED = {"one-click", "full-chain", "painted-mask", "cross-scale-latent", "upscale-filter-reduce", "batch"}
SAMPLES = ROOT / "example_workflows" / "input"
REPLACED = {"ImageBatch", "ImageScaleBy", "ResizeImagesByLongerEdge"}  # newer versions of ComfyUI have others for them
REWRITE = "run: python -m linf_nodes.hosts.comfyui.texts"

# The frontend's message format gives these a meaning of their own.
SPECIAL = re.compile(r"[{}@|]")


def names(language: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text("utf-8")))


def leaves(tree: Any) -> list[str]:
    return [tree] if isinstance(tree, str) else [leaf for branch in tree.values() for leaf in leaves(branch)]


def test_english_names_are_the_catalogue_s() -> None:
    assert names("en") == english(), REWRITE


@pytest.mark.parametrize("language", ["en", "zh", "ja"])
def test_what_is_translated_is_a_part_of_the_catalogue(language: str) -> None:
    """What is not translated yet, the frontend shows in English."""
    found = names(language)
    assert list(found) == [identity for identity in NODES if identity in found]
    for identity, told in found.items():
        assert set(told) <= {"display_name", "description", "inputs", "outputs"}
        assert set(told["inputs"]) <= {i.name for i in visible(NODES[identity])}, identity
        assert set(told["outputs"]) <= {str(k) for k, _ in enumerate(output_fields(NODES[identity]))}, identity
        assert all(set(i) == {"name", "tooltip"} for i in told["inputs"].values())
    assert all(leaf and not SPECIAL.search(leaf) for leaf in leaves(found))


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_translations_are_not_left_in_english(language: str) -> None:
    english_words = set(leaves(names("en")))
    assert not english_words & set(leaves(names(language)))


@pytest.mark.parametrize("identity", NODES)
def test_every_node_has_a_current_help_page(identity: str) -> None:
    page = (ROOT / "web" / "docs" / f"{identity}.md").read_text("utf-8")
    assert page.startswith(f"# {NODES[identity].title}\n")
    assert page == help_page(NODES[identity], page), REWRITE
    for name in re.findall(r"!\[.*?\]\((.*?)\)", page):
        with Image.open(ROOT / "web" / "docs" / name) as picture:
            assert picture.width >= 200


@pytest.mark.parametrize("identity", ["LINFEncodeLr", "LINFSampleLatent", "LINFFlowInverse", "LINFCompose"])
def test_help_of_the_explicit_chain_states_its_bytes(identity: str) -> None:
    page = (ROOT / "web" / "docs" / f"{identity}.md").read_text("utf-8")
    assert re.search(r"## Memory\n.*bytes\s+per\s+(input|output)?\s*pixel", page, re.DOTALL)


def test_no_page_is_left_over_and_all_are_small() -> None:
    files = [f for f in (ROOT / "web").rglob("*") if f.is_file()]
    assert {f.stem for f in files if f.suffix == ".md"} == set(NODES)
    assert sum(f.stat().st_size for f in files) < 3_000_000


def test_the_wanted_examples_are_there_with_thumbnails() -> None:
    assert {path.stem for path in EXAMPLES} >= WANTED
    for path in EXAMPLES:
        with Image.open(path.with_suffix(".jpg")) as thumbnail:
            assert min(thumbnail.size) >= 200
        assert path.with_suffix(".jpg").stat().st_size < 100_000


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_names_nothing_that_a_user_does_not_have(path: Path) -> None:
    saved = json.loads(path.read_text("utf-8"))
    for node in saved["nodes"]:
        assert not node["type"].startswith("LINF") or node["type"] in NODES
        if node["type"] in ("LoadImage", "LoadVideo"):
            assert (SAMPLES / node["widgets_values"][0]).is_file(), "a picture that the pack offers"
        assert node["type"] not in REPLACED
        if node["type"] == "LINFLoadModel":
            assert node["widgets_values"][0] == "photo", "the model that comes with the pack"


def test_docs_name_real_tests() -> None:
    page = (ROOT / "docs" / "comfyui.md").read_text("utf-8")
    written = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) >= 10
    missing = {
        name for name in named if f"def {name}(" not in written and not (ROOT / "tests" / f"{name}.py").is_file()
    }
    assert not missing
