"""A Zarr store that says which keys it found and which not: of the latter, Zarr would only say the fill value."""

import asyncio
from typing import Any

from zarr.storage import WrapperStore


class WatchedStore(WrapperStore[Any]):
    """Another store, with the keys that were asked for: in `found`, in `absent`, and in `failed` with the errors.

    A key in `doubted` that is not there, and any that cannot be had, is asked for again after each of the `pauses`;
    `wavered` says whether that has ever changed the answer.
    """

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.pauses: tuple[float, ...] = ()
        self.doubted: set[str] = set()
        self.wavered = False
        self.found: set[str] = set()
        self.absent: set[str] = set()
        self.failed: dict[str, Exception] = {}

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        found, error = await self._asked(key, prototype, byte_range)
        for pause in self.pauses:
            if found is not None or (error is None and key not in self.doubted):
                break
            await asyncio.sleep(pause)
            found, error = await self._asked(key, prototype, byte_range)
            self.wavered |= found is not None
        if error is not None:
            self.failed[key] = error
            raise error
        (self.absent if found is None else self.found).add(key)
        return found

    async def _asked(self, *asked: Any) -> tuple[Any, Exception | None]:
        try:
            return await self._store.get(*asked), None
        except Exception as error:  # every file system raises errors of its own
            return None, error
