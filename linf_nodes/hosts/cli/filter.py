"""`linf filter NAME`: every catalogue node that makes a picture of pictures alone."""

import argparse
from collections.abc import Sequence

from ...catalogue import NODES, Node
from ...catalogue.tensors import Levels, image_of, picture_of
from ...meant import meant
from ...pictures import Header, Picture, check_target, write_picture
from ...version import made_by
from .aspect import say_aspect
from .batch import run_jobs
from .console import out
from .file_tasks import FileTask, FileTasks
from .need import COPIES, check_need
from .options import add_folder_options, add_options, option_files, read_options
from .parser import Parser


def filters() -> dict[str, Node]:
    """Nodes by the name that the command line gives them."""
    return {n.name.replace("_", "-"): n for n in NODES.values() if _is_filter(n)}


def run(argv: Sequence[str]) -> int:
    """Apply a filter to every picture."""
    known = filters()
    if not argv or argv[0] not in known:
        return _choose(argv, known)
    node = known[argv[0]]
    first = _first(node)
    args = _parser(argv[0], node).parse_intermixed_args(argv[1:])
    values = read_options(args, node)
    jobs = FileTasks.plan(
        args.paths, more_inputs=option_files(args, node), recursive=args.recursive, skip=args.skip_existing
    )
    plain = {k: v for k, v in values.items() if isinstance(v, bool | int | float | str)}
    recipe = {**made_by("filter"), "filter": node.id, "values": plain}

    def work(picture: Picture, job: FileTask) -> None:
        levels = Levels.of(picture)
        result = picture_of(node({**values, first: image_of(picture, levels)}), picture, levels)
        write_picture(result, job.targets[0], recipe=recipe)
        say_aspect(job.source, picture.size, result.size)
        out(f"{job.targets[0]}: {result.pixels.shape[0]}x{result.pixels.shape[1]}")

    return run_jobs(jobs, _check, work, forecast=_forecast)


def _is_filter(node: Node) -> bool:
    sockets = [i.kind for i in node.inputs if i.socket]
    return [kind for _, kind in node.outputs] == ["IMAGE"] and "IMAGE" in sockets and set(sockets) <= {"IMAGE", "MASK"}


def _first(node: Node) -> str:
    return next(i.name for i in node.inputs if i.kind == "IMAGE")


def _forecast(header: Header, job: FileTask) -> None:
    check_need(job.source, header, header, COPIES)


def _check(picture: Picture, job: FileTask) -> None:
    check_target(picture, job.targets[0], picture.pixels.shape[:2])


def _parser(name: str, node: Node) -> Parser:
    parser = Parser(
        prog=f"linf filter {name}", usage=f"linf filter {name} IN... OUT [options]", description=node.description
    )
    parser.add_argument("paths", nargs="+", metavar="IN... OUT", help="pictures, then a file or folder to write")
    add_options(parser, node, (_first(node),))
    add_folder_options(parser)
    return parser


def _choose(argv: Sequence[str], known: dict[str, Node]) -> int:
    lines = [f"  {name:18} {node.description}" for name, node in known.items()]
    parser = Parser(
        prog="linf filter",
        usage="linf filter NAME IN... OUT [options]",
        epilog="filters:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", help=argparse.SUPPRESS)
    name = parser.parse_args(argv[:1]).name
    if name is not None:
        parser.error(f"there is no filter '{name}': use {', '.join(known)}.{meant(name, known)}")
    parser.print_help()
    return 0
