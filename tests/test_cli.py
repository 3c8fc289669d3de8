"""The command line: what it writes, and what it says of bad input while it writes nothing."""

import errno
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from linf_nodes.catalogue import NODES
from linf_nodes.evaluation.verify import Outcome
from linf_nodes.hosts.cli import progress, verify
from linf_nodes.hosts.cli.main import COMMANDS, main
from linf_nodes.models.checkpoint import read_weights, weights_hash
from linf_nodes.pictures import read_picture, read_recipe
from linf_nodes.pipeline import upscale as whole
from linf_nodes.workflow import one_click_graph

from .tiny import LINF, PRIOR, samples, weights, write_models, write_png

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_models(folder)
    return folder


@pytest.fixture(autouse=True)
def here(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, and the tiny models."""
    monkeypatch.setenv("LINF_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    NODES["LINFModelCache"]({"release": True})


Say = Callable[[], str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Say:
    return lambda: capsys.readouterr().err


def upscale(*arguments: str) -> int:
    return main(["upscale", *arguments, "--model", "tiny"])


def refused(said: Say, *arguments: str, status: int = 2) -> str:
    """The one sentence that a command ends with, having written nothing."""
    before = listing()
    assert main(arguments) == status
    message = said()
    assert message.startswith("linf: ")
    assert message.count("\n") == 1
    assert listing() == before
    return message


def listing() -> dict[Path, bytes | None]:
    return {p: p.read_bytes() if p.is_file() else None for p in Path().rglob("*")}


# --- the program


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--help"]):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert all(f"  {name} " in text for name in COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "linf-nodes 0.1.0\n"
    for name in COMMANDS:
        assert main([name, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"usage: linf {name}")


def test_help_needs_no_torch() -> None:
    code = "import sys; from linf_nodes.hosts.cli.main import main; main(['--help']); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_python_m_reports_errors_in_one_line() -> None:
    done = subprocess.run([sys.executable, "-m", "linf_nodes", "upscal"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("linf: there is no command 'upscal': use upscale, stack, run,")
    assert done.stderr.count("\n") == 1


def test_a_closed_pipe_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["models"]) == 0


# --- upscale


def test_one_picture(capsys: pytest.CaptureFixture[str]) -> None:
    write_png(Path("a.png"), dpi=(100, 100), icc_profile=b"profile")
    assert upscale("a.png", "b.png", "--scale", "2", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["path"] == "b.png"
    assert record["temperature"] == 0.25
    assert record["hr_size"] == [18, 14]
    written = read_picture("b.png")
    assert written.pixels.shape == (18, 14, 3)
    assert written.icc == b"profile"
    assert written.dpi == pytest.approx((200, 200), rel=1e-3)
    recipe = read_recipe("b.png")
    assert recipe is not None
    assert recipe.items() <= record.items()
    assert recipe["model_hash"] == record["model_hash"] == NODES["LINFLoadModel"]({"model": "tiny"}).hash


def test_it_is_the_one_click_node() -> None:
    write_png(Path("a.png"))
    assert (
        upscale("a.png", "b.tif", "--scale", "2.5,3", "--temperature", "0.4", "--seed", "7", "--depth", "float32") == 0
    )
    image = torch.from_numpy(read_picture("a.png").pixels).movedim(-1, 0)[None]
    inputs = {"linf_model": NODES["LINFLoadModel"]({"model": "tiny"}), "image": image, "scale": 2.5, "scale_x": 3.0}
    wanted = NODES["LINFUpscale"]({**inputs, "temperature": 0.4, "auto_temperature": False, "seed": 7})
    found = read_picture("b.tif")
    assert found.dtype == np.float32
    assert np.array_equal(found.pixels, wanted[0].movedim(0, -1).numpy())


@pytest.mark.parametrize(("options", "size"), [
    (("--scale", "1"), (9, 7)),
    (("--scale", "2.37"), (21, 17)),
    (("--scale", "1.5,3"), (14, 21)),
    (("--size", "20x30"), (20, 30)),
    (("--size", "0x14"), (18, 14)),
    (("--megapixels", "0.001"), (36, 28)),
])  # fmt: skip
def test_sizes(options: tuple[str, ...], size: tuple[int, int]) -> None:
    write_png(Path("a.png"))
    assert upscale("a.png", "b.png", *options) == 0
    assert read_picture("b.png").pixels.shape[:2] == size


@pytest.mark.parametrize("model", ["tiny", "learned"])
@pytest.mark.parametrize(("h", "w"), [(1, 1), (2, 3), (3000, 2)])
def test_odd_sizes_work(h: int, w: int, model: str) -> None:
    write_png(Path("a.png"), h, w)
    assert main(["upscale", "a.png", "b.png", "--scale", "1.5", "--model", model]) == 0
    assert read_picture("b.png").pixels.shape[:2] == (int(1.5 * h + 0.5), int(1.5 * w + 0.5))


@pytest.mark.parametrize("c", [1, 3, 4])
def test_channels_and_16_bits_are_kept(c: int) -> None:
    tifffile.imwrite("a.tif", samples(c=c, dtype=np.uint16), extrasamples=["unassalpha"] if c == 4 else None)
    assert upscale("a.tif", "b.png", "--scale", "2") == 0
    written = read_picture("b.png")
    assert written.dtype == np.uint16
    assert written.pixels.shape == (18, 14, min(c, 3))
    assert (written.alpha is not None) is (c == 4)


def test_floats_beyond_1_keep_their_values() -> None:
    values = np.linspace(-500, 3000, 80, dtype=np.float32).reshape(10, 8)
    tifffile.imwrite("a.tif", values)
    assert upscale("a.tif", "b.tif", "--scale", "1", "--temperature", "0") == 0
    written = read_picture("b.tif")
    assert written.dtype == np.float32
    assert abs(written.pixels.mean() - values.mean()) < 0.1 * 3500
    recipe = read_recipe("b.tif")
    assert recipe is not None
    assert recipe["levels"] == [-500, 3000]
    assert upscale("a.tif", "c.png", "--scale", "1", "--depth", "8") == 0
    assert read_picture("c.png").pixels.std() > 0.1


def test_folders_patterns_and_samples(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in").mkdir()
    for name in ("a", "b"):
        write_png(Path(f"in/{name}.png"), 4, 4)
    assert upscale("in", "out", "--scale", "2") == 0
    assert upscale("in/*.png", "again/", "--scale", "2", "--samples", "2", "--seed", "5", "--json") == 0
    assert upscale("in/a.png", "out", "--scale", "2", "--depth", "float32") == 0
    assert sorted(p.name for p in Path("out").iterdir()) == ["a.png", "a.tif", "b.png"]
    assert sorted(p.name for p in Path("again").iterdir()) == ["a-s5.png", "a-s6.png", "b-s5.png", "b-s6.png"]
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [r["seed"] for r in records] == [5, 6, 5, 6]
    assert read_picture("again/a-s5.png").pixels.tolist() != read_picture("again/a-s6.png").pixels.tolist()


def test_a_prior_of_another_file_and_none(capsys: pytest.CaptureFixture[str]) -> None:
    write_png(Path("a.png"))
    kinds = []
    for model, prior in (("tiny", "learned"), ("learned", "none"), ("learned", "auto")):
        assert main(["upscale", "a.png", "b.png", "--model", model, "--prior", prior, "--scale", "2", "--json"]) == 0
        kinds.append(json.loads(capsys.readouterr().out)["latent"])
    assert kinds == ["learned", "drawn", "learned"]


def test_a_mask_holds_the_detail_back() -> None:
    write_png(Path("a.png"))
    Image.new("L", (14, 18), 0).save("mask.png")
    common = ("a.png", "--scale", "2", "--depth", "float32")
    assert upscale(*common, "masked.tif", "--temperature", "1", "--mask", "mask.png") == 0
    assert upscale(*common, "plain.tif", "--temperature", "0") == 0
    assert np.allclose(read_picture("masked.tif").pixels, read_picture("plain.tif").pixels, atol=1e-6)


def amounts(*options: str) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """The picture that a model with a learned prior makes, and its recipe."""
    common = ("--model", "learned", "--scale", "2", "--depth", "float32")
    assert main(["upscale", "a.png", "b.tif", *common, *options]) == 0
    recipe = read_recipe("b.tif")
    assert recipe is not None
    return read_picture("b.tif").pixels, dict(recipe)


def test_a_temperature_is_obeyed_beside_a_prior() -> None:
    write_png(Path("a.png"))
    faithful, recipe = amounts("--temperature", "0")
    assert (recipe["latent"], recipe["temperature"], recipe["seed"]) == ("faithful", 0, None)
    for options in (("--latent", "faithful"), ("--strength", "0"), ("--prior", "none", "--temperature", "0")):
        assert np.array_equal(faithful, amounts(*options)[0])
    drawn, recipe = amounts("--temperature", "0.6", "--seed", "3")
    assert (recipe["latent"], recipe["temperature"], recipe["seed"]) == ("drawn", 0.6, 3)
    assert np.array_equal(drawn, amounts("--prior", "none", "--temperature", "0.6", "--seed", "3")[0])
    assert np.allclose(
        drawn, amounts("--latent", "noise", "--temperature", "1.2", "--strength", "0.5", "--seed", "3")[0]
    )
    assert not np.array_equal(drawn, amounts("--temperature", "0.6", "--seed", "4")[0])
    learned, recipe = amounts()
    assert (recipe["latent"], recipe["temperature"], recipe["strength"]) == ("learned", None, 1)
    half = amounts("--latent", "learned", "--temperature", "0.5")[0]
    assert np.allclose(half - faithful, 0.5 * (learned - faithful), atol=1e-5)
    assert np.array_equal(half, amounts("--latent", "prior", "--strength", "0.5")[0])


@pytest.mark.parametrize(
    "options",
    [("--latent", "drawn", "--seed", "7", "--strength", "2"), ("--strength", ".5"), ("--scale", "2,3")],
    ids=str,
)
def test_options_that_count_are_not_remarked(options: tuple[str, ...], said: Say) -> None:
    write_png(Path("a.png"))
    amounts(*options)
    assert "nothing" not in said()


def test_a_multiple_that_changes_the_aspect_is_said_to_be_the_reason(said: Say) -> None:
    write_png(Path("a.png"), h=40, w=41)
    for options in (("--longest-side", "60"), ("--scale", "1.5")):
        assert upscale("a.png", "b.png", *options, "--multiple-of", "32") == 0
        text = said()
        assert "a smaller --multiple-of than 32 changes it less, and --aspect fill cuts instead" in text
        assert "one side alone" not in text


@pytest.mark.parametrize(("options", "words"), [
    (("--seed", "7"), "detail of 'learned' is learned, so --seed changes nothing; --latent drawn uses it"),
    (("--latent", "faithful", "--temperature", "0.3", "--seed", "1"), "faithful, so --temperature and --seed change"),
    (("--latent", "faithful", "--strength", "2"), "the detail is faithful, so --strength changes nothing"),
    (("--temperature", "0", "--seed", "3"), "at temperature 0 the detail is faithful, so --seed changes nothing\n"),
    (("--strength", "0", "--temperature", "1"), "at strength 0 the detail is faithful, so --temperature"),
    (("--origin", "3,3"), "is learned, so --origin changes nothing"),
    (("--width", "28"), "--width decides the size, so --scale changes nothing"),
    (("--megapixels", ".001", "--width", "20"), "--megapixels decides the size, so --scale and --width change nothing"),
    (("--size", "18x0", "--aspect", "fit"), "it is about height and width together, so --aspect changes nothing"),
])  # fmt: skip
def test_options_that_change_nothing_are_remarked(options: tuple[str, ...], words: str, said: Say) -> None:
    write_png(Path("a.png"))
    amounts(*options)
    assert words in said()


def test_pages_beyond_the_first_are_remarked(said: Say) -> None:
    tifffile.imwrite("a.tif", samples(c=1)[None].repeat(3, 0), photometric="minisblack")
    assert upscale("a.tif", "b.tif", "--scale", "2") == 0
    assert "3 pages" in said()


@pytest.mark.parametrize(("options", "message"), [
    (("--scale", "0"), "scale is 0.0: give a number from 1 to 32"),
    (("--scale", "-2"), "scale is -2.0"),
    (("--scale", "nan"), "scale is nan"),
    (("--scale", "0.5"), "scale is 0.5"),
    (("--scale", "1e9"), "scale is 1000000000.0"),
    (("--scale", "big"), "scale is 'big'"),
    (("--scale", "2,3,4"), "'2,3,4' has 3 parts: give SCALE,SCALE_X"),
    (("--size", "8x7"), "height 8 is smaller than the input's 9"),
    (("--size", "9x9999"), "width 9999 is more than 32 times"),
    (("--size", "9"), "'9' has 1 parts: give HEIGHTxWIDTH"),
    (("--size", "axb"), "height is 'a'"),
    (("--seed", "-1"), "seed is -1"),
    (("--seed", str(2**64)), f"seed is {2**64}"),
    (("--seed", str(2**64 - 1), "--samples", "2"), f"seed is {2**64}"),
    (("--samples", "0"), "'0' is no number of draws"),
    (("--temperature", "hot"), "temperature is 'hot'"),
    (("--tile", "1.5"), "tile is '1.5'"),
    (("--latent", "magic"), "choose one of auto, faithful, learned, drawn"),
    (("--dtype", "int8"), "choose one of auto, float32"),
    (("--device", "toaster"), "device 'toaster' is not known"),
    (("--device", "cuda:77"), "device 'cuda:77' is not there"),
    (("--origin", "1,1"), "not a multiple of the patch of 3"),
    (("--prior", "tiny"), "tiny holds no learned prior"),
    (("--latent", "learned"), "no learned prior"),
    (("--depth", "float32"), "PNG holds 8 or 16 bits"),
    (("--depth", "12"), "invalid choice: '12'"),
    (("--mask", "none.png"), "there is no file 'none.png'"),
    (("--turbo",), "unrecognized arguments: --turbo"),
])  # fmt: skip
def test_bad_options(options: tuple[str, ...], message: str, said: Say) -> None:
    write_png(Path("a.png"))
    assert message in refused(said, "upscale", "a.png", "b.png", "--model", "tiny", *options)


def test_samples_of_a_learned_prior_are_refused(said: Say) -> None:
    write_png(Path("a.png"))
    message = refused(said, "upscale", "a.png", "out/", "--model", "learned", "--samples", "2")
    assert "add --latent drawn" in message


def truncated(path: Path) -> None:
    whole_file = write_png(path, 64, 64).read_bytes()
    path.write_bytes(whole_file[: len(whole_file) // 2])


def not_finite(path: Path) -> None:
    tifffile.imwrite(path, np.array([[0, np.nan], [np.inf, 1]], np.float32))


PICTURES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing.png": (lambda path: None, "'missing.png' matches no picture"),
    "truncated.png": (truncated, "'truncated.png' is damaged or truncated"),
    "text.png": (lambda path: path.write_text("hello"), "'text.png' is not a picture in a known format"),
    "empty.png": (lambda path: path.write_bytes(b""), "'empty.png' is empty"),
    "nan.tif": (not_finite, "2 pixels that are NaN or infinite"),
    "no*.png": (lambda path: None, "'no*.png' matches no picture"),
    "folder": (lambda path: path.mkdir(), "the folder 'folder' holds no"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_bad_pictures(name: str, said: Say) -> None:
    make, message = PICTURES[name]
    make(Path(name))
    write_png(Path("good.png"))
    assert message in refused(said, "upscale", name, "out.tif", "--model", "tiny")
    if not Path(name).is_file():  # what names no picture stops the command before it begins
        assert message in refused(said, "upscale", "good.png", name, "out/", "--model", "tiny")
        return
    assert upscale("good.png", name, "out/", "--scale", "2") == 1
    told = said()
    assert message in told
    assert f"1 of 2 pictures done; 1 failed: {name}" in told
    assert [f.name for f in Path("out").iterdir()] == ["good.png"]


@pytest.mark.parametrize("command", ["upscale", "run", "filter"])
def test_a_folder_goes_on_past_what_fails(command: str, said: Say, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("in/a.png", "in/deep/er/c.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        write_png(Path(name))
    truncated(Path("in/deep/b.png"))
    Path("in/deep/b.png").rename("in/b.png")
    Path("p.json").write_text(json.dumps(one_click_graph({"model": "tiny"}, {"scale": 2.0})))
    begun = {
        "upscale": ["upscale", "--model", "tiny", "--scale", "2"],
        "run": ["run", "p.json"],
        "filter": ["filter", "unsharp-mask"],
    }[command]
    assert main([*begun, "in", "out", "--recursive"]) == 1
    assert "2 of 3 pictures done; 1 failed: in/b.png" in said()
    assert sorted(str(f) for f in Path("out").rglob("*.png")) == ["out/a.png", "out/deep/er/c.png"]
    Path("out/a.png").unlink()
    write_png(Path("in/b.png"))
    before = Path("out/deep/er/c.png").stat().st_mtime_ns
    assert main([*begun, "in", "out", "--recursive", "--skip-existing"]) == 0
    assert "skipped 1 that are there already" in said()
    assert Path("out/deep/er/c.png").stat().st_mtime_ns == before
    assert sorted(f.name for f in Path("out").glob("*.png")) == ["a.png", "b.png"]


def test_sides_one_by_one(said: Say) -> None:
    write_png(Path("a.png"))  # 9 x 7
    for options, size in ((("--width", "14"), (18, 14)), (("--height", "27"), (27, 21))):
        assert upscale("a.png", "b.png", *options) == 0
        assert read_picture("b.png").pixels.shape[:2] == size
    assert upscale("a.png", "b.png", "--width", "18", "--height", "14") == 0
    assert (
        "note: 14 high and 18 wide changes the aspect of 'a.png' by 65 %; did you mean 18 high and 14 wide?" in said()
    )
    assert upscale("a.png", "b.png", "--width", "14", "--height", "18") == 0
    assert "note" not in said()
    words = "--size says height 18, and --height 20: give one of them"
    assert words in refused(said, "upscale", "a.png", "b.png", "--size", "18x14", "--height", "20")


@pytest.mark.parametrize(("words", "hint"), [
    (("upscal", "a", "b"), "Did you mean 'upscale'?"),
    (("upscale", "a.png", "b.png", "--model", "tny"), "Did you mean 'tiny'?"),
    (("upscale", "a.png", "b.png", "--model", "potho"), "Did you mean 'photo'?"),
    (("upscale", "a.png", "b.png", "--latent", "leaned"), "Did you mean 'learned'?"),
    (("upscale", "a.png", "b.png", "--temprature", "0"), "Did you mean '--temperature'?"),
    (("run", "photo-4x-txture", "a.png", "b.png"), "Did you mean 'photo-4x-texture'?"),
    (("filter", "unsharp", "a.png", "b.png"), "Did you mean 'unsharp-mask'?"),
    (("upscale", "a.png", "b.png", "--depth", "flot32"), "Did you mean 'float32'?"),
    (("upscale", "a.png", "b.png", "--device", "cdua"), "Did you mean 'cuda'?"),
    (("stack", "a.png", "b.ome.zarr", "--output", "men"), "Did you mean 'mean'?"),
    (("run", "photo-2x-faithful", "a.png", "b.png", "--set", "3.scal=2"), "Did you mean 'scale'?"),
    (("run", "photo-2x-faithful", "a.png", "b.png", "--set", "scal=2"), "Did you mean 'scale'?"),
    (("run", "graph.json", "a.png", "b.png"), "Did you mean 'LINFUpscale'?"),
    (("train", "recipe.toml"), "Did you mean 'steps'?"),
    (("info", "tny"), "Did you mean 'tiny'?"),
])  # fmt: skip
def test_a_name_that_is_nearly_right(words: tuple[str, ...], hint: str, said: Say) -> None:
    write_png(Path("a.png"))
    graph = json.dumps(one_click_graph({"model": "tiny"}, {"scale": 2.0}))
    Path("graph.json").write_text(graph.replace("LINFUpscale", "LINFUpscal"))
    Path("recipe.toml").write_text('data = ["."]\nout = "run"\nstpes = 3\n')
    assert hint in refused(said, *words)


def test_a_home_of_nobody_is_no_model(said: Say) -> None:
    write_png(Path("a.png"))
    Path("p.json").write_text(json.dumps(one_click_graph({"model": "tiny", "prior": "~nobody-here/m"}, {})))
    for command in (("upscale", "a.png", "b.png", "--model", "~nobody-here/m"), ("run", "p.json", "a.png", "b.png")):
        assert "no model named '~nobody-here/m'" in refused(said, *command)
    assert "no preset or file '~nobody-here/p'" in refused(said, "run", "~nobody-here/p", "a.png", "b.png")


def test_odd_exif_tags_are_said(said: Say) -> None:
    tags = [(305, "2i", 1, (7, 9), True)]
    tifffile.imwrite("a.tif", samples(9, 7), photometric="rgb", metadata=None, software=False, extratags=tags)
    assert upscale("a.tif", "b.png", "--scale", "2") == 0
    assert "note: 'a.tif' has EXIF tags of impossible values, Software: they are left out" in said()


def test_memory_that_runs_out_costs_one_picture_of_several(said: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(Path("a.png"))
    write_png(Path("b.png"), 11, 7)
    taken = whole.upscale

    def scarce(features: Any, *rest: Any) -> Any:
        if features.lr_size[0] == 9:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return taken(features, *rest)

    monkeypatch.setattr(whole, "upscale", scarce)
    assert upscale("a.png", "b.png", "out/", "--scale", "2") == 1
    assert "1 of 2 pictures done; 1 failed: a.png" in said()
    assert [f.name for f in Path("out").iterdir()] == ["b.png"]


def test_a_change_of_aspect_is_said_by_every_command(said: Say) -> None:
    write_png(Path("a.png"), 12, 20)
    graph = json.dumps(one_click_graph({"model": "tiny"}, {"height": 40, "width": 40}))
    Path("p.json").write_text(graph)
    np.save("a.npy", samples(12, 20, 1)[None])
    command: tuple[str, ...]
    for command in (
        ("upscale", "a.png", "b.png", "--model", "tiny", "--scale", "4,2"),
        ("run", "p.json", "a.png", "b.png"),
        ("filter", "resize", "a.png", "b.png", "--height", "40", "--width", "40"),
        ("stack", "a.npy", "b.ome.tif", "--model", "tiny", "--size", "40x40"),
    ):
        assert main([*command]) == 0
        assert "wide changes the aspect of 'a." in said(), command
    for command in (
        ("upscale", "a.png", "b.png", "--model", "tiny", "--scale", "1.04"),  # rounding alone
        ("upscale", "a.png", "b.png", "--model", "tiny", "--size", "24x40"),
        ("upscale", "a.png", "b.png", "--model", "tiny", "--size", "40x40", "--aspect", "fill"),  # cut, not squeezed
    ):
        assert main([*command]) == 0
        assert "aspect" not in said()


def test_bad_outputs(said: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(Path("a.png"))
    write_png(Path("b.png"), c=4)
    Path("sub").mkdir()
    write_png(Path("sub/a.png"))
    os.link("a.png", "link.png")
    model = ("--model", "tiny")
    assert "there is no OUT" in refused(said, "upscale", "a.png", *model)
    assert "IN... OUT" in refused(said, "upscale", *model)
    for same in ("a.png", "./a.png", "sub/../a.png", "link.png", "."):
        assert "inputs, which are never overwritten" in refused(said, "upscale", "a.png", same, *model)
    assert "never overwritten" in refused(said, "upscale", "a.png", "b.png", "--mask", "b.png", *model)
    assert "is a file, but there are several" in refused(said, "upscale", "a.png", "sub/a.png", "b.png", *model)
    assert "result of both" in refused(said, "upscale", "a.png", "sub/a.png", "out", *model)
    assert "no such folder" in refused(said, "upscale", "a.png", "none/b.png", *model)
    assert "extension '.xyz'" in refused(said, "upscale", "a.png", "b.xyz", *model)
    assert "cannot hold the picture's alpha" in refused(said, "upscale", "b.png", "c.jpg", *model)
    assert "JPEG allows 65500" in refused(
        said, "upscale", str(write_png(Path("long.png"), 3000, 1)), "c.jpg", "--scale", "32"
    )

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left on device; free some space" in refused(said, "upscale", "a.png", "new/", *model)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may write everywhere")
def test_an_unwritable_folder(said: Say) -> None:
    write_png(Path("a.png"))
    Path("locked").mkdir(mode=0o500)
    assert "cannot write into 'locked'" in refused(said, "upscale", "a.png", "locked", "--model", "tiny")


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch hacked",)


def test_bad_models(said: Say) -> None:
    write_png(Path("a.png"))
    Path("evil.pth").write_bytes(pickle.dumps({"model": _Evil()}))
    state = weights().model_state
    header = {"format": "linf-nodes/1", "spec": json.dumps({"linf": LINF.entry(), "prior": None}), "card": "{}"}
    full = {f"linf.{name}": tensor.contiguous() for name, tensor in state.items()}
    first = next(iter(full))
    save_file({n: t for n, t in full.items() if n != first}, "missing.safetensors", header)
    save_file({**full, "linf.more": torch.zeros(1)}, "extra.safetensors", header)
    save_file({**full, first: torch.zeros(3, 3)}, "shape.safetensors", header)
    cases = {
        "nobody": "There is no model named 'nobody' (known: ",
        "none.safetensors": "There is no weights file none.safetensors",
        "evil.pth": "It is refused",
        "a.png": "It is no weights file",
        "missing.safetensors": "1 missing",
        "extra.safetensors": "1 extra",
        "shape.safetensors": "1 of another shape",
    }
    for model, message in cases.items():
        assert message in refused(said, "upscale", "a.png", "out/", "--model", model), model


def test_ctrl_c_writes_nothing(said: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: progress.Bar, done: int, total: int, preview: Any = None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(progress.Bar, "__call__", stop)
    write_png(Path("a.png"))
    Path("p.json").write_text(json.dumps(PRESET))
    wanted = "linf: stopped; nothing was written\n"
    assert refused(said, "upscale", "a.png", "out/", "--model", "tiny", status=130) == wanted
    assert refused(said, "run", "p.json", "a.png", "out/", status=130) == wanted


def test_ctrl_c_keeps_what_is_finished(said: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter((False, True))

    def stop(self: progress.Bar, done: int, total: int, preview: Any = None) -> None:
        if next(calls):
            raise KeyboardInterrupt

    monkeypatch.setattr(progress.Bar, "__call__", stop)
    for name in ("a", "b"):
        write_png(Path(f"{name}.png"))
    assert upscale("a.png", "b.png", "out", "--scale", "2") == 130
    assert said() == f"linf: stopped; 1 finished files were kept, the last is '{Path('out/a.png')}'\n"
    assert [p.name for p in Path("out").iterdir()] == ["a.png"]


@pytest.mark.parametrize("error", [
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"),
])  # fmt: skip
def test_out_of_memory_is_one_sentence(error: Exception, said: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(whole, "upscale", fail)
    write_png(Path("a.png"))
    assert "not enough memory" in refused(said, "upscale", "a.png", "out/", "--model", "tiny")


def test_a_bar_is_drawn_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, said: Say) -> None:
    with progress.Bar("x") as bar:
        bar(1, 2)
    assert said() == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.Bar("picture") as bar:
        bar(1, 2)
        assert bar._bar.n == 1
        bar(2, 2, "preview")
        assert bar._bar.n == 2
        bar._bar.delay = 0


# --- run and filter

PRESET = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
    "2": {"class_type": "LINFLoadModel", "inputs": {"model": "tiny"}},
    "3": {"class_type": "LINFUpscale", "inputs": {"linf_model": ["2", 0], "image": ["1", 0], "scale": 2.0, "seed": 3}},
    "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}},
}


def test_a_preset_gives_what_upscale_gives() -> None:
    write_png(Path("a.png"), c=4)
    Path("p.json").write_text(json.dumps(PRESET))
    assert main(["run", "p.json", "a.png", "b.png"]) == 0
    assert upscale("a.png", "c.png", "--scale", "2", "--seed", "3") == 0
    assert np.array_equal(read_picture("b.png").pixels, read_picture("c.png").pixels)
    recipe = read_recipe("b.png")
    assert recipe is not None
    assert recipe["preset"] == PRESET


def test_a_preset_runs_on_several_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        write_png(Path(f"{name}.png"))
    Path("p.json").write_text(json.dumps(PRESET))
    assert main(["run", "p.json", "a.png", "b.png", "out", "--json"]) == 0
    assert [json.loads(line)["size"] for line in capsys.readouterr().out.splitlines()] == [[18, 14]] * 2


def test_a_preset_with_further_ends(said: Say) -> None:
    compare = {"class_type": "LINFCompare", "inputs": {"image_a": ["1", 0], "image_b": ["5", 0]}}
    two = {
        "1": PRESET["1"],
        "5": PRESET["1"],
        "6": compare,
        "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0]}},
        "8": {"class_type": "SaveImage", "inputs": {"images": ["5", 0]}},
    }
    Path("p.json").write_text(json.dumps(two))
    for name in ("a", "b"):
        write_png(Path(f"{name}.png"))
    assert "2 Load Image nodes" in refused(said, "run", "p.json", "a.png", "c.png")
    binds = ("--bind", "5=b.png", "--bind", "8=d.png")
    assert "'5' binds nothing: give ID=FILE" in refused(said, "run", "p.json", "a.png", "c.png", "--bind", "5")
    assert "never overwritten" in refused(said, "run", "p.json", "a.png", "b.png", *binds)
    assert "never overwritten" in refused(said, "run", "p.json", "a.png", "p.json", *binds)
    assert "result of both" in refused(said, "run", "p.json", "a.png", "d.png", *binds)
    assert "result of both" in refused(
        said, "run", "p.json", "a.png", "b.png", "out/", "--bind", "5=p.json", *binds[2:]
    )
    assert main(["run", "p.json", "a.png", "c.png", *binds]) == 0
    assert read_picture("c.png").pixels.shape[:2] == (9, 14)
    assert read_picture("d.png").pixels.shape[:2] == (9, 7)


def test_bad_presets(said: Say) -> None:
    write_png(Path("a.png"))
    unknown = {**PRESET, "9": {"class_type": "KSampler", "inputs": {}}}
    cases = {
        json.dumps(unknown): "KSampler (node '9')",
        "{": "is not JSON",
        '{"nodes": []}': "UI format",
        json.dumps({**PRESET, "2": {"class_type": "LINFLoadModel", "inputs": {"model": "nobody"}}}): "'nobody'",
    }
    for text, message in cases.items():
        Path("p.json").write_text(text)
        assert message in refused(said, "run", "p.json", "a.png", "out/")
    assert "no preset or file 'none.json'" in refused(said, "run", "none.json", "a.png", "b.png")


def test_filters(said: Say, capsys: pytest.CaptureFixture[str]) -> None:
    write_png(Path("a.png"), c=4)
    write_png(Path("b.png"))
    assert main(["filter", "resize", "a.png", "c.png", "--factor", "2", "--order", "nearest"]) == 0
    assert read_picture("c.png").pixels.shape == (18, 14, 3)
    assert main(["filter", "match-histogram", "a.png", "d.png", "--reference", "b.png"]) == 0
    assert main(["filter", "remove-background", "b.png", "e.png", "--radius", "3", "--dark-objects"]) == 0
    assert main(["filter", "compare", "b.png", "f.png", "--image-b", "e.png", "--mode", "split"]) == 0
    recipe = read_recipe("e.png")
    assert recipe is not None
    assert recipe["values"] == {"radius": 3.0, "dark_objects": True}
    capsys.readouterr()
    assert main(["filter"]) == 0
    assert "unsharp-mask" in capsys.readouterr().out
    assert "there is no filter 'magic': use unsharp-mask" in refused(said, "filter", "magic", "a.png", "b.png")
    assert "--image-b" in refused(said, "filter", "compare", "a.png", "g.png")
    assert "radius is 0.0" in refused(said, "filter", "unsharp-mask", "a.png", "g.png", "--radius", "0")
    assert "never overwritten" in refused(said, "filter", "compare", "a.png", "b.png", "--image-b", "b.png")


# --- models, info, convert, verify


def test_models(capsys: pytest.CaptureFixture[str], models: Path) -> None:
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"tiny +user folder +LINF +[\d,]+ +[\d.]+ kB +no +uncalibrated +CC0-1\.0", text)
    assert re.search(r"learned +user folder .* yes ", text)
    assert re.search(r"RRDB-LINF +17,534,747 +JNNNNYao/LINF", text)
    assert main(["models", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["folder"] == str(models)
    assert {"tiny", "learned"} <= {m["name"] for m in report["models"]}


def test_a_broken_model_is_listed_as_such(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINF_MODELS", str(here))
    Path("broken.pth").write_bytes(b"PK nothing")
    assert main(["models"]) == 0
    assert "cannot be read:" in capsys.readouterr().out


def test_info(capsys: pytest.CaptureFixture[str], said: Say, models: Path) -> None:
    write_png(Path("a.png"), dpi=(100, 100))
    assert upscale("a.png", "b.png", "--scale", "2") == 0
    model = NODES["LINFLoadModel"]({"model": "tiny"})
    features = NODES["LINFEncodeLr"]({"linf_model": model, "image": torch.rand(1, 3, 6, 6)})
    latent = NODES["LINFSampleLatent"]({"features": features})
    NODES["LINFSaveLatent"]({"features": features, "latent": latent, "path": "z.safetensors"})
    capsys.readouterr()
    for name, wanted in {
        "b.png": {"kind": "PNG picture", "size": "18x14", "samples": "uint8"},
        "tiny": {"kind": "weights", "hash": weights_hash(read_weights(models / "tiny.safetensors"))},
        "z.safetensors": {"kind": "drawn latent", "model": model.hash, "seed": "0"},
    }.items():
        assert main(["info", name, "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert wanted.items() <= facts.items()
        assert main(["info", name]) == 0
        assert wanted["kind"] in capsys.readouterr().out
    Path("x.png").write_text("text")
    assert "not a picture" in refused(said, "info", "x.png")
    assert "there is no file 'none'" in refused(said, "info", "none")
    assert "cannot be read" in refused(said, "info", "none.safetensors")


def test_convert(said: Say, capsys: pytest.CaptureFixture[str]) -> None:
    parts = weights(prior=True)
    torch.save({"model": {**LINF.entry(), "sd": parts.model_state}}, "linf.pth")
    torch.save({"prior_model": {**PRIOR.entry(), "sd": parts.prior_state}}, "prior.pth")
    assert main(["convert", "linf.pth", "both.safetensors", "--prior", "prior.pth", "--float32", "--name", "mine"]) == 0
    written = read_weights(Path("both.safetensors"))
    assert written.card == {"name": "mine", "converted_from": "linf.pth"}
    assert weights_hash(written) == weights_hash(parts)
    assert "learned prior 'unet'" in capsys.readouterr().out
    assert main(["convert", "linf.pth", "half.safetensors"]) == 0
    assert Path("half.safetensors").stat().st_size < Path("both.safetensors").stat().st_size
    assert main(["convert", "prior.pth", "prior.safetensors"]) == 0
    said()
    assert "does not end in .safetensors" in refused(said, "convert", "linf.pth", "x.pth")
    assert "never overwritten" in refused(said, "convert", "half.safetensors", "half.safetensors")
    assert "holds no learned prior" in refused(said, "convert", "linf.pth", "x.safetensors", "--prior", "linf.pth")
    assert "cannot be read" in refused(said, "convert", "none.pth", "x.safetensors")


def test_convert_refuses_a_prior_of_another_patch(said: Say) -> None:
    from linf_nodes.models.registry import build_prior
    from linf_nodes.models.spec import Spec

    other = Spec("unet", {"in_chans": 3, "depth": 1, "dim": 8})
    torch.save({"model": {**LINF.entry(), "sd": weights().model_state}}, "linf.pth")
    torch.save({"prior_model": {**other.entry(), "sd": build_prior(other).state_dict()}}, "prior.pth")
    assert "in_chans 3" in refused(said, "convert", "linf.pth", "x.safetensors", "--prior", "prior.pth")


def test_verify(said: Say, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("empty").mkdir()
    assert "holds no .safetensors" in refused(said, "verify", "empty", "--json", "r.json", status=1)
    assert "holds no .safetensors" in refused(said, "verify", "nowhere", status=1)
    assert "no folder" in refused(said, "verify", "empty", "--json", "none/r.json")
    Path("cases").mkdir()
    save_file({"out.x": torch.zeros(1)}, "cases/strange.safetensors", {"family": "strange"})
    assert main(["verify", "cases", "--json", "r.json"]) == 1
    assert "FAILED strange: the family 'strange' is not known" in capsys.readouterr().out
    report = json.loads(Path("r.json").read_text())
    assert {"cases": 1, "passed": 0, "failed": ["strange"]}.items() <= report.items()
    good = Outcome("good", "linf", 1e-6, {"sr": 1e-7}, {"sr": 2e-7})
    monkeypatch.setattr(verify, "verify_folder", lambda folder: iter([good]))
    assert main(["verify", "cases"]) == 0
    text = capsys.readouterr().out
    assert "ok     good: sr 1.0e-07 / 2.0e-07 (tolerances 4e-06, 2e-06)" in text
    assert "1 of 1 cases passed" in text


def test_the_bundled_model_is_the_default() -> None:
    if not (ROOT / "weights" / "photo.safetensors").is_file():
        pytest.skip("weights/photo.safetensors is not there")
    write_png(Path("a.png"), 12, 12)
    assert main(["upscale", "a.png", "b.png"]) == 0
    assert read_picture("b.png").pixels.shape == (48, 48, 3)
