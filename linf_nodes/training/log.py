"""The figures of a run as a CSV file."""

import csv
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from ..atomic import atomic_write

PAUSE = 600  # seconds; a longer gap between two rows is no training time


class Log:
    """Rows `time, step, lr, <terms>, grad_norm`, the time in seconds since 1970."""

    def __init__(self, path: Path):
        self.path = path

    def write(self, step: int, rate: float, terms: Mapping[str, float], norm: float) -> None:
        """Append a row; a file with other columns is kept under another name."""
        head = ["time", "step", "lr", *terms, "grad_norm"]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = self.rows()
        if rows and list(rows[0]) != head:
            self.path.rename(self.path.with_name(f"log-{rows[-1]['step']}.csv"))
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(head)
            writer.writerow([int(time.time()), step, f"{rate:.3e}", *terms.values(), norm])

    def rows(self) -> list[dict[str, str]]:
        """All rows, by column."""
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def forget(self, step: int) -> None:
        """Drop the rows after `step`: a resumed run writes them again."""
        rows = self.rows()
        kept = [row for row in rows if int(row["step"]) <= step]
        if len(kept) == len(rows):
            return
        with atomic_write(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(kept)

    def hours(self) -> float:
        """Time spent training, without pauses."""
        times = [int(row["time"]) for row in self.rows()]
        gaps = (b - a for a, b in pairwise(times))
        return sum(gap for gap in gaps if 0 < gap < PAUSE) / 3600
