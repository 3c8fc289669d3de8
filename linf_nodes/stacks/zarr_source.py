"""A Zarr array, opened anew for every window: what is missing is told from what was never written."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DamagedPart, SourceLost
from .axes import Array
from .file_stamp import Unsteady, steadily
from .zarr_place import Place, Server, Stamps, place_of

_NAMED = 5  # damaged chunks that a message names
_PAUSES = (
    0.1,
    0.3,
)  # seconds before a server is asked again for a chunk that it did not have; twice these if it wavers


@dataclass(frozen=True)
class ZarrSource:
    """An array by its path or URL, sent to other processes as such.

    A chunk that is not there reads as the fill value, says Zarr, and so does every chunk of a folder that is not there.
    Therefore the array's own metadata are compared before and after each window, the files of the window's chunks too
    where there are any, and a missing chunk counts as never written only if its place does not say otherwise.
    """

    place: Place
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    metadata: str
    since: float

    @classmethod
    def of(cls, path: str | Path, since: float | None = None) -> "ZarrSource":
        """Raises what zarr does where there is no array. With `since` 0, every chunk must be there."""
        since = time.time() if since is None else since
        place = place_of(str(path))
        return cls.at(place, _opened(place)[0], since)

    @classmethod
    def at(cls, place: Place, array: Any, since: float) -> "ZarrSource":
        """An array that somebody has opened; nothing is read."""
        return cls(place, tuple(array.shape), np.dtype(array.dtype), _short(array), since)

    @property
    def path(self) -> str:
        return self.place.path

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
        return self.stamped(self.whole(index))[0]

    def stamped(self, index: tuple[int | slice, ...]) -> tuple[Array, str | None]:
        """A window and its stamp, both of one moment."""
        return steadily(self.path, lambda: self._read(index))

    def stamp(self, index: tuple[int | slice, ...]) -> str | None:
        """A short name of the files that a window lies in: it changes when they are written again; None without any."""
        return steadily(self.path, lambda: self._stamp(index))

    def whole(self, index: Any) -> tuple[Any, ...]:
        """An index of every axis."""
        items = index if isinstance(index, tuple) else (index,)
        at = next((k for k, item in enumerate(items) if item is ...), len(items))
        head, tail = items[:at], items[at + 1 :]
        return (*head, *[slice(None)] * (self.ndim - len(head) - len(tail)), *tail)

    def _stamp(self, index: tuple[int | slice, ...]) -> str | None:
        array, _, inside = self._checked()
        return _stamp_of(self.place.stamps(inside + key for key, _ in _chunks(array, index)))

    def _read(self, index: tuple[int | slice, ...]) -> tuple[Array, str | None]:
        place = self.place
        array, store, inside = self._checked()
        keys = {inside + key for key, _ in _chunks(array, index)}
        seen = _seen(self.path, self.metadata, self.since)
        if isinstance(place, Server):
            store.pauses, store.doubted = _PAUSES * (1 + seen.wavers), keys - seen.absent
        before = place.stamps(keys)
        failed, samples = None, np.empty(0)
        try:
            samples = np.asarray(array[index])
        except Exception as error:  # codecs raise whatever they like
            failed = error
        self._checked()
        if before != place.stamps(keys):
            raise Unsteady("it is being written to")
        if failed is not None:
            raise self._damage(array, index, store, inside) or Unsteady(str(failed).split("\n")[0])
        missing = store.absent & keys
        if before.keys() == keys and missing != {key for key in keys if before[key] is None}:
            raise Unsteady("its chunks come and go")
        for key in missing:
            place.check_never_written(key, self.since)
        if isinstance(place, Server):
            seen.wavers |= store.wavered
            seen.check(missing, store.found & keys)
        return samples, _stamp_of(before)

    def _checked(self) -> tuple[Any, Any, str]:
        """The array, which must be the one that was opened first, its store, and what its keys there begin with."""
        try:
            array, store, inside = _opened(self.place)
        except OSError:
            raise
        except Exception as error:  # half of a file may be anything, and every file system raises errors of its own
            raise Unsteady(str(error).split("\n")[0] or "its metadata are not whole") from error
        if _short(array) != self.metadata:
            raise SourceLost(f"'{self.path}' has become another array since the work began: put the same one back.")
        return array, store, inside

    def _damage(self, array: Any, index: Sequence[int | slice], store: Any, inside: str) -> DamagedPart | None:
        """The chunks that cannot be read, found one by one; None where all can."""
        reasons = {}
        store.failed.clear()
        for key, box in _chunks(array, index):
            try:
                array[box]
            except Exception as error:
                reasons[key] = error
        if not reasons:
            return None
        remote = isinstance(self.place, Server)
        unread = {key: store.failed[inside + key] for key in reasons if remote and inside + key in store.failed}
        reasons = {key: error for key, error in reasons.items() if key not in unread} or unread
        named = ", ".join(list(reasons)[:_NAMED]) + (f" and {len(reasons) - _NAMED} more" * (len(reasons) > _NAMED))
        reason = str(next(iter(reasons.values()))).split("\n")[0] or "it is cut off"
        which = f"Of '{self.path}' the chunk{'s' * (len(reasons) > 1)} {named}"
        if reasons == unread:
            return DamagedPart(f"{which} cannot be had, for the server failed ({reason:.120}): ask it again later.")
        verb = "is" if len(reasons) == 1 else "are"
        return DamagedPart(f"{which} {verb} damaged ({reason:.120}): restore what is damaged.")


@dataclass
class _Seen:
    """Chunks of a server that this process found, or did not, since the work began.

    A server `wavers` that has found a chunk after it had not.
    """

    wavers: bool = False
    found: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)

    def check(self, missing: set[str], found: set[str]) -> None:
        """Refuse a chunk that was there and is missing, or the reverse; raises `Unsteady`."""
        changed = sorted(missing & self.found | found & self.absent)
        if changed:
            raise Unsteady(f"its chunk {changed[0]} is now there and now missing")
        self.absent.update(missing)
        self.found.update(found)


@lru_cache(8)
def _seen(path: str, metadata: str, since: float) -> _Seen:
    return _Seen()


def _opened(place: Place) -> tuple[Any, Any, str]:
    """An array, its store, and what its keys there begin with."""
    import zarr  # late: of an extra

    from .watched_store import WatchedStore

    found, inside = place.store()
    store = WatchedStore(found)
    return zarr.open_array(store, path=inside, mode="r"), store, f"{inside}/" if inside else ""


def _short(array: Any) -> str:
    """A short name of an array's own metadata: attributes may change."""
    own = {name: value for name, value in array.metadata.to_dict().items() if name != "attributes"}
    return hashlib.sha256(json.dumps(own, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _stamp_of(stamps: Stamps) -> str | None:
    return hashlib.sha256(repr(sorted(stamps.items())).encode()).hexdigest()[:16] if stamps else None


def _chunks(array: Any, index: Sequence[int | slice]) -> Iterator[tuple[str, tuple[slice, ...]]]:
    """Keys and boxes of the chunks (shards, where there are any) that a window touches."""
    sides = array.shards or array.chunks
    runs = []
    for i, side, n in zip(index, sides, array.shape, strict=True):
        touched = range(n)[i] if isinstance(i, slice) else range(n)[i : i + 1 or None]
        runs.append(range(min(touched) // side, max(touched) // side + 1) if len(touched) else range(0))
    for at in product(*runs):
        box = tuple(slice(k * s, min((k + 1) * s, n)) for k, s, n in zip(at, sides, array.shape, strict=True))
        yield array.metadata.encode_chunk_key(at), box
