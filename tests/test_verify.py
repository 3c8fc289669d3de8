"""The networks meet the reference vectors; the product's own grid meets them wherever the published grid is sound."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from linf_nodes.errors import BadValue
from linf_nodes.evaluation.vectors import Case
from linf_nodes.evaluation.verify import FAMILIES, verify_case, verify_folder
from linf_nodes.hosts.cli.main import main
from linf_nodes.pipeline.blocks import Block, Span
from linf_nodes.pipeline.fields import field_class
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.model import LoadedModel, prepare

VECTORS = Path(__file__).parent / "vectors"
FILES = sorted(VECTORS.glob("*.safetensors"))
PLAIN = [p for p in FILES if p.stem.startswith(("liif", "metasr", "lte"))]
DRAWN = [p for p in FILES if p.stem.startswith("linf") and "window" not in p.stem]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_small_vectors_are_met(path: Path) -> None:
    outcome = verify_case(path)
    assert outcome.passed, (outcome.reason, outcome.errors)
    assert outcome.errors


def test_every_vector_of_a_family_that_runs_is_met(shared: Path) -> None:
    outcomes = [o for o in verify_folder(shared / "golden" / "dev") if o.family in FAMILIES]
    assert len(outcomes) == 29
    assert not [(o.case, o.reason, o.errors) for o in outcomes if not o.passed]


def product(case: Case) -> tuple[Any, Block]:
    network, device = case.network(), torch.device("cpu")
    model = LoadedModel(*prepare(network, None, device, torch.float32), "", "", device, torch.float32)
    lr = case.tensors["in.lr01"][0]
    grid = Grid((lr.shape[1], lr.shape[2]), case.size("hr_hw"), network.patch_size)
    return field_class(model)(model, lr, grid), Block(Span(0, grid.patches[0]), Span(0, grid.patches[1]))


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.stem.startswith(("liif", "metasr", "lte"))], ids=lambda p: p.stem
)
def test_the_product_gives_the_published_picture(path: Path) -> None:
    case = Case.read(path)
    field, block = product(case)
    with torch.inference_mode():
        ours = field.base(block.pixels(field.grid)) + field.mean(block)
    reference = case.tensors["out.sr"][0] * 0.5 + 0.5
    assert (ours - reference).abs().max() < 3e-6 * case.tensors["out.sr"].abs().max()


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.stem.startswith("linf") and "window" not in p.stem], ids=lambda p: p.stem
)
def test_the_products_grid_and_closed_form_give_the_same_picture(path: Path) -> None:
    case = Case.read(path)
    field, block = product(case)
    z = case.tensors["in.z"][0].permute(1, 2, 0)[: block.rows.stop, : block.cols.stop]
    with torch.inference_mode():
        base = field.base(block.pixels(field.grid))
        ours = {
            "out.sr_tau0": base + field.mean(block),
            "out.inverse_given_z": base + field.draw(block, z),
        }
        mu, detail = field.mean_and_detail(block, z)
        ours["out.sr_tau0.6_given_z"] = base + mu + 0.6 * detail
    for key, picture in ours.items():
        reference = case.tensors[key][0] * 0.5 + 0.5
        worst = (picture - reference).abs() / case.tensors[key].abs().max()
        sound = worst[:, : sound_end(field.grid, 0), : sound_end(field.grid, 1)]
        assert sound.max() < 3e-6, key  # the product's coordinates are exact, the published ones float32


def sound_end(grid: Grid, axis: int) -> int:
    """The last output pixel before a patch that the published grid gives the picture's centre as coordinate."""
    n, patch = grid.hr_size[axis], grid.patch
    return n - 1 if patch == 3 and n % 3 == 1 else n


def test_the_published_defect_is_not_reproduced() -> None:
    """40 = 13 * 3 + 1: the published last row is drawn from the picture's centre; ours continues the row before."""
    case = Case.read(VECTORS / "linf-patch_edsr_x4.safetensors")
    field, block = product(case)
    with torch.inference_mode():
        ours = field.base(block.pixels(field.grid)) + field.mean(block)
    published = case.tensors["out.sr_tau0"][0] * 0.5 + 0.5
    assert (ours[:, -1] - published[:, -1]).abs().max() > 0.05


def test_a_wrong_vector_fails_and_says_by_how_much(tmp_path: Path) -> None:
    source = FILES[0]
    with safe_open(source, "pt") as file:
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        header = file.metadata()
    key = next(k for k in tensors if k.startswith("out."))
    tensors[key] = tensors[key] + 1e-4 * tensors[key].abs().max()
    save_file(tensors, tmp_path / "wrong.safetensors", header)
    save_file(tensors, tmp_path / "foreign.safetensors", {**header, "family": "hermit"})
    outcomes = {o.case: o for o in verify_folder(tmp_path)}
    assert not outcomes["wrong"].passed
    assert outcomes["wrong"].errors[key.removeprefix("out.")] == pytest.approx(1e-4, rel=0.1)
    assert "hermit" in outcomes["foreign"].reason
    report = tmp_path / "report.json"
    assert main(["verify", str(tmp_path), "--json", str(report)]) == 1
    found = json.loads(report.read_text())
    assert found["cases"] == 2
    assert found["passed"] == 0
    assert sorted(found["failed"]) == ["foreign", "wrong"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match=r"no \.safetensors reference file"):
        verify_folder(tmp_path)
    assert main(["verify", str(tmp_path)]) == 1
