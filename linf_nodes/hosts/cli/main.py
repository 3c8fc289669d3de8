"""`linf`: find the command, run it, and turn what goes wrong into one sentence."""

import argparse
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress

from ... import __version__
from ...errors import Cancelled, LinfError
from ...meant import meant
from .console import say
from .parser import Parser
from .stopping import Stopped, stoppable

COMMANDS = {
    "upscale": "enlarge pictures to any size",
    "stack": "enlarge a stack of planes: TIFF or OME-Zarr, of any length",
    "run": "run a workflow saved by ComfyUI (API format) or napari",
    "presets": "list the workflows that have a name",
    "filter": "sharpen, denoise, resize, compare and other filters",
    "models": "list the models at hand and the published ones",
    "info": "say what is in a picture, weights or latent file",
    "convert": "turn a published checkpoint into a safetensors file",
    "verify": "run reference vectors and report the worst errors",
    "evaluate": "measure a model on pictures with known high resolution",
    "train": "train a model from a recipe, or fine-tune one on your pictures",
}

STOPPED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 a failed check or some of several, 2 bad input, 128 + a signal."""
    _quiet()
    _share_cores()
    with stoppable():
        return _status(list(sys.argv[1:] if argv is None else argv))


def _status(argv: list[str]) -> int:
    try:
        status = _dispatch(argv)
        sys.stdout.flush()
    except (KeyboardInterrupt, Cancelled) as stop:
        return _stopped(stop)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as done:  # argparse, after --help or --version
        return done.code if isinstance(done.code, int) else 0
    except (LinfError, MemoryError, RuntimeError) as error:
        if (behind := _stop_behind(error)) is not None:
            return _stopped(behind)
        if isinstance(error, LinfError):
            say("; ".join(part for part in (str(error).rstrip("."), _kept(error)) if part))
        elif _out_of_memory(error):
            say(
                "there is not enough memory for this picture at this size: close other programs, or use a smaller scale"
            )
        else:
            raise
        return 2
    return status


def _stopped(stop: BaseException) -> int:
    say(f"stopped; {_kept(stop) or 'nothing was written'}")
    return stop.status if isinstance(stop, Stopped) else STOPPED


def _stop_behind(error: BaseException) -> Stopped | None:
    """The signal that an error comes of: what is torn out of its work may fail while it clears up."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, Stopped):
        found = found.__cause__ or found.__context__
    return found


def _share_cores() -> None:
    """Let threads that wait for each other go to sleep soon, unless the environment says otherwise; before torch loads.

    OpenMP's threads spin for some milliseconds while they wait. Where another process runs on one of their cores, the
    thread that is waited for cannot run meanwhile, and a command falls to a tenth of its speed. 5,000 turns of GNU's
    OpenMP take some 0.1 ms: longer than threads of one layer differ, shorter than a process is kept waiting.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ):
        os.environ["GOMP_SPINCOUNT"] = "5000"


def _dispatch(argv: list[str]) -> int:
    if argv and argv[0] in COMMANDS:
        # imported when it is asked for: `linf --help` must not wait for torch
        command = importlib.import_module(f".{argv[0]}", __package__)
        return int(command.run(argv[1:]))
    parser = Parser(
        prog="linf",
        usage="linf COMMAND ... [--help]",
        description="Arbitrary-scale super-resolution with local implicit normalizing flows.",
        epilog="commands:\n" + "\n".join(f"  {name:9} {text}" for name, text in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"linf-nodes {__version__}")
    parser.add_argument("command", help=argparse.SUPPRESS, nargs="?", metavar="COMMAND")
    command_name = parser.parse_args(argv[:1]).command
    if command_name is not None:
        parser.error(f"there is no command '{command_name}': use {', '.join(COMMANDS)}.{meant(command_name, COMMANDS)}")
    parser.print_help()
    return 0


def _quiet() -> None:
    """What libraries remark on a file is not for the user, who gets our own sentence."""
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _kept(stop: BaseException) -> str:
    return " ".join(str(note) for note in getattr(stop, "__notes__", ()))


def _out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    from ...pipeline.device import is_out_of_memory

    return is_out_of_memory(error)
