"""`linf info`: what is in a file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ...errors import UnsupportedWeights
from ...meant import meant
from ...models.checkpoint import read_weights, weights_hash
from ...models.registry import family_of
from ...pictures import read_header, read_picture, read_recipe
from ...pipeline.latent_file import FORMAT
from ...pipeline.store import SUFFIXES, available_models
from .console import out, out_json
from .models import calibration_of, licence_of
from .need import say_need
from .parser import Parser


def run(argv: Sequence[str]) -> int:
    """Describe a picture, weights or a latent."""
    parser = Parser(prog="linf info", description="Say what is in a picture, weights or latent file.")
    parser.add_argument("file", metavar="FILE", help="a file, or the name of a model at hand")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    facts = describe(args.file)
    if args.json:
        out_json(facts, indent=2)
        return 0
    width = max(map(len, facts))
    for key, value in facts.items():
        out(f"{key:{width}}  {value if isinstance(value, str | int) else json.dumps(value)}")
    return 0


def describe(name: str) -> dict[str, Any]:
    """Facts about a file, as JSON values."""
    path = Path(name)
    if not path.is_file():
        path = available_models().get(name, path)
        if not path.exists() and (hint := meant(name, available_models())):
            raise UnsupportedWeights(f"There is no file or model named {name!r}: check the name.{hint}")
    if path.suffix.lower() not in SUFFIXES:
        return _picture(path)
    header = _header(path)
    return _latent(path, header) if header.get("format") == FORMAT else _weights(path)


def _picture(path: Path) -> dict[str, Any]:
    say_need(path, read_header(path).decoding_bytes)
    picture = read_picture(path)
    height, width, channels = picture.pixels.shape
    return {
        "file": str(path),
        "kind": f"{picture.format} picture",
        "size": f"{height}x{width}",
        "channels": ("grey" if channels == 1 else "RGB") + (" with alpha" if picture.alpha is not None else ""),
        "samples": str(picture.dtype),
        "dpi": picture.dpi and list(picture.dpi),
        "icc": picture.icc and f"{len(picture.icc)} bytes",
        "exif": picture.exif and f"{len(picture.exif)} bytes",
        "pages": picture.pages,
        "recipe": read_recipe(path),
    }


def _header(path: Path) -> Mapping[str, str]:
    """The metadata of a safetensors file; empty for any other file."""
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError):
        return {}


def _latent(path: Path, header: Mapping[str, str]) -> dict[str, Any]:
    return {"file": str(path), "bytes": path.stat().st_size, **header, "kind": f"{header['kind']} latent"}


def _weights(path: Path) -> dict[str, Any]:
    weights = read_weights(path)
    states = {"linf": weights.model_state, "prior": weights.prior_state}
    return {
        "file": str(path),
        "kind": "weights",
        "bytes": path.stat().st_size,
        "hash": weights_hash(weights),
        "family": weights.model and family_of(weights.model),
        "linf": weights.model and weights.model.entry(),
        "prior": weights.prior and weights.prior.entry(),
        "tensors": {part: len(state) for part, state in states.items()},
        "values": {part: sum(t.numel() for t in state.values()) for part, state in states.items()},
        "uncertainty": calibration_of(weights.card),
        "licence": licence_of(weights.card),
        "card": weights.card,
    }
