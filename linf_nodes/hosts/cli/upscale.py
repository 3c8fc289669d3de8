"""`linf upscale`: enlarge pictures."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from ...pictures import Picture
from ...pipeline.detail import described
from ...pipeline.model import LoadedModel
from .batch import run_jobs
from .console import out, out_json
from .enlargement import LOAD, UPSCALE, Enlargement
from .file_tasks import FileTask, FileTasks
from .options import add_folder_options, add_options, option_files, read_options
from .parser import Parser


def run(argv: Sequence[str]) -> int:
    """Check everything, then enlarge picture by picture."""
    args = _parser().parse_intermixed_args(argv)
    task = Enlargement.of(args)
    endings = [f"-s{seed}" for seed in task.seeds] if args.samples else [""]
    suffix = ".tif" if args.depth == "float32" else ""
    more = option_files(args, UPSCALE)
    jobs = FileTasks.plan(args.paths, endings, suffix, more, recursive=args.recursive, skip=args.skip_existing)
    loaded: list[LoadedModel] = []

    def prepare() -> None:
        loaded.append(LOAD(read_options(args, LOAD)))
        task.check_model(loaded[0])

    def work(picture: Picture, job: FileTask) -> None:
        for seed, target in zip(task.seeds, job.targets, strict=True):
            record = task.enlarge(loaded[0], picture, job.source, target, seed)
            out_json(record) if args.json else out(_sentence(record))

    return run_jobs(jobs, task.check, work, prepare, args.json, forecast=task.forecast)


def _sentence(record: Mapping[str, Any]) -> str:
    height, width = record["hr_size"]
    return f"{record['path']}: {height}x{width}, {described(record)}, {record['seconds']:.1f} s on {record['device']}"


def _parser() -> Parser:
    parser = Parser(
        prog="linf upscale",
        usage="linf upscale IN... OUT [options]",
        description=UPSCALE.description,
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
    add_options(parser, LOAD)
    add_options(parser, UPSCALE, ("image",))
    parser.add_argument(
        "--samples", type=_count, metavar="K", help="write K draws with the seeds N to N+K-1, named NAME-s0.png, ..."
    )
    parser.add_argument(
        "--depth",
        choices=("8", "16", "float32"),
        help="sample type of the result; float32 is TIFF, in [0, 1], unclipped (default: as the input)",
    )
    add_folder_options(parser)
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
