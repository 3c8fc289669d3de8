"""Saved graphs: what is refused and how it is said; that they compute what the catalogue computes, once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from linf_nodes.catalogue import NODES
from linf_nodes.catalogue.tensors import Levels, image_of, mask_of, picture_of
from linf_nodes.errors import BadShape, BadWorkflow, Cancelled, quoted
from linf_nodes.pictures import read_picture, read_recipe
from linf_nodes.workflow import Preset, parse_graph, read_graph, run

from .tiny import samples, write_models, write_png


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_models(folder)
    return folder


@pytest.fixture(autouse=True)
def tiny_models(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LINF_MODELS", str(models))
    yield
    NODES["LINFModelCache"]({"release": True})


def node(kind: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, **({"_meta": {"title": title}} if title else {})}


def one_click(**options: Any) -> dict[str, Any]:
    return {
        "1": node("LoadImage", image="in.png"),
        "2": node("LINFLoadModel", model="tiny"),
        "3": node("LINFUpscale", linf_model=["2", 0], image=["1", 0], **options),
        "4": node("SaveImage", images=["3", 0], filename_prefix="x"),
    }


def chain(model: str = "tiny") -> dict[str, Any]:
    latent = node("LINFSampleLatent", features=["3", 0], scale=2.4, seed=5)
    learned = node("LINFLearnedPrior", features=["3", 0], scale=2.4)
    return {
        "9": node("SaveImage", images=["6", 0]),
        "1": node("LoadImage", image="in.png", upload="image"),
        "2": node("LINFLoadModel", model=model),
        "3": node("LINFEncodeLr", linf_model=["2", 0], image=["1", 0]),
        "4": latent if model == "tiny" else learned,
        "5": node("LINFFlowInverse", features=["3", 0], latent=["4", 0]),
        "6": node("LINFCompose", texture=["5", 0], temperature=0.6, auto_temperature=False),
    }


def picture(c: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(1, c, 8, 11, generator=generator), torch.zeros(1, 8, 11)


def result(source: dict[str, Any], **options: Any) -> torch.Tensor:
    graph = parse_graph(source)
    found: torch.Tensor = run(graph, {"1": picture()}, **options)[graph.outputs[0].id][0]
    return found


@pytest.mark.parametrize("model", ["tiny", "learned"])
def test_one_click_is_the_chain(model: str) -> None:
    click = one_click(scale=2.4, seed=5, temperature=0.6, auto_temperature=False)
    click["2"]["inputs"]["model"] = model
    click["3"]["inputs"]["latent"] = "drawn" if model == "tiny" else "learned"
    assert (result(chain(model)) - result(click)).abs().max() < 1e-6


def test_threads_give_the_same() -> None:
    assert torch.equal(result(chain()), result(chain(), scheduler="threads"))


def test_every_step_runs_once_and_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    source = {
        "1": node("LoadImage"),
        "2": node("LINFUnsharpMask", image=["1", 0]),
        "3": node("LINFCompare", image_a=["2", 0], image_b=["2", 0]),
        "4": node("SaveImage", images=["3", 0]),
        "5": node("PreviewImage", images=["2", 0]),
        "6": node("LINFDenoise", image=["1", 0]),
    }
    ran = []
    calls = type(NODES["LINFDenoise"]).__call__

    def counted(self: Any, values: Any, progress: Any = None) -> Any:
        ran.append(self.id)
        return calls(self, values, progress)

    monkeypatch.setattr(type(NODES["LINFDenoise"]), "__call__", counted)
    values = run(parse_graph(source), {"1": picture()}, keep=["2"])
    assert sorted(ran) == ["LINFCompare", "LINFUnsharpMask", "PreviewImage", "SaveImage"]
    assert set(values) == {"2", "4", "5"}


def test_save_latent_and_reports_are_outputs(tmp_path: Path) -> None:
    source = chain() | {
        "7": node("LINFSaveLatent", features=["3", 0], latent=["4", 0], path=str(tmp_path / "z.safetensors")),
        "8": node("LINFModelCache"),
    }
    values = run(parse_graph(source), {"1": picture()})
    assert values["7"] == (str(tmp_path / "z.safetensors"),)
    assert (tmp_path / "z.safetensors").is_file()
    assert set(values) == {"7", "8", "9"}


def test_progress_covers_the_graph_and_may_cancel() -> None:
    seen: list[tuple[int, int]] = []
    result(chain(), progress=lambda done, total, preview: seen.append((done, total)))
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)
    assert {t for _, t in seen} == {700}
    assert seen[-1][0] == 700
    for error in (Cancelled("enough"), KeyboardInterrupt()):

        def stop(done: int, total: int, preview: Any, error: BaseException = error) -> None:
            raise error

        with pytest.raises(type(error)):
            result(chain(), progress=stop)


def test_a_step_that_fails_is_named() -> None:
    source = one_click()
    source["3"]["_meta"] = {"title": "My upscaler"}
    source["3"]["inputs"]["latent"] = "learned"
    with pytest.raises(ValueError, match=r"node '3' \(My upscaler\): The model 'tiny' has no learned prior"):
        result(source)


def test_a_load_image_without_a_picture_is_named() -> None:
    with pytest.raises(BadWorkflow, match=r"node '1' \(Load Image\) has no picture"):
        run(parse_graph(one_click()), {})


def without(source: dict[str, Any], i: str, name: str) -> dict[str, Any]:
    del source[i]["inputs"][name]
    return source


def changed(i: str, name: str, value: Any) -> dict[str, Any]:
    source = one_click()
    source[i]["inputs"][name] = value
    return source


CIRCLE = {
    "1": node("LINFUnsharpMask", image=["2", 0]),
    "2": node("LINFDenoise", image=["1", 0]),
    "3": node("SaveImage", images=["2", 0]),
}
BAD = {
    "no object": ([], "not a workflow in API format"),
    "empty": ({}, "not a workflow in API format"),
    "ui format": ({"nodes": [], "links": []}, r"UI format.*Export \(API\)"),
    "no class": ({"1": {"inputs": {}}}, "'1' has no class_type"),
    "inputs are a list": ({"1": {"class_type": "LoadImage", "inputs": []}}, "inputs of node '1'"),
    "unknown nodes": (
        one_click() | {"7": node("KSampler", "Sampler"), "8": node("VAEDecode")},
        r"2 of the workflow's nodes are not known here: KSampler \(node '7', Sampler\), VAEDecode \(node '8'\)",
    ),
    "unknown input": (changed("3", "denoise", 1), r"node '3' \(Upscale\) has no input 'denoise'"),
    "missing input": (without(one_click(), "3", "image"), r"node '3' \(Upscale\) needs its input 'image'"),
    "null input": (changed("3", "image", None), r"node '3' \(Upscale\) needs its input 'image'"),
    "constant for a socket": (changed("3", "image", "in.png"), "connect it to an output of IMAGE"),
    "out of range": (changed("3", "scale", 0.5), r"node '3' \(Upscale\), scale is 0.5: give a number from 1 to 32"),
    "not a number": (changed("3", "scale", float("nan")), "scale is nan"),
    "not a boolean": (changed("3", "auto_temperature", "no"), "auto_temperature is 'no': give true or false"),
    "not a choice": (changed("3", "latent", "magic"), "choose one of auto, faithful, learned, drawn"),
    "not text": (changed("2", "prior", 7), "prior is 7: give text"),
    "wrong socket": (changed("3", "image", ["2", 0]), r"takes IMAGE, but it is linked to LINF_MODEL of the node '2'"),
    "mask for an image": (changed("3", "image", ["1", 1]), "takes IMAGE, but it is linked to MASK"),
    "no such output": (changed("3", "image", ["1", 2]), "linked to output 2 of the node '1'"),
    "no such node": (changed("3", "image", ["77", 0]), "linked to node '77', which is not there"),
    "no link": (changed("3", "image", ["1"]), r"a link is \[node id, output number\]"),
    "circle": (CIRCLE, r"goes in a circle: node '\d' \(.*\) -> node"),
    "no output": ({"1": node("LoadImage")}, "no output: add a Save Image"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_graphs_are_refused_in_one_sentence(case: str) -> None:
    source, message = BAD[case]
    with pytest.raises(BadWorkflow, match=message) as caught:
        parse_graph(source)
    assert "\n" not in str(caught.value)


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWorkflow, match=r"Cannot read the workflow .*none\.json"):
        read_graph(tmp_path / "none.json")
    for content in (b"{", b"\xff\xfe\x00", b"[" * 100_000):
        (tmp_path / "bad.json").write_bytes(content)
        with pytest.raises(BadWorkflow, match="is not JSON"):
            read_graph(tmp_path / "bad.json")
    (tmp_path / "bad.json").write_text('{"nodes": []}')
    with pytest.raises(BadWorkflow, match=r"bad\.json': This is a workflow in UI format"):
        read_graph(tmp_path / "bad.json")


def test_a_graph_keeps_its_source() -> None:
    source = chain()
    assert parse_graph(source).source == source
    assert [step.id for step in parse_graph(source).of_type("LoadImage", "SaveImage")] == ["9", "1"]


def test_the_mask_output_reaches_a_mask_input() -> None:
    source = one_click(temperature=1.0, auto_temperature=False)
    plain = result(one_click(temperature=0.0, auto_temperature=False))
    source["3"]["inputs"]["mask"] = ["1", 1]
    assert (result(source) - plain).abs().max() < 1e-6


def test_a_preset_runs_from_file_to_file(tmp_path: Path) -> None:
    write_png(tmp_path / "in.png", c=4, dpi=(100, 100), icc_profile=b"profile")
    (tmp_path / "preset.json").write_text(json.dumps(one_click(scale=2.0)))
    Preset.read(tmp_path / "preset.json").apply(read_picture(tmp_path / "in.png"), tmp_path / "out.png")
    written = read_picture(tmp_path / "out.png")
    assert written.pixels.shape == (18, 14, 3)
    assert written.alpha is not None
    assert written.icc == b"profile"
    assert written.dpi == pytest.approx((200, 200), rel=1e-3)
    recipe = read_recipe(tmp_path / "out.png")
    assert recipe is not None
    assert recipe["preset"] == one_click(scale=2.0)
    assert set(recipe["model_hash"]) == {"2"}


def test_a_preset_keeps_16_bits_grey(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", samples(c=1, dtype=np.uint16))
    Preset.of(parse_graph(one_click(scale=1.5))).apply(read_picture(tmp_path / "in.tif"), tmp_path / "out.png")
    written = read_picture(tmp_path / "out.png")
    assert written.dtype == np.uint16
    assert written.pixels.shape[2] == 1


def test_further_ends_are_bound_by_id(tmp_path: Path) -> None:
    source = {
        "1": node("LoadImage"),
        "2": node("LoadImage", "Reference"),
        "3": node("LINFMatchHistogram", image=["1", 0], reference=["2", 0]),
        "4": node("SaveImage", images=["3", 0]),
        "5": node("SaveImage", images=["1", 0]),
        "6": node("PreviewImage", images=["2", 0]),
    }
    graph = parse_graph(source)
    with pytest.raises(BadWorkflow, match=r"2 Load Image nodes, '1' \(Load Image\), '2' \(Reference\).*--bind 2=FILE"):
        Preset.of(graph)
    with pytest.raises(BadWorkflow, match="2 Save Image nodes"):
        Preset.of(graph, {"2": "b.png"})
    with pytest.raises(BadWorkflow, match="no Load or Save Image node '3'"):
        Preset.of(graph, {"3": "b.png"})
    with pytest.raises(BadWorkflow, match="no Load Image node left for IN"):
        Preset.of(graph, {"1": "a.png", "2": "b.png"})
    write_png(tmp_path / "a.png")
    write_png(tmp_path / "b.png", h=5)
    preset = Preset.of(graph, {"2": tmp_path / "b.png", "5": tmp_path / "same.png"})
    preset.apply(read_picture(tmp_path / "a.png"), tmp_path / "out.png")
    assert np.array_equal(read_picture(tmp_path / "same.png").pixels, read_picture(tmp_path / "a.png").pixels)
    assert (tmp_path / "out.png").is_file()


def test_preview_serves_where_there_is_no_save() -> None:
    source = {"1": node("LoadImage"), "2": node("PreviewImage", images=["1", 0])}
    assert Preset.of(parse_graph(source)).exit.id == "2"


def test_levels_invert(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(1000, 300, (6, 5, 1)).astype(np.float32)
    tifffile.imwrite(tmp_path / "f.tif", values[..., 0])
    found = read_picture(tmp_path / "f.tif")
    levels = Levels.of(found)
    image = image_of(found, levels)
    assert (float(image.min()), float(image.max())) == (0, 1)
    assert np.allclose(picture_of(image, found, levels).pixels, values, rtol=1e-6)
    assert picture_of(image, found, levels, "8").pixels.max() == 1


def test_levels_of_flat_and_usual_pictures(tmp_path: Path) -> None:
    for value, usual in ((5.0, False), (0.5, True)):
        tifffile.imwrite(tmp_path / "f.tif", np.full((3, 3), value, np.float32))
        found = read_picture(tmp_path / "f.tif")
        levels = Levels.of(found)
        assert levels.usual is usual
        assert np.array_equal(picture_of(image_of(found, levels), found, levels).pixels, found.pixels)


def test_masks_are_inverted_alpha_and_there_is_none_without(tmp_path: Path) -> None:
    found = read_picture(write_png(tmp_path / "a.png", c=4))
    mask = mask_of(image_of(found, Levels()))
    assert found.alpha is not None
    assert mask is not None
    assert np.allclose(mask[0].numpy(), 1 - found.alpha)
    for c in (1, 3):
        assert mask_of(image_of(read_picture(write_png(tmp_path / "b.png", c=c)), Levels())) is None


@pytest.mark.parametrize("c", [3, 4])
def test_a_mask_that_nobody_painted_is_none_and_opaque_pictures_with_alpha_have_one(tmp_path: Path, c: int) -> None:
    """As in ComfyUI, whose Load Image makes up a mask for the first kind, which its nodes pass over."""
    pixels = samples(c=c)
    pixels[..., 3:] = 255
    Image.fromarray(pixels).save(tmp_path / "in.png")
    source = read_picture(tmp_path / "in.png")
    masked = one_click(scale=2.0)
    masked["3"]["inputs"]["mask"] = ["1", 1]
    made, plain, faithful = (
        Preset.of(parse_graph(graph)).transform(source)[0].pixels
        for graph in (masked, one_click(scale=2.0), one_click(scale=2.0, latent="faithful"))
    )
    assert not np.array_equal(plain, faithful)
    assert np.array_equal(made, plain if c == 3 else faithful)


def test_batches_cannot_be_saved_as_one_picture(tmp_path: Path) -> None:
    like = read_picture(write_png(tmp_path / "a.png"))
    with pytest.raises(BadShape, match="one picture"):
        picture_of(torch.zeros(2, 3, 4, 4), like, Levels())


def test_a_value_that_is_too_long_is_quoted_with_its_end() -> None:
    assert quoted(-3) == "-3"
    assert quoted([1, "two"]) == "[1, 'two']"
    for value, end in ((tuple(range(99)), "...)"), (list(range(99)), "...]"), ("x" * 99, "...'")):
        assert len(quoted(value)) <= 60
        assert quoted(value).endswith(end)
    assert "\n" not in quoted(np.zeros((3, 3)))
