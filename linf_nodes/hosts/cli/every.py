"""`linf stack --every`: all images of a plate, a well or a bioformats2raw folder."""

from collections.abc import Callable
from pathlib import Path

from ...errors import BadValue, Cancelled, LinfError
from ...stacks.holder import create_holder, images_of
from .batch import PARTLY
from .console import say


def every_image(source: str, target: Path, resume: bool, enlarge: Callable[[str, Path], None]) -> int:
    """Enlarge image by image into the same places of a folder like the source; returns the exit status.

    What fails or is missing is named, and the rest is done.

    Raises
    ------
    BadValue, BadPicture
        When the result is there already, or the source holds no images.
    """
    group, holder = images_of(source)
    if target.exists() and not resume:
        raise BadValue(f"'{target}' is there already: add --resume to go on with it, or choose another name.")
    create_holder(group, holder, target)
    for path, why in holder.missing:
        say(f"{path}: '{source.rstrip('/')}/{path}' {why}")
    failed = 0
    for path in holder.images:
        try:
            enlarge(f"{source.rstrip('/')}/{path}", target / path)
        except Cancelled:
            raise
        except LinfError as error:
            failed += 1
            say(f"{path}: {error}")
    if failed:
        say(f"{failed} of {len(holder.images)} images failed; the others are in '{target}', --resume tries again")
    elif holder.missing:
        say(f"the {len(holder.images)} images that are there are in '{target}', --resume does others")
    return PARTLY if failed or holder.missing else 0
