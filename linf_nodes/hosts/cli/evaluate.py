"""`linf evaluate`: measure a model on pictures, as the papers do."""

import argparse
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ... import __version__
from ...atomic import atomic_write
from ...catalogue import NODES
from ...errors import BadValue
from ...evaluation.evaluate import Settings, evaluate
from ...evaluation.lpips import Lpips
from ...evaluation.pairs import pairs
from ...evaluation.plots import check_matplotlib, write_plots
from ...evaluation.report import markdown
from ...pipeline.device import resolve_device
from .options import Values, add_options, default_of, read_options
from .parser import Parser
from .progress import Bar
from .talk import out

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
    found = pairs(args.hr, args.lr, args.limit)
    loading = read_options(args, _LOAD)
    device = resolve_device(loading.get("device", default_of(_LOAD, "device")))
    lpips = None if args.lpips is None else Lpips(Path(args.lpips), device)
    with Bar("evaluate") as bar:
        measured = evaluate(_LOAD(loading), found, settings, lpips, bar)
    command = shlex.join(["linf", "evaluate", *argv])
    report = {"program": "linf-nodes", "version": __version__, "command": command, "lpips": args.lpips, **measured}
    if target is not None:
        with atomic_write(target) as part:
            part.write_text(json.dumps(report, indent=2), "utf-8")
    if args.plots is not None:
        write_plots(report, Path(args.plots))
    out(markdown(report))
    return 0


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
    parser.add_argument("--limit", type=_whole(1), metavar="N", help="only the first N pictures")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured to FILE")
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
