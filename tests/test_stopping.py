"""A signal stops the work once, wherever it comes."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from linf_nodes.errors import BadValue
from linf_nodes.hosts.cli import main as cli
from linf_nodes.hosts.cli.stopping import Stopped, stoppable


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """A process that was stopped heeds no further signal: here it goes on."""
    yield
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_the_first_signal_stops_and_the_second_disturbs_nothing() -> None:
    cleared: list[int] = []
    with pytest.raises(Stopped) as stop, stoppable(), clearing(cleared):
        signal.raise_signal(signal.SIGTERM)
    assert stop.value.status == 143
    assert cleared == [1]


@contextmanager
def clearing(cleared: list[int]) -> Iterator[None]:
    try:
        yield
    finally:
        signal.raise_signal(signal.SIGINT)
        cleared.append(1)


def wait_after_a_deletion() -> None:
    Deleted()
    threading.Event().wait(20)


class Deleted:
    """Whose deletion a signal interrupts."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_a_signal_while_something_is_deleted_is_not_lost() -> None:
    with pytest.raises(Stopped) as stop, stoppable():
        wait_after_a_deletion()
    assert stop.value.status == 130


def test_without_a_signal_everything_is_as_before() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_what_fails_because_of_a_signal_is_a_stop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(_: list[str]) -> int:
        try:
            with torn():
                signal.raise_signal(signal.SIGTERM)
        except Exception as error:
            raise BadValue("The model cannot be built.") from error
        return 0

    monkeypatch.setattr(cli, "_dispatch", work)
    assert cli.main([]) == 143
    assert capsys.readouterr().err == "linf: stopped; nothing was written\n"


@contextmanager
def torn() -> Iterator[None]:
    try:
        yield
    finally:
        raise RuntimeError("trying to pop from empty mode stack")
