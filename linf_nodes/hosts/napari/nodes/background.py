"""Work started from a widget without a window of its own: progress and Cancel are in napari's activity dock."""

from collections.abc import Callable
from typing import Any

from ..worker import Failed, Worker
from .on_layers import Progress

_RUNNING: set[Worker] = set()  # Qt would forget a job that nobody holds


def start(viewer: Any, title: str, work: Callable[[Progress], list[Any]]) -> Worker:
    """Run `work(progress)` in a thread and add the layer data that it returns to the viewer; texts are shown.

    What goes wrong is said in one sentence, as a notification.
    """
    from napari.utils import cancelable_progress

    job = Worker(lambda job: work(job.report))
    bar = cancelable_progress(total=0, desc=title, cancel_callback=job.cancel)
    job.advanced.connect(lambda done, total: _advance(bar, done, total))
    job.ended.connect(lambda value: _finish(job, bar, viewer, value))
    _RUNNING.add(job)
    job.start()
    return job


def running() -> int:
    """How many jobs are under way."""
    return len(_RUNNING)


def _advance(bar: Any, done: int, total: int) -> None:
    if bar.total != total:
        bar.reset(total=total)
    bar.update(done - bar.n)


def _finish(job: Worker, bar: Any, viewer: Any, value: Any) -> None:
    from napari.utils.notifications import show_error, show_info

    bar.close()
    _RUNNING.discard(job)
    if isinstance(value, Failed):
        (show_info if value.by_user else show_error)(value.text)
        return
    for result in value:
        if isinstance(result, str):
            show_info(result)
        else:
            add_layer(viewer, result)


def add_layer(viewer: Any, data: tuple[Any, dict[str, Any], str]) -> Any:
    """Add an image to the viewer, as a new layer: earlier results stay, to be compared."""
    pixels, options, _ = data
    return viewer.add_image(pixels, **options)
