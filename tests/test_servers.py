"""Zarr arrays on servers that do not always answer: what is missing is asked for again, what fails is said."""

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from linf_nodes.errors import DamagedPart, SourceLost
from linf_nodes.stacks import file_stamp
from linf_nodes.stacks.checked_source import checked
from linf_nodes.stacks.stack_file import open_stack

from .stacks import stack

zarr = pytest.importorskip("zarr")
pytestmark = pytest.mark.skipif(
    not (find_spec("aiohttp") and find_spec("fsspec")), reason="the extra remote is not installed"
)

PIXELS = stack(12, 24, 20)
ALL = (slice(None),) * 3


class Server(ThreadingHTTPServer):
    """Answers the first `refused` requests of each chunk with `status`; `asked` counts them."""

    status, refused = 404, 0
    folder = Path()

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.asked, self.lock = folder, Counter[str](), threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/s.zarr"


class Handler(SimpleHTTPRequestHandler):
    def __init__(self, request: Any, client: Any, server: Server):
        super().__init__(request, client, server, directory=str(server.folder))

    def do_GET(self) -> None:
        server = cast(Server, self.server)
        if "/c/" in self.path:
            with server.lock:
                server.asked[self.path] += 1
                refused = server.asked[self.path] <= server.refused
            if refused:
                return self.send_error(server.status)
        return super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(file_stamp, "WAITS", (0.0, 0.0))
    array = zarr.create_array(str(tmp_path / "s.zarr"), shape=PIXELS.shape, chunks=(1, 12, 20), dtype="u2")
    array[:11] = PIXELS[:11]
    with Server(tmp_path) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [404, 500, 503])
@pytest.mark.parametrize("held", [False, True])
def test_what_a_server_refuses_now_and_then_is_asked_for_again(server: Server, status: int, held: bool) -> None:
    source = checked(zarr.open_array(server.url, mode="r")) if held else open_stack(server.url).source
    server.status, server.refused = status, 2
    assert np.array_equal(source[:11], PIXELS[:11])
    assert not source[11].any(), "it was never written"


def test_a_chunk_that_was_never_written_is_asked_for_thrice_and_no_more(server: Server) -> None:
    source = open_stack(server.url).source
    for _ in range(3):
        assert not source[11].any()
    assert set(server.asked.values()) == {3 + 2}


def test_a_chunk_that_was_there_and_is_missing_is_lost(server: Server) -> None:
    source = open_stack(server.url).source
    assert np.array_equal(source[3], PIXELS[3])
    server.refused = 1000
    with pytest.raises(SourceLost, match=r"cannot be read on .* \(its chunk c/3/0/0 is now there and now missing\)"):
        source[3]
    assert not source[4].any(), "nothing tells that it was there"
    server.refused = 0
    with pytest.raises(SourceLost, match="its chunk c/4/0/0 is now there and now missing"):
        source[4]
    assert np.array_equal(open_stack(server.url).source[4], PIXELS[4]), "a new beginning"


def test_a_server_that_fails_is_not_called_damaged(server: Server) -> None:
    source = open_stack(server.url).source
    server.status, server.refused = 500, 1000
    with pytest.raises(DamagedPart, match=r"the chunks c/3/0/0, c/3/1/0 cannot be had, for the server failed \(500, "):
        source[3]
    server.refused = 0
    (server.folder / "s.zarr" / "c" / "2" / "1" / "0").write_bytes(b"\0\1\2")
    with pytest.raises(DamagedPart, match=r"the chunk c/2/1/0 is damaged"):
        source[ALL]
