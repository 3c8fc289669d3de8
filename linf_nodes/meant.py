"""What somebody may have meant by a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def meant(name: str, known: Iterable[str]) -> str:
    """ " Did you mean 'photo'?" for a name close to a known one, to be put behind a sentence; else nothing."""
    by_lower = {k.lower(): k for k in known}
    close = get_close_matches(name.lower(), by_lower, 1, 0.6)
    return f" Did you mean {by_lower[close[0]]!r}?" if close else ""
