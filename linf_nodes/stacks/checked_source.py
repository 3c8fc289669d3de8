"""Arrays of other packages that lie in a Zarr: they are read through `ZarrSource`, wherever their place can be told."""

import time
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from .axes import Array
from .levels import fetched
from .zarr_place import Folder, Place, Server
from .zarr_source import ZarrSource


def checked(array: Any, since: float | None = None) -> Any:
    """A Zarr array, or a dask array of some, that raises `SourceLost` where they would read zeros; others as they are.

    A chunk that is missing counts as never written only if its folder has not changed after `since`, which is now.
    """
    since = time.time() if since is None else since
    inner = getattr(array, "data", None) if hasattr(array, "__dask_graph__") else None
    lazy = array if hasattr(array, "map_blocks") and hasattr(array, "dask") else inner  # an xarray holds one
    if hasattr(lazy, "__dask_optimize__") and hasattr(lazy, "chunks"):
        return DaskSource(lazy, since)
    return _of_zarr(array, since) or array


@dataclass(frozen=True, eq=False)
class DaskSource:
    """A dask array, of whose graph every Zarr array is read through `ZarrSource`."""

    array: Any
    since: float

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: Any) -> Array:
        """A window; raises `DamagedPart` and `SourceLost` as `ZarrSource` does."""
        part = self.array[index]
        graph = dict(part.__dask_optimize__(part.__dask_graph__(), part.__dask_keys__()))
        whole = type(part)(_with_checked(graph, self.since), part.name, part.chunks, meta=part._meta)
        return fetched(whole)


class _Checked:
    """A Zarr array whose samples are read through a `ZarrSource`; all else is its own."""

    def __init__(self, array: Any, source: ZarrSource):
        self._array, self._source = array, source

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._array, name)

    def __getitem__(self, index: Any) -> Array:
        """Also with steps and lists of numbers, at most one of them, as dask asks: cut out of what lies between."""
        items = self._source.whole(index)
        if all(isinstance(i, int | np.integer) or (isinstance(i, slice) and i.step in (None, 1)) for i in items):
            return self._source[tuple(i if isinstance(i, slice) else int(i) for i in items)]
        runs = [np.atleast_1d(np.arange(n)[i]) for i, n in zip(items, self._source.shape, strict=True)]
        samples = self._source[tuple(slice(int(r.min()), int(r.max()) + 1) if r.size else slice(0, 0) for r in runs)]
        for axis, run in enumerate(runs):
            samples = samples.take(run - run.min() if run.size else run, axis)
        return samples[tuple(0 if isinstance(i, int | np.integer) else slice(None) for i in items)]


def _of_zarr(array: Any, since: float) -> ZarrSource | None:
    """The source that a Zarr array is, by the place that its store names; None for anything else."""
    place = _place_of(array.store, array.path) if _is_zarr(array) else None
    return None if place is None else ZarrSource.at(place, array, since)


def _is_zarr(value: Any) -> bool:
    return type(value).__module__.startswith("zarr.") and all(hasattr(value, n) for n in ("store", "metadata", "path"))


def _place_of(store: Any, inside: str) -> Place | None:
    """A folder or a server; None for what cannot go away or tells by itself (memory, an open zip file), and others."""
    kind = type(store).__name__
    if kind == "LocalStore":
        return Folder(str(Path(store.root, inside).absolute()))
    if kind == "FsspecStore":
        files = getattr(store.fs, "sync_fs", store.fs)
        if "file" in _protocols(files):
            return Folder(str(Path(store.path, inside).absolute()))
        named = files.unstrip_protocol(store.path).rstrip("/")
        return Server(f"{named}/{inside}".rstrip("/"), store, inside)
    return Server(f"{store}/{inside}".rstrip("/"), store, inside) if kind == "ObjectStore" else None


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


_HELD = ("func", "args", "kwargs", "value", "dsk")  # where tasks of a graph hold what they work on


def _with_checked(value: Any, since: float) -> Any:
    """A graph, or a part of one, of checked arrays: its containers and tasks are copied, all else is as it was."""
    if type(value) in (tuple, list):
        return type(value)(_with_checked(v, since) for v in value)
    if isinstance(value, dict):
        return {key: _with_checked(v, since) for key, v in value.items()}
    if isinstance(value, partial):
        named = _with_checked(value.keywords, since)
        return partial(_with_checked(value.func, since), *_with_checked(value.args, since), **named)
    if type(value).__module__.startswith("dask."):
        held = {name: getattr(value, name) for name in _HELD if hasattr(value, name)}
        changed = {name: new for name, old in held.items() if (new := _with_checked(old, since)) is not old}
        return _changed(value, changed) if changed else value
    source = _of_zarr(value, since)
    return value if source is None else _Checked(value, source)


def _changed(task: Any, changes: Mapping[str, Any]) -> Any:
    task = copy(task)
    for name, value in changes.items():
        setattr(task, name, value)
    return task
