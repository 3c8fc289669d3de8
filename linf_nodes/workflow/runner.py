"""A graph on dask: every step once, and only what the outputs need."""

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import BadWorkflow, Cancelled, LinfError
from .graph import Graph
from .graph_node import GraphNode
from .image_nodes import LOAD

if TYPE_CHECKING:
    from dask.delayed import Delayed

Progress = Callable[[int, int, Any], None]
Values = tuple[Any, ...]
Loaded = tuple[Tensor, Tensor | None]
Scheduler = str | Callable[..., Any]

_PARTS = 100  # of a step, for progress


def run(
    graph: Graph,
    pictures: Mapping[str, Loaded],
    keep: Iterable[str] = (),
    progress: Progress | None = None,
    scheduler: Scheduler = "synchronous",
) -> dict[str, Values]:
    """Run a graph; returns the values of its output nodes and of the nodes in `keep`, by node id.

    A Save Image or Preview Image node's value is the picture that it was given.

    Parameters
    ----------
    pictures
        For every Load Image node its `IMAGE [b, c, h, w]` and its `MASK [b, h, w]`, None where nothing is painted.
    keep
        Further nodes whose values are wanted; they are run even if no output needs them.
    progress
        `progress(done, total, preview)` over the whole graph; it may raise `Cancelled`. Leave it out where the
        scheduler runs in other processes.
    scheduler
        What dask calls a scheduler: "synchronous", "threads", or the `get` of a cluster's client.

    Raises
    ------
    BadWorkflow
        When a Load Image node that is needed has no picture.
    LinfError
        Whatever a step raises, its node named.
    """
    from dask.base import compute  # late, as below: most commands run no graph

    wanted = [step.id for step in graph.outputs]
    wanted += [i for i in keep if i not in wanted]
    steps = graph.needed(wanted)
    tally = None if progress is None else _Tally(progress, len(steps))
    tasks = _tasks(steps, pictures, tally)
    every = [tasks[i] for i in wanted]
    values = compute(*every, scheduler=scheduler, optimize_graph=False)
    return dict(zip(wanted, values, strict=True))


def _tasks(steps: Iterable[GraphNode], pictures: Mapping[str, Loaded], tally: "_Tally | None") -> "dict[str, Delayed]":
    from dask.delayed import delayed

    tasks: dict[str, Delayed] = {}
    for step in steps:
        if step.node.id == LOAD and step.id not in pictures:
            raise BadWorkflow(f"The {step} has no picture: bind a file to it.")
        work = partial(_perform, step, pictures.get(step.id), tally)
        inputs = {name: (tasks[link.step], link.index) for name, link in step.links.items()}
        task = delayed(work, pure=False, traverse=False)
        tasks[step.id] = task(inputs, dask_key_name=f"{step.node.id}-{step.id}")
    return tasks


def _perform(
    step: GraphNode,
    picture: Loaded | None,
    tally: "_Tally | None",
    inputs: Mapping[str, tuple[Values, int]],
) -> Values:
    if picture is not None:
        result: Any = picture
    else:
        values = {**step.values, **{name: values[index] for name, (values, index) in inputs.items()}}
        result = _call(step, values, None if tally is None else partial(tally.step, step.id))
    if tally is not None:
        tally.step(step.id, 1, 1)
    return result if len(step.node.outputs) > 1 else (result,)


def _call(step: GraphNode, values: Mapping[str, Any], progress: Progress | None) -> Any:
    try:
        with torch.inference_mode():
            return step.node(values, progress)
    except Cancelled:
        raise
    except LinfError as error:
        raise type(error)(f"The {step}: {error}") from error


class _Tally:
    """The progress of a graph, from that of its steps; safe under threads."""

    def __init__(self, progress: Progress, steps: int):
        self._progress = progress
        self._total = steps * _PARTS
        self._done: dict[str, int] = {}
        self._lock = threading.Lock()

    def step(self, i: str, done: int, total: int, preview: Any = None) -> None:
        with self._lock:
            self._done[i] = _PARTS * done // max(1, total)
            self._progress(sum(self._done.values()), self._total, preview)
