"""A thousand damaged files: each is taken, or refused with one of our errors; nothing else, and nothing endless."""

import json
import random
import re
import warnings
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from PIL.ExifTags import IFD, Base

from linf_nodes.catalogue import NODES
from linf_nodes.errors import LinfError
from linf_nodes.models.checkpoint import build, read_weights, write_weights
from linf_nodes.pictures import read_header, read_picture, read_recipe, write_picture
from linf_nodes.pictures.codes import Colours
from linf_nodes.pictures.texts import photoshop_block
from linf_nodes.pipeline.features import Features
from linf_nodes.pipeline.latent_file import load_latent, save_latent
from linf_nodes.pipeline.store import STORE
from linf_nodes.training.recipe import Recipe
from linf_nodes.training.run import Run
from linf_nodes.workflow import Preset, one_click_graph, parse_graph, read_graph

from .tiny import LINF, weights

SEED = 20230617
ROUNDS = 46  # of each of the kinds below

Try = Callable[[Path], object]


def whole_files(folder: Path) -> dict[str, Path]:
    """A sound file of each kind."""
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (12, 16, 3), np.uint8)
    image = Image.fromarray(colour)
    for name in ("a.png", "a.jpg", "a.webp", "a.avif", "a.bmp", "a.gif", "a.jp2", "a.tga", "a.ppm"):
        image.save(folder / name)
    image.convert("P").save(folder / "palette.png", transparency=3)
    image.save(folder / "moving.webp", save_all=True, append_images=[image.rotate(90)], xmp=b"<x/>")
    exif = Image.Exif()
    exif[Base.Orientation], exif[Base.Make], exif[Base.XResolution] = 6, "maker", 72.0
    exif.get_ifd(IFD.Exif)[Base.UserComment] = b"ASCII\0\0\0words"
    image.save(
        folder / "said.jpg", exif=exif, comment=b"hello", xmp=b'<x tiff:Orientation="6"/>', extra=photoshop_block(b"x")
    )
    alpha = colour[..., 0].T.astype(np.float32) / np.float32(255)
    deep = replace(read_picture(folder / "said.jpg"), dtype=np.dtype(np.uint16), alpha=alpha)
    deep = replace(deep, colours=Colours.of_code(12, 13))
    for name in ("deep.png", "deep.tif"):
        write_picture(deep, folder / name, depth="16", recipe={"scale": 2})
    (folder / "deep.ppm").write_bytes(b"P6\n16 12\n65535\n" + colour.astype(">u2").tobytes())
    tifffile.imwrite(folder / "a.tif", colour, photometric="rgb", compression="zlib")
    tifffile.imwrite(folder / "tiles.tif", np.tile(colour, (3, 3, 1)), photometric="rgb", tile=(16, 16), bigtiff=True)
    write_weights(folder / "w.safetensors", weights(prior=True))
    torch.save({"model": {"name": "linf-patch", "args": LINF.args, "sd": weights().model_state}}, folder / "w.pth")
    model = STORE.get(str(folder / "w.safetensors"), "none", torch.device("cpu"), torch.float32)
    seen = Features(model, torch.rand(1, 3, 3, 3))
    save_latent(folder / "z.safetensors", seen, NODES["LINFSampleLatent"].function(seen, scale=2.0))
    (folder / "graph.json").write_text(json.dumps(one_click_graph({"model": "photo"}, {"scale": 2.0})))
    (folder / "recipe.toml").write_text(
        'data = ["."]\nout = "run"\nsteps = 3\nbatch = 2\ncrop = 4\nqueries = 8\nscales = [1.0, 2.0]\nlr = 1e-3\n'
        "bfloat16 = false\nhr = 12\nmilestones = [0.5, 0.75]\nblur = [0.1, 2.0]\nnoise = [0.0, 9.0]\njpeg = [50, 90]\n"
        '[model]\nname = "linf-patch"\n[model.args]\npatch_size = 3\nflow_layers = 2\nnum_layer = 2\nhidden_dim = 16\n'
        'encoder_spec = { name = "edsr-baseline", args = { n_resblocks = 1, n_feats = 8 } }\n'
    )
    return {f.name: f for f in folder.iterdir()}


def picture(path: Path) -> None:
    read_header(path)
    made = read_picture(path)
    write_picture(made, path.with_name("out.tif"), recipe=read_recipe(path))


def trained(path: Path) -> None:
    Run(Recipe.read(path), torch.device("cpu"))


def planned(path: Path) -> None:
    Preset.of(parse_graph(read_graph(path).source))


KINDS: dict[str, Try] = {
    **dict.fromkeys(
        (
            *("a.png", "palette.png", "deep.png", "a.jpg", "said.jpg", "a.webp", "moving.webp", "a.avif", "a.bmp"),
            *("a.gif", "a.jp2", "a.tga", "a.ppm", "deep.ppm", "a.tif", "deep.tif", "tiles.tif"),
        ),
        picture,
    ),
    "w.safetensors": lambda path: build(read_weights(path)),
    "w.pth": lambda path: build(read_weights(path)),
    "z.safetensors": load_latent,
    "graph.json": planned,
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


def numbers_changed(data: bytes, rng: random.Random) -> bytes:
    """Another number of as many digits in the place of one in the first bytes: what holds it stays sound."""
    found = [m for m in re.finditer(rb"\d+", data[:3000]) if m.start() >= 8]
    if not found:
        return bytes_changed(data, rng)
    place = rng.choice(found)
    number = "".join(rng.choice("0123456789") for _ in place[0])
    return data[: place.start()] + number.encode() + data[place.end() :]


def sums_mended(data: bytes) -> bytes:
    """A PNG whose chunks have the check sums that their content asks for, so that readers look further."""
    at, whole = 8, [data[:8]]
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 8 + size]
        whole += [data[at : at + 4], body, zlib.crc32(body).to_bytes(4, "big")]
        at += 12 + size
    return b"".join(whole)


def changed(name: str, source: bytes, k: int, rng: random.Random) -> bytes:
    """The k-th damaged version of a file."""
    if name.endswith((".json", ".toml")):
        return (words_changed if k % 3 else bytes_changed)(source, rng)
    data = (numbers_changed if k % 3 == 0 else bytes_changed)(source, rng)
    return sums_mended(data) if name.endswith(".png") and k % 2 else data


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
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return {name: f.read_bytes() for name, f in whole_files(tmp_path_factory.mktemp("whole")).items()}


def test_there_are_a_thousand() -> None:
    assert ROUNDS * len(KINDS) >= 1000


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", KINDS)
def test_damaged_files_are_taken_or_refused(name: str, whole: dict[str, bytes], tmp_path: Path) -> None:
    source = whole[name]
    rng, refused = random.Random(f"{SEED} {name}"), 0
    for k in range(ROUNDS):
        path = tmp_path / name
        path.write_bytes(changed(name, source, k, rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # libraries remark on what they find; that is not the matter here
            try:
                KINDS[name](path)
            except LinfError as error:
                refused += bool(str(error))
    assert refused
