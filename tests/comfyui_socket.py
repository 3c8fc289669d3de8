"""The server's WebSocket, read without a library: which node runs, its progress, its previews."""

import base64
import json
import os
import socket
import struct
from typing import Any, Self

TEXT, BINARY, PING, PONG = 1, 2, 9, 10


class Listener:
    """Messages for one client: dicts, or the bytes of a preview behind its header."""

    def __init__(self, port: int, client: str) -> None:
        self.client = client
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._stream = self._socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /ws?clientId={client} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b" 101 " in self._stream.readline(), "the server did not switch protocols"
        while self._stream.readline() != b"\r\n":
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def next(self) -> dict[str, Any] | bytes:
        """The next message; waits for it."""
        while True:
            kind, payload = self._frame()
            if kind == TEXT:
                return dict(json.loads(payload))
            if kind == BINARY:
                return payload
            if kind == PING:  # a client masks what it sends; a mask of zeros changes nothing
                self._socket.sendall(struct.pack("!BB4x", 0x80 | PONG, 0x80 | len(payload)) + payload)

    def until_over(self, prompt: str) -> list[dict[str, Any] | bytes]:
        """Every message up to the one that says that `prompt` is over."""
        found = []
        while True:
            message = self.next()
            found.append(message)
            if isinstance(message, dict) and message["data"].get("prompt_id") == prompt and _last(message):
                return found

    def _frame(self) -> tuple[int, bytes]:
        first, second = self._stream.read(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._stream.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._stream.read(8))
        return first & 0x0F, self._stream.read(length)


def _last(message: dict[str, Any]) -> bool:
    return message["type"] in ("execution_success", "execution_error", "execution_interrupted")
