"""`linf run`: a saved workflow on pictures."""

import argparse
import json
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...catalogue import NODES
from ...errors import LinfError
from ...pictures import Header, Picture, check_target
from ...pipeline.grid import Size
from ...pipeline.size import SizeWish
from ...workflow import Preset, find_preset, parse_graph, read_graph, with_values
from .aspect import say_aspect
from .batch import run_jobs
from .console import out, out_json
from .file_tasks import FileTask, FileTasks
from .need import COPIES, check_need
from .options import add_folder_options
from .parser import Parser
from .progress import Bar

UPSCALE = NODES["LINFUpscale"].id


def run(argv: Sequence[str]) -> int:
    """Check the workflow and the files, then run it on every picture."""
    args = _parser().parse_intermixed_args(argv)
    path = find_preset(args.preset)
    graph = read_graph(path)
    if args.set:
        graph = parse_graph(with_values(graph.source, dict(args.set)))
    if len(args.paths) == 2 and not args.bind:
        from . import run_stack, stack  # late: pictures need nothing of them

        if run_stack.is_stack(*args.paths):
            return stack.run([*args.paths, *run_stack.stack_words(graph, args.paths[0]), *["--json"] * args.json])
    preset = Preset.of(graph, dict(args.bind or []))
    others = [path, *preset.sources.values()]
    jobs = FileTasks.plan(
        args.paths,
        more_inputs=others,
        more_targets=list(preset.targets.values()),
        recursive=args.recursive,
        skip=args.skip_existing,
    )

    def check(picture: Picture, job: FileTask) -> None:
        for target in job.targets:
            check_target(picture, target, picture.pixels.shape[:2])

    def work(picture: Picture, job: FileTask) -> None:
        start = time.perf_counter()
        with Bar(job.targets[0].name) as bar:
            result = preset.apply(picture, job.targets[0], bar)
        size = result.size
        say_aspect(job.source, picture.size, size)
        seconds = round(time.perf_counter() - start, 3)
        record = {"path": str(job.targets[0]), "source": str(job.source), "size": list(size), "seconds": seconds}
        out_json(record) if args.json else out(f"{job.targets[0]}: {size[0]}x{size[1]}, {seconds:.1f} s")

    def forecast(header: Header, job: FileTask) -> None:
        height, width = _size(preset, (header.height, header.width))
        result = replace(header, height=height, width=width)
        check_need(job.source, header, result, COPIES)

    return run_jobs(jobs, check, work, json=args.json, forecast=forecast)


def _size(preset: Preset, size: Size) -> Size:
    """The largest that the picture itself is enlarged to, as far as that can be known before the nodes run."""
    sizes = [size]
    for step in preset.graph.of_type(UPSCALE):
        if step.links["image"].step == preset.entry.id:
            with suppress(LinfError):  # the node says what is wrong, when its turn comes
                sizes.append(SizeWish.of(step.values).target(size).size)
    return max(sizes, key=math.prod)


def _parser() -> Parser:
    parser = Parser(
        prog="linf run",
        usage="linf run PRESET IN... OUT [--set ID.INPUT=VALUE] [--bind ID=FILE] [--json]",
        description="Run a workflow saved in ComfyUI's API format: its Load Image node reads IN, its Save Image node "
        "writes OUT. A stack (an OME-Zarr, a TIFF of many planes) is enlarged as by linf stack, by presets that only "
        "enlarge.",
    )
    parser.add_argument("preset", metavar="PRESET", help="the workflow: a file, or a name that 'linf presets' lists")
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="IN... OUT",
        help="pictures, folders or quoted patterns, then a file, or a folder if there are several pictures",
    )
    parser.add_argument(
        "--set",
        action="append",
        type=_setting,
        metavar="ID.INPUT=VALUE",
        help="another value for a node's input, or INPUT=VALUE where one node alone has it; may be repeated",
    )
    parser.add_argument(
        "--bind",
        action="append",
        type=_binding,
        metavar="ID=FILE",
        help="file of a further Load Image or Save Image node, by node id; may be repeated",
    )
    add_folder_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object for every result")
    return parser


def _setting(text: str) -> tuple[str, Any]:
    place, mark, value = text.partition("=")
    if not (place and mark):
        raise argparse.ArgumentTypeError(f"{text!r} sets nothing: give ID.INPUT=VALUE, for example 3.scale=2.")
    try:
        return place, json.loads(value)
    except ValueError:
        return place, value


def _binding(text: str) -> tuple[str, str]:
    i, mark, path = text.partition("=")
    if not (i and mark and path):
        raise argparse.ArgumentTypeError(f"{text!r} binds nothing: give ID=FILE, for example 3=reference.png.")
    return i, path
