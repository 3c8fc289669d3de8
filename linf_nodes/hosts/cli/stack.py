"""`linf stack`: enlarge a whole stack, however large."""

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...catalogue import NODES
from ...errors import BadValue
from ...pictures.kind import chosen, is_photo
from ...pipeline.device import resolve_device
from ...pipeline.grid import Size
from ...pipeline.size import SizeWish
from ...stacks.carried import carry_labels
from ...stacks.cluster import Pool, cluster_at, local_cluster, threads
from ...stacks.coordinates import size_for
from ...stacks.labels import label_volume
from ...stacks.location import is_url, place
from ...stacks.ome_tiff import write_ome_tiff
from ...stacks.ome_zarr import write_ome_zarr
from ...stacks.stack_file import Stack, open_stack
from ...stacks.volume import Output, Settings, Volume
from .aspect import say_aspect
from .console import out, out_json, say
from .every import every_image
from .options import add_options, read_options
from .parser import Parser
from .pixel_size import pixel_size
from .progress import Bar

LOAD, UPSCALE = NODES["LINFLoadModel"], NODES["LINFUpscale"]
# planes are numbered, no crops, no textures; a stack is enlarged as a whole or refused
NOT_HERE = ("image", "mask", "frame", "origin_y", "origin_x", "edges", "only_enlarge", "aspect", "reduce")
MOST_AT_ONCE = 8  # blocks, each of a few hundred MB
_SIZES = ("--scale", "--size", "--megapixels", "--longest-side", "--shortest-side", "--pixel-size")


def run(argv: Sequence[str]) -> int:
    """Check everything, then write the result."""
    args = _parser().parse_intermixed_args(argv)
    target = _target(args)
    with _pool(args) as pool:
        if args.every:
            return every_image(args.source, target, args.resume, lambda source, out: _image(args, source, out, pool))
        _image(args, args.source, target, pool)
    return 0


def _image(args: argparse.Namespace, source: str, target: Path, pool: Pool | None) -> None:
    """Enlarge one image."""
    stack = open_stack(source, args.axes or "", args.labels)
    for note in stack.notes:
        say(f"note: {note}")
    if _same(source, target):
        raise BadValue(f"'{target}' is the stack itself, which is never overwritten: choose another OUT.")
    volume = _volume(args, stack)
    options: dict[str, Any] = {
        "output": args.output,
        "channels": stack.channels,
        "ignore_space": args.ignore_free_space,
    }
    start = time.perf_counter()
    with Bar(target.name) as bar:
        if _is_tiff(target):
            write_ome_tiff(volume, target, stack.coordinates, progress=bar, **options)
            left_out = f"a TIFF has no place for the labels beside '{source}': they were left out"
            notes = [left_out] if stack.beside else []
        else:
            options |= {"pool": pool, "resume": args.resume}
            write_ome_zarr(volume, target, stack.coordinates, progress=bar, **options)
            notes = carry_labels(stack, volume, target, args.ignore_free_space)
    for note in notes:
        say(f"note: {note}")
    facts = {"path": str(target), "source": source, "seconds": round(time.perf_counter() - start, 3)}
    record = {**facts, **volume.recipe(args.output)}
    out_json(record) if args.json else out(_sentence(record))


def _volume(args: argparse.Namespace, stack: Stack) -> Volume:
    """What is to be computed, with one thread for each block: the bits are the same on any number of processes."""
    size = _size(args, stack)
    if args.labels or stack.label is not None:
        return label_volume(stack.source, stack.axes, size, stack.label)
    at_once = _cores(args) if _is_tiff(Path(args.target)) else 1
    return Volume(stack.source, stack.axes, size, _settings(args, stack), threads=1, at_once=at_once)


@contextmanager
def _pool(args: argparse.Namespace) -> Iterator[Pool | None]:
    """Where blocks are computed."""
    if args.client:
        with cluster_at(args.client, say) as pool:
            yield pool
    elif args.workers:
        with local_cluster(args.workers, 1, say) as pool:
            yield pool
    elif _is_tiff(Path(args.target)) or _cores(args) == 1:
        yield None
    else:
        with threads(_cores(args)) as local:
            yield local


def _cores(args: argparse.Namespace) -> int:
    """Blocks that this process computes at once: one on a GPU, and on a CPU no more than its memory is good for."""
    if resolve_device(read_options(args, LOAD).get("device", "auto")).type != "cpu":
        return 1
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(count, MOST_AT_ONCE)


def _settings(args: argparse.Namespace, stack: Stack) -> Settings:
    """What was asked for; a model that nobody named is chosen by the kind of the pixels, and said."""
    given = read_options(args, LOAD) | read_options(args, UPSCALE)
    changes = chosen(given, is_photo(stack.source.dtype, stack.axes.colour is not None))
    if changes:
        detail = ", faithful: no detail is added" if "latent" in changes else ""
        say(f"note: the model is {changes['model']}{detail}; --model and --temperature choose otherwise")
        given |= changes
    return Settings(**{f.name: given[f.name] for f in fields(Settings) if f.name in given})


