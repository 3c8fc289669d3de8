"""What the commands say: results on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Sequence
from typing import Any


def out(text: str) -> None:
    """One line of result."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def out_json(value: Any, indent: int | None = None) -> None:
    """A result for programs."""
    out(json.dumps(value, indent=indent))


def say(text: str) -> None:
    """One line to the user."""
    sys.stderr.write(f"linf: {text}\n")
    sys.stderr.flush()


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns, the first row being the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)
