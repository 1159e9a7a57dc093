"""The world outside, for stories: a server that notes what reaches it and fails where it is asked to."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


_AT_MOST = 2.0  # requests that go one after another never meet


class Outside:
    """`POST /note` notes the body; `GET /again/N` says true `often[N]` times, then false.

    `GET` and `DELETE /step/N` note the step and its undoing, and fail like `again`. `POST /slow` answers after `slowly`
    seconds, `POST /size` says how long the body was. With `late`, the first note is answered after the
    first `again`, the second after the second, and so on. Use it with `with`.
    """

    def __init__(self, often: Mapping[int, int] | None = None, *, slowly: float = 0.3, late: bool = False) -> None:
        self.often = dict(often or {})
        self.slowly = slowly
        self._late = late
        self._asked = self._notes = 0
        self._lock = threading.Condition()
        self._events: list[str] = []
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
    def environment(self) -> dict[str, str]:
        return {"PORT": str(self._server.server_address[1])}

    @property
    def events(self) -> list[str]:
        with self._lock:
            return list(self._events)

    def answer(self, method: str, path: str, body: bytes) -> str:
        place, _, number = path.strip("/").partition("/")
        with self._lock:
            if place in {"note", "slow"}:
                self._events.append(body.decode())
            elif place == "size":
                self._events.append(f"{len(body)} bytes")
            elif place == "step":
                self._events.append(f"{'<=' if method == 'DELETE' else '=>'} {number}")
            again = False
            if place == "again" or (place == "step" and method != "DELETE"):
                left = self.often.get(int(number), 0)
                again = left > 0
                self._asked += 1
                self._lock.notify_all()
                self.often[int(number)] = left - 1
        if place == "note" and self._late:
            self._wait_to_be_asked()
        if place == "slow":
            time.sleep(self.slowly)
        if place == "size":
            return str(len(body))
        return str(again).lower() if place in {"again", "step"} else f"{place} {body.decode()}"

    def _wait_to_be_asked(self) -> None:
        with self._lock:
            self._notes += 1
            own = self._notes
            self._lock.wait_for(lambda: self._asked >= own, _AT_MOST)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that are killed are what this is for."""


def _handler(outside: Outside) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the base class finds it by this name
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if len(body) < length:
                    return
            text = outside.answer(self.command, self.path, body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_DELETE = do_POST

        def log_message(self, *_said: object) -> None:
            """Nothing on stderr."""

    return Handler
