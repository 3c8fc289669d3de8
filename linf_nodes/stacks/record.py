"""The record of a result: of every block that is done, what it was made of and what was written."""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from ..atomic import refusal
from .location import is_url
from .pyramid import Place
from .reading import Reading
from .versions import Versions

NAME = ".linf-blocks.jsonl"
_PAUSE, _SHARE = 10.0, 50.0  # seconds between two writings on a server, and how many times as long as one takes

Task = tuple[int, Place]
"""A level's number, and the place of one of its boxes."""


class Entry(NamedTuple):
    """One block: its file's size and a short name of the file's bytes, and what was read to make it."""

    task: Task
    size: int
    file: str
    readings: tuple[Reading, ...]


class Record:
    """A file of lines beside the finest level's blocks. Only the owner of the result writes it, a line for each block.

    A block without a line is not done, whatever lies in its place; a last line that is cut off is none. On a server,
    where nothing can be appended, it is written anew now and then, and by `close`.
    """

    def __init__(self, folder: Path, level: str):
        self._path = folder / level / NAME
        self.began, self.versions = time.time(), Versions()
        self.entries: dict[Task, Entry] = {}
        self._next = 0.0

    @classmethod
    def of(cls, folder: Path, level: str) -> "Record":
        """As far as it was written."""
        record = cls(folder, level)
        try:
            lines = record._path.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return record
        for line in lines:
            record._read(line)
        return record

    def begin(self, versions: Versions) -> None:
        """Write it anew with the blocks that are done; raises `BadValue` when the system refuses."""
        self.versions = versions
        self._save()

    def close(self) -> None:
        """Write what is not written yet; raises `BadValue` when the system refuses."""
        if is_url(self._path):
            self._save()

    def _save(self) -> None:
        """Write all of it; raises `BadValue` when the system refuses."""
        start = time.monotonic()
        head = {"began": self.began, "versions": self.versions}
        text = "".join(line + "\n" for line in (json.dumps(head), *map(_line, self.entries.values())))
        try:
            if is_url(self._path):
                self._path.write_text(text, "utf-8")
            else:
                temporary = self._path.with_name(NAME + ".new")
                temporary.write_text(text, "utf-8")
                temporary.replace(self._path)
        except OSError as error:
            raise refusal(self._path, error) from error
        end = time.monotonic()
        self._next = end + max(_PAUSE, _SHARE * (end - start))

    def add(self, entry: Entry) -> None:
        """A block is done; raises `BadValue` when the system refuses to write."""
        self.entries[entry.task] = entry
        if is_url(self._path):
            if time.monotonic() >= self._next:
                self._save()
            return
        try:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(_line(entry) + "\n")
        except OSError as error:
            raise refusal(self._path, error) from error

    def _read(self, line: str) -> None:
        try:
            found: Any = json.loads(line)
            if "began" in found:
                self.began, self.versions = float(found["began"]), dict(found["versions"])
                return
            number, *place = found["block"]
            readings = tuple(Reading(*reading) for reading in found["read"])
            entry = Entry((number, tuple(place)), found["size"], found["file"], readings)
        except (ValueError, KeyError, TypeError):
            return
        self.entries[entry.task] = entry


def _line(entry: Entry) -> str:
    number, place = entry.task
    return json.dumps({"block": [number, *place], "size": entry.size, "file": entry.file, "read": entry.readings})
