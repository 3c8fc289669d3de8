"""A thousand damaged files: each is taken, or refused with one of our errors; nothing else, and nothing endless."""

import json
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from linf_nodes.errors import LinfError
from linf_nodes.models.checkpoint import build, read_weights, write_weights
from linf_nodes.pictures import read_picture, read_recipe, write_picture
from linf_nodes.training.recipe import Recipe
from linf_nodes.training.run import Run
from linf_nodes.workflow import one_click_graph, parse_graph, read_graph

from .tiny import weights

SEED = 20230617
ROUNDS = 91  # of each of the kinds below

Try = Callable[[Path], object]


def whole_files(folder: Path) -> dict[str, Path]:
    """A sound file of each kind."""
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (12, 16, 3), np.uint8)
    for name in ("a.png", "a.jpg", "a.webp", "a.bmp", "a.gif"):
        Image.fromarray(colour).save(folder / name)
    Image.fromarray(colour).save(folder / "exif.jpg", exif=Image.Exif(), comment=b"hello", xmp=b"<x/>")
    tifffile.imwrite(folder / "a.tif", colour, photometric="rgb", compression="zlib")
    write_picture(read_picture(folder / "a.png"), folder / "deep.png", depth="16", recipe={"scale": 2})
    write_weights(folder / "w.safetensors", weights())
    (folder / "graph.json").write_text(json.dumps(one_click_graph({"model": "photo"}, {"scale": 2.0})))
    (folder / "recipe.toml").write_text(
        'data = ["."]\nout = "run"\nsteps = 3\nbatch = 2\ncrop = 4\nscales = [1.0, 2.0]\nlr = 1e-3\nbfloat16 = false\n'
        '[model]\nname = "linf-patch"\n[model.args]\npatch_size = 3\nflow_layers = 2\nnum_layer = 2\nhidden_dim = 16\n'
        'encoder_spec = { name = "edsr-baseline", args = { n_resblocks = 1, n_feats = 8 } }\n'
    )
    return {f.name: f for f in folder.iterdir()}


def picture(path: Path) -> None:
    read_picture(path)
    read_recipe(path)


def trained(path: Path) -> None:
    Run(Recipe.read(path), torch.device("cpu"))


KINDS: dict[str, Try] = {
    **dict.fromkeys(("a.png", "a.jpg", "exif.jpg", "a.webp", "a.bmp", "a.gif", "a.tif", "deep.png"), picture),
    "w.safetensors": lambda path: build(read_weights(path)),
    "graph.json": lambda path: parse_graph(read_graph(path).source),
    "recipe.toml": trained,
}

WORDS = ["1e400", "-1", "0", "99999999999", '"x"', "[]", "{}", "true", "nan", "null", '"~nobody"', "[[]]", "1e-400"]


def bytes_changed(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(changed))
        match rng.randrange(4):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                changed[at] ^= 1 << rng.randrange(8)
            case 2:
                del changed[at : at + rng.randint(1, 40)]
            case _:
                changed[at:at] = rng.randbytes(rng.randint(1, 12))
        if not changed:
            return b"\0"
    return bytes(changed)


def words_changed(data: bytes, rng: random.Random) -> bytes:
    """Another value in the place of one of a text's: numbers and texts of the wrong kind, and beyond all bounds."""
    lines = data.decode().replace(", ", ",\n").replace("{ ", "{\n").replace(" }", "\n}").split("\n")
    marked = [k for k, line in enumerate(lines) if "=" in line or ":" in line]
    k = rng.choice(marked)
    mark = "=" if "=" in lines[k] else ":"
    end = "," if lines[k].rstrip().endswith(",") else ""
    lines[k] = f"{lines[k].split(mark)[0]}{mark} {rng.choice(WORDS)}{end}"
    joined = "\n".join(lines) if mark == ":" else "\n".join(lines).replace(",\n", ", ").replace("{\n", "{ ")
    return joined.replace("\n}", " }").encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", KINDS)
def test_damaged_files_are_taken_or_refused(name: str, folder: Path, tmp_path: Path) -> None:
    source = whole_files(folder)[name].read_bytes()
    rng, refused = random.Random(f"{SEED} {name}"), 0
    text = name.endswith((".json", ".toml"))
    for k in range(ROUNDS):
        change = words_changed if text and k % 3 else bytes_changed
        path = tmp_path / name
        path.write_bytes(change(source, rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # libraries remark on what they find; that is not the matter here
            try:
                KINDS[name](path)
            except LinfError as error:
                refused += bool(str(error))
    assert refused
