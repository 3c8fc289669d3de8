"""`linf upscale`: enlarge pictures."""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import __version__
from ...catalogue import NODES
from ...errors import BadValue
from ...pictures import Depth, Picture, check_target, read_picture, write_picture
from ...pipeline.grid import Size, output_size
from ...pipeline.model import LinfModel
from ...workflow.tensors import Levels, image_of, picture_of
from .jobs import Job, Jobs
from .options import Values, add_options, default_of, option_files, read_options
from .parser import Parser
from .progress import Bar
from .talk import out, out_json, say

_LOAD, _UPSCALE = NODES["LINFLoadModel"], NODES["LINFUpscale"]


def run(argv: Sequence[str]) -> int:
    """Check everything, then enlarge picture by picture."""
    args = _parser().parse_intermixed_args(argv)
    task = _Task.of(args)
    endings = [f"-s{seed}" for seed in task.seeds] if args.samples else [""]
    suffix = ".tif" if args.depth == "float32" else ""
    jobs = Jobs.plan(args.paths, endings, suffix, option_files(args, _UPSCALE))
    held = jobs.inspect(task.check)
    model = _LOAD(read_options(args, _LOAD))
    task.check_model(model, drawn_options=bool(args.samples or getattr(args, "--temperature")))
    with jobs.place() as finished:
        for job in jobs.every:
            picture = held.pop(job.source, None) or read_picture(job.source)
            for seed, target in zip(task.seeds, job.targets, strict=True):
                record = task.enlarge(model, picture, job.source, target, seed)
                finished.append(target)
                out_json(record) if args.json else out(_sentence(record))
    return 0


@dataclass(frozen=True)
class _Task:
    """What the options ask for."""

    values: Values
    seeds: range
    depth: Depth | None

    @classmethod
    def of(cls, args: argparse.Namespace) -> "_Task":
        values = read_options(args, _UPSCALE)
        first = values.get("seed", default_of(_UPSCALE, "seed"))
        last = first + (args.samples or 1)
        next(i for i in _UPSCALE.inputs if i.name == "seed").checked(last - 1)
        return cls(values, range(first, last), args.depth)

    def option(self, name: str) -> Any:
        return self.values.get(name, default_of(_UPSCALE, name))

    def hr_size(self, picture: Picture) -> Size:
        h, w = picture.pixels.shape[:2]
        size = self.option("height"), self.option("width")
        return output_size((h, w), self.option("scale"), self.option("scale_x"), size, self.option("megapixels"))

    def check(self, picture: Picture, job: Job) -> None:
        """Refuse a size, or a format of the result, that cannot be."""
        size = self.hr_size(picture)
        for target in job.targets:
            check_target(picture, target, size, self.depth)

    def check_model(self, model: LinfModel, drawn_options: bool) -> None:
        if not self._learned(model):
            return
        if len(self.seeds) > 1:
            raise BadValue(
                f"the learned prior of {model.name!r} predicts one picture, so --samples {len(self.seeds)} would be "
                "copies: add --latent noise."
            )
        if drawn_options:
            say(f"note: {model.name!r} predicts its latent, so --temperature and seeds change nothing; see --latent")

    def enlarge(self, model: LinfModel, picture: Picture, source: Path, target: Path, seed: int) -> Values:
        """Write one result; returns what is to be said of it."""
        start = time.perf_counter()
        levels = Levels.of(picture)
        inputs = {**self.values, "linf_model": model, "image": image_of(picture, levels), "seed": seed}
        with Bar(target.name) as bar:
            image = _UPSCALE(inputs, bar)
        recipe = self._recipe(model, picture, seed)
        if not levels.usual:
            recipe["levels"] = [levels.low, levels.high]
        write_picture(picture_of(image, picture, levels, self.depth), target, depth=self.depth, recipe=recipe)
        seconds = round(time.perf_counter() - start, 3)
        facts = {"path": str(target), "source": str(source), "seconds": seconds, "device": str(model.device)}
        return {**facts, "dtype": recipe["precision"], **recipe}

    def _recipe(self, model: LinfModel, picture: Picture, seed: int) -> Values:
        lr, hr = picture.pixels.shape[:2], self.hr_size(picture)
        scale = [o / i for o, i in zip(hr, lr, strict=True)]
        drawn = not self._learned(model)
        temperature = self.option("temperature")
        if self.option("auto_temperature"):
            temperature = model.temperature(max(scale))
        return {
            "program": "linf-nodes",
            "version": __version__,
            "command": "upscale",
            "model": model.name,
            "model_hash": model.hash,
            "scale": scale,
            "lr_size": list(lr),
            "hr_size": list(hr),
            "latent": "noise" if drawn else "prior",
            "temperature": temperature if drawn else None,
            "strength": None if drawn else self.option("strength"),
            "seed": seed if drawn else None,
            "frame": self.option("frame") if drawn else None,
            "precision": str(model.dtype).removeprefix("torch."),
        }

    def _learned(self, model: LinfModel) -> bool:
        latent = self.option("latent")
        return bool(latent == "prior" or (latent == "auto" and model.prior is not None))


def _sentence(record: Mapping[str, Any]) -> str:
    height, width = record["hr_size"]
    amount = "learned prior"
    if record["latent"] == "noise":
        amount = f"temperature {record['temperature']:g}, seed {record['seed']}"
    return f"{record['path']}: {height}x{width}, {amount}, {record['seconds']:.1f} s on {record['device']}"


def _parser() -> Parser:
    parser = Parser(
        prog="linf upscale",
        usage="linf upscale IN... OUT [options]",
        description=_UPSCALE.description,
        epilog="Sample type, ICC profile, EXIF, alpha and grey are kept, and so is the physical size: the dots per "
        "inch grow with the scale. Float pictures that leave [0, 1] are computed in units of their own range, which "
        "float results are given back. How a picture was made is stored in it; `linf info` shows it.",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="IN... OUT",
        help="pictures, folders or quoted patterns, then a file, or a folder if there are several pictures",
    )
    add_options(parser, _LOAD)
    add_options(parser, _UPSCALE, ("image",))
    parser.add_argument(
        "--samples", type=_count, metavar="K", help="write K draws with the seeds N to N+K-1, named NAME-s0.png, ..."
    )
    parser.add_argument(
        "--depth",
        choices=("8", "16", "float32"),
        help="sample type of the result; float32 is TIFF, in [0, 1], unclipped (default: as the input)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for every result")
    return parser


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if not 1 <= count <= 100000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of draws: give a whole number from 1 to 100000.")
    return count
