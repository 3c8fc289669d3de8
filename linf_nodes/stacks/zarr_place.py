"""Where a Zarr array lies, and what can be known there of a chunk that is missing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from ..errors import SourceLost
from .file_stamp import FileStamp, Unsteady
from .location import is_url, store_at, zip_of

Stamps = Mapping[str, FileStamp | None]


class Place(Protocol):
    """A folder, a zip file or a server. Keys are those of its store."""

    @property
    def path(self) -> str:
        """Or URL, for messages."""

    def store(self) -> tuple[Any, str]:
        """The store, and the path of the array in it; raises `Unsteady` or `OSError` where it is not there."""

    def stamps(self, keys: Iterable[str]) -> Stamps:
        """Of the files that chunks are: what changes when one is written again."""

    def check_never_written(self, key: str, since: float) -> None:
        """Refuse a chunk that is missing and may once have been there; raises `SourceLost` or `Unsteady`."""


def place_of(path: str) -> Place:
    if is_url(path):
        return Server(path)
    found = zip_of(Path(path))
    return Folder(path) if found is None else Archive(path, found[0])


@dataclass(frozen=True)
class Folder:
    path: str

    def store(self) -> tuple[Any, str]:
        return store_at(self.path)

    def stamps(self, keys: Iterable[str]) -> Stamps:
        return {key: FileStamp.of(Path(self.path, key)) for key in keys}

    def check_never_written(self, key: str, since: float) -> None:
        """Only where the chunk's folder has lost and won no file since then."""
        folder = Path(self.path, key).parent
        while not folder.is_dir() and len(folder.parts) > len(Path(self.path).parts):
            folder = folder.parent
        if folder.stat().st_mtime > since:
            raise SourceLost(
                f"'{self.path}' has no chunk {key}, and its folder was changed since the work began: bring the chunk "
                "back, or begin anew when nothing writes there."
            )


@dataclass(frozen=True)
class Archive:
    """A zip file, which is what it was as long as its stamp is."""

    path: str
    file: Path

    def store(self) -> tuple[Any, str]:
        stamp = FileStamp.of(self.file)
        if stamp is None:
            raise Unsteady("it is not there")
        return _archive(self.path, stamp)

    def stamps(self, keys: Iterable[str]) -> Stamps:
        return {str(self.file): FileStamp.of(self.file)}

    def check_never_written(self, key: str, since: float) -> None:
        """It was not."""


@dataclass(frozen=True)
class Server:
    """A URL. Nothing tells there whether a chunk once was; a result of ours has every one of them.

    `held` is the store that somebody has opened already, with options of his own; the array is `inside`.
    """

    path: str
    held: Any = None
    inside: str = ""

    def store(self) -> tuple[Any, str]:
        return store_at(self.path) if self.held is None else (self.held, self.inside)

    def stamps(self, keys: Iterable[str]) -> Stamps:
        return {}

    def check_never_written(self, key: str, since: float) -> None:
        if not since:
            raise SourceLost(f"'{self.path}' has no chunk {key} any more: bring it back.")


@lru_cache(4)
def _archive(path: str, stamp: FileStamp) -> tuple[Any, str]:
    """A zip file as it was at the time `stamp`: its list of files may be long."""
    return store_at(path)
