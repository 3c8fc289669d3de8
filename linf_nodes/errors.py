"""The errors a user can meet. Each message quotes the user's value and says the way out, in one sentence."""


class LinfError(Exception):
    """Base of every error this package raises on purpose."""


class BadValue(LinfError, ValueError):
    """An option is outside its range, or not a number at all."""


class BadShape(LinfError, ValueError):
    """An array has a shape, or two arrays have a pair of shapes, that cannot be worked with."""


class BadPicture(LinfError, ValueError):
    """A picture file is missing, truncated, empty, or holds pixels that are not numbers."""


class DamagedPart(BadPicture, BadValue):
    """A part of a source cannot be read, or worked with; the rest of it can."""


class SourceLost(BadPicture):
    """A source is gone, or it is no longer what it was when the work began."""


class Unfinished(LinfError):
    """Some blocks of a result could not be computed; all others are there."""


class UnsupportedWeights(LinfError, ValueError):
    """A weights file is missing, unsafe, damaged, or of an architecture this package does not know."""


class BadWorkflow(LinfError, ValueError):
    """A saved graph is not valid JSON, or names a node, input or link that does not exist."""


class OutOfMemory(LinfError, MemoryError):
    """A result, or the smallest block of it, does not fit."""


class Cancelled(LinfError):
    """The user asked to stop; raised from a progress callback."""


def quoted(value: object, most: int = 60) -> str:
    """A value for messages, in one line; one that is too long to read ends in `...`."""
    text = " ".join(repr(value).split())
    end = {"(": ")", "[": "]", "{": "}", "'": "'", '"': '"'}.get(text[0], "")
    return text if len(text) <= most else f"{text[: most - 4].rstrip(' ,')}...{end}"
