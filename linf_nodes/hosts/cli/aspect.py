"""A result of another aspect than its picture, which one rarely wants: it is said."""

from pathlib import Path

from ...pipeline.grid import Size
from .console import say

MOST = 0.02  # change of width to height that nobody sees


def say_aspect(source: str | Path, before: Size, after: Size, multiple_of: int = 1) -> None:
    """Remark on a change of width to height of more than 2 %, beyond what rounding to whole pixels makes.

    `multiple_of` is what both sides were rounded to, where nothing else changed the aspect.
    """
    (h, w), (height, width) = before, after
    change = (width * h) / (height * w)
    if abs(change - 1) <= MOST or abs(height - h * width / w) <= 1 or abs(width - w * height / h) <= 1:
        return
    turned = abs((height * h) / (width * w) - 1) <= MOST
    way = f"did you mean {width} high and {height} wide?" if turned else "one side alone, or one scale, keeps it"
    if multiple_of > 1:
        way = f"a smaller --multiple-of than {multiple_of} changes it less, and --aspect fill cuts instead"
    percent = f"{100 * abs(change - 1):.0f} %"
    say(f"note: {height} high and {width} wide changes the aspect of '{source}' by {percent}; {way}")
