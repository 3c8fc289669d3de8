"""A Zarr store that says which keys it did not find: of those, Zarr would only say the fill value."""

from typing import Any

from zarr.storage import WrapperStore


class WatchedStore(WrapperStore[Any]):
    """Another store, with the keys in `absent` that were asked for and not there."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.absent: set[str] = set()

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        found = await self._store.get(key, prototype, byte_range)
        if found is None:
            self.absent.add(key)
        return found