def _size(args: argparse.Namespace, stack: Stack) -> Size:
    named = [flag for flag in _SIZES if getattr(args, flag, None) is not None]
    if len(named) > 1:
        raise BadValue(f"{' and '.join(named)} both name a size: give one of them.")
    shape, axes = stack.source.shape, stack.axes
    wanted: str | None = getattr(args, "--pixel-size")
    if wanted is not None:
        return size_for(axes, shape, stack.coordinates, pixel_size(wanted, stack.coordinates, stack.axes))
    values = read_options(args, UPSCALE)
    wish = SizeWish.of(values)
    size = wish.target(axes.lr_size(shape)).size
    say_aspect(args.source, axes.lr_size(shape), size, wish.rounding)
    return size


def _target(args: argparse.Namespace) -> Path:
    target = place(args.target) if is_url(args.target) else Path(args.target)
    if not (_is_tiff(target) or target.suffix.lower() == ".zarr"):
        raise BadValue(f"'{target}' is neither .ome.zarr nor .ome.tif: give OUT one of these endings.")
    if _is_tiff(target) and (args.resume or args.workers or args.client):
        raise BadValue(
            "A TIFF is written plane by plane by one process: write an .ome.zarr to use workers or --resume."
        )
    if _is_tiff(target) and args.every:
        raise BadValue("--every writes a folder of images: give OUT the ending .ome.zarr.")
    if is_url(args.target):
        if _is_tiff(target):
            raise BadValue(
                f"'{target}' is a TIFF on a server, and those are written to a disk: give OUT the ending .zarr."
            )
        return target
    if not target.parent.is_dir():
        raise BadValue(f"cannot write into '{target.parent}': there is no such folder; make it first.")
    return target


def _is_tiff(target: Path) -> bool:
    return target.suffix.lower() in (".tif", ".tiff")


def _same(source: str, target: Path) -> bool:
    if is_url(source) or is_url(str(target)):
        return source.rstrip("/") == str(target).rstrip("/")
    return target.exists() and os.path.realpath(source) == os.path.realpath(target)


def _sentence(record: Mapping[str, Any]) -> str:
    size = " x ".join(map(str, record["shape"]))
    return f"{record['path']}: {size}, {record['output']}, {record['seconds']:.1f} s"


def _parser() -> Parser:
    parser = Parser(
        prog="linf stack",
        usage="linf stack IN OUT [options]",
        description="Enlarge the height and width of every plane of a stack, without holding it: TIFF, OME-Zarr or "
        ".npy in, OME-Zarr 0.5 or OME-TIFF out, of the same sample type, with one normalisation for the whole stack.",
        epilog="An OME-Zarr is written block by block, on this machine or on a dask cluster, to the same bits; when it "
        "was stopped, --resume computes what is missing. See docs/stacks.md.",
    )
    parser.add_argument(
        "source",
        metavar="IN",
        help="a TIFF, an OME-Zarr or Zarr array (a folder, an .ozx or .zip file, a URL), or a .npy file",
    )
    parser.add_argument("target", metavar="OUT", help="NAME.ome.zarr (also s3://BUCKET/NAME.ome.zarr) or NAME.ome.tif")
    parser.add_argument(
        "--model",
        dest="--model",
        metavar="NAME|PATH|auto",
        help="name of a model or path of a weights file; auto: photo for 8-bit colour, else microscopy, and that "
        "faithful unless a temperature, a latent or a prior is given (default: auto)",
    )
    add_options(parser, LOAD, ("model",))
    add_options(parser, UPSCALE, NOT_HERE)
    parser.add_argument(
        "--pixel-size",
        dest="--pixel-size",
        metavar="P|PY,PX",
        help="size of the result's pixels instead of the scale, in the stack's units or with one: 0.05, 50nm",
    )
    parser.add_argument(
        "--axes", metavar="LETTERS", help="a letter for every axis, as tczyx; s: colour samples (default: the file's)"
    )
    parser.add_argument(
        "--output",
        choices=[str(o) for o in Output],
        default=str(Output.SAMPLE),
        help="the mean, a sample at the temperature or strength, or the standard deviation (default: sample)",
    )
    parser.add_argument(
        "--labels",
        action="store_true",
        help="IN holds labels of objects: nearest neighbour, so that every number is kept (an OME-Zarr says so itself)",
    )
    parser.add_argument(
        "--every", action="store_true", help="enlarge every image of a plate, a well or a bioformats2raw folder"
    )
    parser.add_argument(
        "--ignore-free-space", action="store_true", help="begin even if the uncompressed result might not fit"
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--workers", type=_count, metavar="N", help="processes on this machine, each with its model")
    place.add_argument("--client", metavar="ADDRESS", help="a dask scheduler, tcp://HOST:8786; paths must be shared")
    parser.add_argument("--resume", action="store_true", help="go on with an OME-Zarr that was stopped")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes: give a whole number from 1 to 1024.")
    return int(text)
