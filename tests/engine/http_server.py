"""A real HTTP server on loopback for tests: it counts what it is asked, and misbehaves on request."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Server(http.server.ThreadingHTTPServer):
    """`events` are the bodies posted to /event, in order; `requests` counts "METHOD path"; `bodies` keeps bodies."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: list[str] = []
        self.requests: Counter[str] = Counter()
        self.heads: list[list[tuple[str, str]]] = []
        self.bodies: list[bytes] = []
        #: How often each step answers true before it answers false.
        self.trues: dict[str, int] = {}
        #: What /gated waits for in the middle of its response.
        self.gate = threading.Event()
        self.arrived = threading.Event()

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.authority}"

    def handle_error(self, *_: object) -> None:
        """Clients that go away are part of the tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def handle_any(self) -> None:
        server = self.server
        server.requests[f"{self.command} {self.path}"] += 1
        server.heads.append(list(self.headers.items()))
        body = self._body()
        server.bodies.append(body)
        server.arrived.set()
        name, _, argument = self.path.partition("?")[0].removeprefix("/").partition("/")
        action = getattr(self, f"at_{name}", None)
        if action is None:
            self.answer(b"", status=404)
        else:
            action(argument, body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PURGE = handle_any

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pieces.append(b"+trailer")
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def answer(self, body: bytes, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.send_response_only(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # What the paths do

    def at_event(self, _: str, body: bytes) -> None:
        self.server.events.append(body.decode())
        self.answer(b"noted")

    def at_step(self, number: str, _: bytes) -> None:
        left = self.server.trues.get(number, 0)
        self.server.trues[number] = left - 1
        self.answer(b"true" if left > 0 else b"false")

    def at_echo(self, _: str, body: bytes) -> None:
        self.answer(body)

    def at_status(self, number: str, _: bytes) -> None:
        self.answer(b"as wished", status=int(number), headers=(("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")))

    def at_redirect(self, _: str, __: bytes) -> None:
        self.answer(b"", status=302, headers=(("Location", "http://localhost:1/"),))

    def at_bytes(self, count: str, _: bytes) -> None:
        self.answer(bytes(at % 251 for at in range(int(count))))

    def at_chunked(self, _: str, __: bytes) -> None:
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n"
            b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\nX-Sum: 11\r\nX-Sum: eleven\r\n\r\n"
        )

    def at_cut(self, _: str, __: bytes) -> None:
        """Promises more than it sends."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
        self.close_connection = True

    def at_hangup(self, _: str, __: bytes) -> None:
        self.close_connection = True

    def at_nonsense(self, _: str, __: bytes) -> None:
        self.wfile.write(b"what is this?\r\n\r\n")
        self.close_connection = True

    def at_slow(self, seconds: str, _: bytes) -> None:
        time.sleep(float(seconds))
        self.answer(b"slow")

    def at_dripping(self, seconds: str, _: bytes) -> None:
        """A pause in the middle of the body."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ndrop")
        time.sleep(float(seconds))
        with contextlib.suppress(OSError):
            self.wfile.write(b"drop")

    def at_gated(self, _: str, __: bytes) -> None:
        """The first time the second half comes only when the gate opens."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nfirst half")
        self.server.gate.wait(20)
        with contextlib.suppress(OSError):
            self.wfile.write(b"other half")


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        server.server_close()


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
