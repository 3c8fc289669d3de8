"""What fails of one layer does not keep the others from being done."""

from collections.abc import Iterator
from contextlib import contextmanager

from ....errors import Cancelled, LinfError
from ..worker import sentence
from .request import Request
from .source import naming


class Failures:
    """What failed of some requests, a sentence for each. The only request fails as a whole."""

    def __init__(self, requests: list[Request]):
        self._count = len(requests)
        self._said: dict[int, str] = {}

    @contextmanager
    def of(self, request: Request) -> Iterator[None]:
        """Work on one request."""
        try:
            with naming(request.source.name):
                yield
        except Exception as error:
            if self._count == 1 or isinstance(error, Cancelled):
                raise
            text, name = sentence(error), f"'{request.source.name}'"
            self._said.setdefault(id(request), text if name in text else f"{name}: {text}")

    def check(self) -> None:
        """Raises `LinfError` where nothing is done."""
        if self._said and len(self._said) == self._count:
            raise LinfError(" ".join(self._said.values()))

    def text(self) -> str:
        """What failed, for the end of a sentence that says what is done."""
        if not self._said:
            return ""
        return f"{len(self._said)} of {self._count} layers failed: {' '.join(self._said.values())}"
