"""`linf evaluate`: measure a model on pictures, as the papers do."""

import argparse
import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...atomic import atomic_write
from ...catalogue import NODES
from ...errors import BadValue
from ...evaluation.calibration import calibrated_card
from ...evaluation.evaluate import Settings, evaluate
from ...evaluation.lpips import Lpips
from ...evaluation.pairs import pairs
from ...evaluation.plots import check_matplotlib, write_plots
from ...evaluation.report import markdown
from ...models.checkpoint import read_weights, weights_hash, write_card
from ...pipeline.device import resolve_device
from ...training.recipe import Recipe
from ...version import made_by
from .console import out
from .options import Values, add_options, default_of, read_options
from .parser import Parser
from .progress import Bar

_LOAD, _UPSCALE = NODES["LINFLoadModel"], NODES["LINFUpscale"]
_OURS = ("temperature", "auto_temperature", "seed", "tile")
_SKIPPED = tuple(i.name for i in _UPSCALE.inputs if i.name not in _OURS)


def run(argv: Sequence[str]) -> int:
    """Check everything, measure, print a table; then write the files."""
    args = _parser().parse_args(argv)
    target = None if args.json is None else Path(args.json)
    if target is not None and not target.parent.is_dir():
        raise BadValue(f"cannot write '{target}': there is no folder '{target.parent}'; make it first.")
    if args.plots is not None:
        check_matplotlib()
    values = read_options(args, _UPSCALE)
    settings = _settings(args, values)
    only = None if args.held_out is None else Recipe.read(Path(args.held_out)).hold_out
    found = pairs(args.hr, args.lr, args.limit, only)
    loading = read_options(args, _LOAD)
    device = resolve_device(loading.get("device", default_of(_LOAD, "device")))
    lpips = None if args.lpips is None else Lpips(Path(args.lpips), device)
    model = _LOAD(loading)
    card = None if args.write_card is None else _card(Path(args.write_card), model.hash)
    with Bar("evaluate") as bar:
        measured = evaluate(model, found, settings, lpips, bar)
    command = shlex.join(["linf", "evaluate", *argv])
    report = {**made_by(command), "lpips": args.lpips, **measured}
    if target is not None:
        with atomic_write(target) as part:
            part.write_text(json.dumps(report, indent=2), "utf-8")
    if args.plots is not None:
        write_plots(report, Path(args.plots))
    out(markdown(report))
    if card is not None:
        write_card(Path(args.write_card), calibrated_card(card, report))
        out(f"\nwrote the factors at x{args.scale:g} onto the card of {args.write_card}")
    return 0


def _card(path: Path, measured: str) -> dict[str, Any]:
    """The card of the file whose LINF is measured, with or without the prior that the file may hold."""
    weights = read_weights(path)
    if measured not in (weights_hash(weights), weights_hash(replace(weights, prior=None, prior_state={}))):
        raise BadValue(f"'{path}' holds other weights than the model that is measured: give both the same file.")
    return weights.card


def _settings(args: argparse.Namespace, values: Values) -> Settings:
    def option(name: str) -> Any:
        return values.get(name, default_of(_UPSCALE, name))

    _checked("seed", option("seed") + args.samples - 1)
    return Settings(
        scale=args.scale,
        protocol=args.protocol,
        shave=args.shave,
        temperature=None if option("auto_temperature") else option("temperature"),
        samples=args.samples,
        seed=option("seed"),
        sweep=args.sweep,
        tile=option("tile") or None,
        stretch=args.stretch,
    )


def _parser() -> Parser:
    parser = Parser(
        prog="linf evaluate",
        usage="linf evaluate --hr DIR [options]",
        description="Measure a model: PSNR, SSIM, LPIPS, LR-PSNR, diversity, grid energy, calibration.",
        epilog="docs/metrics.md says how each is computed. A table is printed; bicubic enlargement is measured too.",
    )
    parser.add_argument("--hr", required=True, metavar="DIR", help="high-resolution pictures")
    parser.add_argument(
        "--lr", metavar="DIR", help="their low-resolution pictures, in the same order of names (default: made from HR)"
    )
    parser.add_argument("--scale", type=_scale, default=4.0, metavar="S", help="from 1 to 32 (default: 4)")
    add_options(parser, _LOAD)
    add_options(parser, _UPSCALE, _SKIPPED)
    parser.add_argument(
        "--protocol", choices=("y", "rgb"), default="y", help="PSNR and SSIM of luma, or of RGB (default: y)"
    )
    parser.add_argument(
        "--shave",
        type=_whole(0),
        metavar="N",
        help="border pixels left out of PSNR and SSIM (default: the scale; for rgb 6 more, unless there is a prior)",
    )
    parser.add_argument("--lpips", metavar="FILE", help="LPIPS network, AlexNet or SqueezeNet, as safetensors")
    parser.add_argument(
        "--samples", type=_whole(1), default=5, metavar="K", help="draws to take the diversity over (default: 5)"
    )
    parser.add_argument(
        "--sweep", type=_temperatures, default=(), metavar="T,T,...", help="measure these temperatures too"
    )
    parser.add_argument(
        "--held-out", metavar="RECIPE.toml", help="only the pictures that this recipe keeps out of training (hold_out)"
    )
    parser.add_argument(
        "--stretch",
        action="store_true",
        help="stretch grey pictures of more than 8 bits from their 0.1 to their 99.9 percentile, as training does",
    )
    parser.add_argument("--limit", type=_whole(1), metavar="N", help="only the first N pictures")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured to FILE")
    parser.add_argument(
        "--write-card",
        metavar="WEIGHTS.safetensors",
        help="store the conformal factors at this scale on the card in the measured model's file; and, after a --sweep "
        "with --lpips, the temperature of the least LPIPS",
    )
    parser.add_argument("--plots", metavar="DIR", help="write calibration.png, and tau-curve.png of a sweep, to DIR")
    return parser


def _whole(least: int) -> Any:
    def convert(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= 100000:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to 100000.")
        return int(text)

    return convert


def _checked(name: str, value: float) -> Any:
    """A value as the node Upscale takes it, or BadValue."""
    return next(i for i in _UPSCALE.inputs if i.name == name).checked(value)


def _scale(text: str) -> float:
    try:
        return float(_checked("scale", float(text)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no scale from 1 to 32.") from error


def _temperatures(text: str) -> tuple[float, ...]:
    try:
        return tuple(_checked("temperature", float(part)) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of temperatures from 0 to 2: give 0,0.2,0.4.") from error
