"""What a picture needs of memory, judged by its header and said before a sample of it is decoded."""

from pathlib import Path

from ...memory import check_result, fits, share
from ...pictures import Header
from .console import say

COPIES = 3  # of a picture in float32, beside itself and the result: what filters hold


def check_need(source: Path, header: Header, result: Header, copies: int = 0) -> None:
    """Refuse a result that memory cannot hold; say so where it takes much of what is free.

    Raises
    ------
    OutOfMemory
    """
    needed = result.writing_bytes + (1 + copies) * header.planes_bytes
    check_result(f"'{source}' with a result", (result.height, result.width), needed)
    say_need(source, max(needed, header.decoding_bytes))


def say_need(source: Path, needed: float) -> None:
    """A note on what takes much of what is free."""
    if not fits(4 * needed):
        say(f"note: '{source}' {share(needed)}")
