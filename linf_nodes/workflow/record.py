"""The record of a result: of every block that is done, what it was made of and what was written."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..atomic import refusal
from .pyramid import Place
from .reading import Reading
from .versions import Versions

NAME = ".linf-blocks.jsonl"

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

    A block without a line is not done, whatever lies in its place; a last line that is cut off is none.
    """

    def __init__(self, folder: Path, level: str):
        self._path = folder / level / NAME
        self.began, self.versions = time.time(), Versions()
        self.entries: dict[Task, Entry] = {}

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

    def begin(self, entries: Iterable[Entry], versions: Versions) -> None:
        """Write it anew with the blocks that are done; raises `BadValue` when the system refuses."""
        self.versions, self.entries = versions, {entry.task: entry for entry in entries}
        head = {"began": self.began, "versions": self.versions}
        lines = [json.dumps(head), *(_line(entry) for entry in self.entries.values())]
        temporary = self._path.with_name(NAME + ".new")
        try:
            temporary.write_text("".join(line + "\n" for line in lines), "utf-8")
            temporary.replace(self._path)
        except OSError as error:
            raise refusal(self._path, error) from error

    def add(self, entry: Entry) -> None:
        """A block is done; raises `BadValue` when the system refuses to write."""
        self.entries[entry.task] = entry
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
