"""`linf convert`: any supported checkpoint into our own file."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import BadValue, UnsupportedWeights
from ...memory import memory_text
from ...models.checkpoint import Weights, build, read_weights, weights_hash, write_weights
from ...models.registry import family_of
from .console import out
from .parser import Parser


def run(argv: Sequence[str]) -> int:
    """Read, check that it builds, write."""
    args = _parser().parse_args(argv)
    source, target = Path(args.source), Path(args.target)
    if target.suffix != ".safetensors":
        raise BadValue(f"'{target}' does not end in .safetensors, the one format written here: choose another name.")
    if os.path.realpath(target) in (os.path.realpath(p) for p in (source, args.prior or source)):
        raise BadValue(f"'{target}' is an input, which is never overwritten: choose another name.")
    weights = read_weights(source)
    if args.prior is not None:
        weights = _joined(weights, Path(args.prior))
    card = {**weights.card, "name": args.name or weights.card.get("name") or target.stem}
    card.setdefault("converted_from", source.name)
    weights = replace(weights, card=card)
    if weights.model is not None:
        build(weights)
    write_weights(target, weights, half=not args.float32)
    for line in _summary(weights):
        out(line)
    digest = weights_hash(read_weights(target))
    out(f"wrote {target}: {memory_text(target.stat().st_size)}, hash {digest}")
    return 0


def _joined(weights: Weights, path: Path) -> Weights:
    other = read_weights(path)
    if other.prior is None:
        raise UnsupportedWeights(f"'{path}' holds no learned prior: give a latent module's file.")
    return replace(weights, prior=other.prior, prior_state=other.prior_state)


def _summary(weights: Weights) -> list[str]:
    parts = (
        (_family(weights), weights.model, weights.model_state),
        ("learned prior", weights.prior, weights.prior_state),
    )
    return [
        f"read a {what} {spec.name!r}: {len(state)} tensors, {sum(t.numel() for t in state.values()):,} values"
        for what, spec, state in parts
        if spec is not None
    ]


def _family(weights: Weights) -> str:
    return "model" if weights.model is None else family_of(weights.model)


def _parser() -> Parser:
    parser = Parser(prog="linf convert", description="Turn a published checkpoint into our own weights file.")
    parser.add_argument("source", metavar="IN.pth", help="a .pth, .pt or .safetensors file")
    parser.add_argument("target", metavar="OUT.safetensors", help="file to write")
    parser.add_argument("--prior", metavar="FILE", help="a latent module (LINF-LP) to put into the same file")
    parser.add_argument("--name", help="name on the card (default: the file's)")
    parser.add_argument("--float32", action="store_true", help="keep float32; the default halves most tensors")
    return parser
