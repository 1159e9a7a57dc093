"""A real HTTP server on loopback that counts requests: the world outside, for tests of what reaches it.

A request is an effect; its label is the path without the leading slash. The answer is the number of requests with that
label so far, as text, unless `answer` says otherwise.
"""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class EffectServer:
    """`with EffectServer() as server:` serves at `server.address` (host and port) and `server.url`."""

    def __init__(self, answer: Callable[[str, int], tuple[int, bytes]] | None = None) -> None:
        self._answer = answer or (lambda _label, count: (200, str(count).encode()))
        self._lock = threading.Lock()
        self._log: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def log(self) -> list[str]:
        """The labels in order of arrival."""
        with self._lock:
            return list(self._log)

    def effects(self) -> Counter[str]:
        """How often each label was asked for."""
        return Counter(self.log)

    def clear(self) -> None:
        """Forget everything; counting starts anew."""
        with self._lock:
            self._log.clear()

    def count(self, label: str) -> tuple[int, bytes]:
        """Note one request; status and body of its answer."""
        with self._lock:
            self._log.append(label)
            count = self._log.count(label)
        return self._answer(label, count)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that die are what this is for."""


def _handler(effects: EffectServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the base class finds it by this name
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = effects.count(self.path.lstrip("/"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_DELETE = do_PATCH = do_POST  # noqa: N815 - as above

        def log_message(self, format: str, *_arguments: object) -> None:  # noqa: A002 - the base class's name
            """Nothing on stderr."""

    return Handler
