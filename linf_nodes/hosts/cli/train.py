"""`linf train`: train a model from a recipe, or go on with one."""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from ...errors import BadValue, OutOfMemory
from ...memory import memory_text
from ...models.checkpoint import read_weights
from ...pipeline.device import is_out_of_memory, resolve_device
from ...training.card import training_card, write_page
from ...training.recipe import Recipe
from ...training.run import Run
from ...training.task import check_licence
from .console import out, say
from .parser import Parser

SILENCE = 60.0  # seconds between lines where stderr is no terminal


def run(argv: Sequence[str]) -> int:
    """Check everything, train, and export."""
    args = _parser().parse_args(argv)
    recipe = Recipe.read(Path(args.recipe), **_changes(args))
    target = _target(args.export)
    trained = Run(recipe, resolve_device(args.device), read_weights(Path(args.init)) if args.init else None)
    if target is not None:
        check_licence(trained.begun_with)
    _begin(trained, args.resume)
    if not trained.finished(args.stop):
        _train(trained, args.stop, args.pause)
    if target is not None:
        _export(trained, target, args.licence)
    return 0


def _changes(args: argparse.Namespace) -> dict[str, Any]:
    """Values that go before the recipe's; folders are the caller's, not the recipe's."""
    changes = {"steps": args.steps, "minutes": args.minutes, "batch": args.batch, "seed": args.seed}
    changes["data"] = [str(Path(d).absolute()) for d in args.data] if args.data else None
    changes["out"] = str(Path(args.out).absolute()) if args.out else None
    return {key: value for key, value in changes.items() if value is not None}


def _target(name: str | None) -> Path | None:
    if name is None:
        return None
    path = Path(name)
    if path.suffix != ".safetensors" or not path.parent.is_dir():
        raise BadValue(f"'{name}' must end in .safetensors and lie in a folder that exists: choose another name.")
    return path


def _begin(trained: Run, resume: bool) -> None:
    if not resume and trained.path.exists():
        raise BadValue(
            f"'{trained.path}' holds a run already: go on with it by --resume, or choose another folder by --out."
        )
    if resume and trained.resume():
        say(f"goes on from step {trained.step} in '{trained.path}'")
    elif resume:
        say(f"there is no checkpoint in '{trained.path.parent}' yet: starting anew")


def _train(trained: Run, stop: int | None, pause: float | None) -> None:
    pack = trained.pack()
    for reason in pack.skipped:
        say(f"skipped {reason}")
    count = sum(p.numel() for p in trained.model.parameters())
    say(
        f"{len(pack.pictures)} pictures, {pack.megapixels:.1f} megapixels, {len(pack.skipped)} files skipped; "
        f"{count:,} parameters, {trained.device}"
    )
    status = _Status(trained.step)
    try:
        trained.prepare(pack)
        if trained.remark:
            say(trained.remark)
        trained.train(status, pack, stop, pause)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"There is not enough memory for a batch of {trained.recipe.batch}: lower 'batch' (--batch), "
            "'queries' or 'hr'."
        ) from error
    finally:
        status.end()


def _export(trained: Run, target: Path, licence: str | None) -> None:
    step = trained.step
    entry = training_card(trained.recipe, step, trained.log.hours(), trained.device, trained.pictures)
    card = {"name": target.stem} if licence is None else {"name": target.stem, "licence": licence}
    weights = trained.export(target, card, entry)
    page = target.with_suffix(".md")
    written = write_page(page, target.stem, entry, trained.recipe)
    values = sum(t.numel() for t in (*weights.model_state.values(), *weights.prior_state.values()))
    out(f"wrote {target}: {memory_text(target.stat().st_size)}, {values:,} values, step {step}")
    out(f"wrote {page}" if written else f"left {page} as it was: update its figures by hand")


class _Status:
    """A progress callback: one line that is written over on a terminal, else a line a minute."""

    def __init__(self, first: int):
        self._first, self._start = first, time.monotonic()
        self._last, self._open = 0.0, False

    def __call__(self, done: int, total: int, text: str) -> None:
        terminal, now = sys.stderr.isatty(), time.monotonic()
        if now - self._last < (0.2 if terminal else SILENCE) and done < total:
            return
        self._last = now
        speed = (done - self._first) / max(now - self._start, 1e-9)
        left = timedelta(seconds=round((total - done) / max(speed, 1e-9)))
        line = f"step {done}/{total}  {speed:.2f} steps/s  {left} left  {text}"
        if not terminal:
            say(line)
            return
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()
        self._open = True

    def end(self) -> None:
        """Leave the line."""
        if self._open:
            sys.stderr.write("\n")
            self._open = False


def _parser() -> Parser:
    parser = Parser(
        prog="linf train",
        description="Train a model from a recipe. The run's checkpoint, figures and previews go into the recipe's "
        "'out' folder; Ctrl-C writes a checkpoint first.",
        epilog="docs/training.md explains recipes. A user's own pictures: linf train recipes/finetune.toml "
        "--data FOLDER --init WEIGHTS --out FOLDER --export OUT.safetensors",
    )
    parser.add_argument("recipe", metavar="RECIPE.toml", help="what to train, and how")
    parser.add_argument("--init", metavar="FILE", help="weights to start from; for a prior, the finished LINF")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint, if there is one")
    parser.add_argument(
        "--device", default="auto", metavar="auto|cpu|cuda[:i]", help="where to compute (default: auto)"
    )
    parser.add_argument("--data", action="append", metavar="FOLDER", help="pictures in the place of the recipe's")
    parser.add_argument("--out", metavar="FOLDER", help="the run's folder in the place of the recipe's")
    parser.add_argument("--steps", type=int, metavar="N", help="length of the run in the place of the recipe's")
    parser.add_argument("--stop", type=int, metavar="N", help="stop at step N of the recipe's, to go on another time")
    parser.add_argument(
        "--minutes",
        type=_minutes,
        metavar="M",
        help="length of the run in minutes of training, whatever the device's speed, in the place of its steps; a "
        "checkpoint goes on with another number",
    )
    parser.add_argument(
        "--pause", type=_minutes, metavar="M", help="stop after M minutes of this call, to go on with --resume"
    )
    parser.add_argument("--batch", type=int, metavar="N", help="pictures a step in the place of the recipe's")
    parser.add_argument("--seed", type=int, metavar="N", help="of weights and crops in the place of the recipe's")
    parser.add_argument(
        "--export",
        metavar="OUT.safetensors",
        help="write the averaged weights at the end; with --resume --stop 0 those of the checkpoint, without training",
    )
    parser.add_argument("--licence", metavar="TEXT", help="licence of the weights, for their card")
    return parser


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no time to train: give a positive number of minutes.")
    return minutes
