"""A Zarr array in a folder, opened anew for every window: what is missing is told from what was never written."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DamagedPart, SourceLost
from .axes import Array
from .file_stamp import FileStamp, Unsteady, steadily

_NAMED = 5  # damaged chunks that a message names


@dataclass(frozen=True)
class ZarrSource:
    """An array by its path, sent to other processes as such.

    A chunk that is not there reads as the fill value, says Zarr, and so does every chunk of a folder that is not there.
    Therefore the array's own metadata are compared before and after each window, the files of the window's chunks too,
    and a chunk counts as never written only where its folder has not changed since the time `since`.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    metadata: str
    since: float

    @classmethod
    def of(cls, path: str | Path, since: float | None = None) -> "ZarrSource":
        """Raises what zarr does where there is no array. With `since` 0, every chunk must be there."""
        since = time.time() if since is None else since
        array, _ = _opened(str(path))
        return cls(str(path), tuple(array.shape), np.dtype(array.dtype), _metadata(str(path)), since)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: Any) -> Array:
        """A window: an integer or slice for every axis; axes that are left out, or stand for `...`, are whole.

        Raises
        ------
        DamagedPart
            When a chunk of the window cannot be decoded; the message names it.
        SourceLost
            When the array is gone, or is another one than when it was opened.
        """
        return steadily(self.path, lambda: self._read(self._whole(index)))

    def stamp(self, index: tuple[int | slice, ...]) -> str:
        """A short name of the files that a window lies in: it changes when they are written again."""
        return steadily(self.path, lambda: self._stamp(index))

    def _whole(self, index: Any) -> tuple[int | slice, ...]:
        items = index if isinstance(index, tuple) else (index,)
        at = next((k for k, item in enumerate(items) if item is ...), len(items))
        head, tail = items[:at], items[at + 1 :]
        return (*head, *[slice(None)] * (self.ndim - len(head) - len(tail)), *tail)

    def _stamp(self, index: tuple[int | slice, ...]) -> str:
        array = self._checked()[0]
        return hashlib.sha256(repr(sorted(self._files(array, index).items())).encode()).hexdigest()[:16]

    def _read(self, index: tuple[int | slice, ...]) -> Array:
        array, store = self._checked()
        before = self._files(array, index)
        failed, samples = None, np.empty(0)
        try:
            samples = np.asarray(array[index])
        except Exception as error:  # codecs raise whatever they like
            failed = error
        self._checked()
        if before != self._files(array, index):
            raise Unsteady("it is being written to")
        if failed is not None:
            raise self._damage(array, before) or failed
        missing = {key for key, stamp in before.items() if stamp is None}
        if store.absent & before.keys() != missing:
            raise Unsteady("its chunks come and go")
        for key in missing:
            self._check_never_written(key)
        return samples

    def _checked(self) -> tuple[Any, Any]:
        """The array, which must be the one that was opened first."""
        try:
            found = _metadata(self.path)
        except (ValueError, KeyError) as error:
            raise Unsteady("its metadata are not whole") from error
        if found != self.metadata:
            raise SourceLost(f"'{self.path}' has become another array since the work began: put the same one back.")
        return _opened(self.path)

    def _files(self, array: Any, index: Sequence[int | slice]) -> dict[str, FileStamp | None]:
        return {key: FileStamp.of(Path(self.path, key)) for key, _ in _chunks(array, index)}

    def _damage(self, array: Any, keys: Mapping[str, object]) -> DamagedPart | None:
        """The chunks that cannot be read, found one by one; None where all can."""
        reasons = {}
        for key, box in _chunks(array, [slice(None)] * len(self.shape), keys):
            try:
                array[box]
            except Exception as error:
                reasons[key] = error
        if not reasons:
            return None
        named = ", ".join(list(reasons)[:_NAMED]) + (f" and {len(reasons) - _NAMED} more" * (len(reasons) > _NAMED))
        reason = str(next(iter(reasons.values()))).split("\n")[0] or "it is cut off"
        what = "the chunk {} is" if len(reasons) == 1 else "the chunks {} are"
        return DamagedPart(f"Of '{self.path}' {what.format(named)} damaged ({reason:.120}): restore what is damaged.")

    def _check_never_written(self, key: str) -> None:
        """Refuse a missing chunk whose folder has lost or won files since the work began."""
        folder = Path(self.path, key).parent
        while not folder.is_dir() and len(folder.parts) > len(Path(self.path).parts):
            folder = folder.parent
        if folder.stat().st_mtime > self.since:
            raise SourceLost(
                f"'{self.path}' has no chunk {key}, and its folder was changed since the work began: bring the chunk "
                "back, or begin anew when nothing writes there."
            )


def _opened(path: str) -> tuple[Any, Any]:
    """An array and its store."""
    import zarr
    from zarr.storage import LocalStore

    from .watched_store import WatchedStore

    store = WatchedStore(LocalStore(path, read_only=True))
    return zarr.open_array(store, mode="r"), store


def _metadata(path: str) -> str:
    """A short name of an array's own metadata: attributes may change."""
    try:
        text = Path(path, "zarr.json").read_text("utf-8")
    except FileNotFoundError:
        text = Path(path, ".zarray").read_text("utf-8")
    own = {name: value for name, value in json.loads(text).items() if name != "attributes"}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]


def _chunks(
    array: Any, index: Sequence[int | slice], only: Mapping[str, object] | None = None
) -> Iterator[tuple[str, tuple[slice, ...]]]:
    """Keys and boxes of the chunks (shards, where there are any) that a window touches."""
    sides = array.shards or array.chunks
    runs = []
    for i, side, n in zip(index, sides, array.shape, strict=True):
        touched = range(n)[i] if isinstance(i, slice) else range(n)[i : i + 1 or None]
        runs.append(range(min(touched) // side, max(touched) // side + 1) if len(touched) else range(0))
    for at in product(*runs):
        key = array.metadata.encode_chunk_key(at)
        if only is None or key in only:
            yield key, tuple(slice(k * s, min((k + 1) * s, n)) for k, s, n in zip(at, sides, array.shape, strict=True))
