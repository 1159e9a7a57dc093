"""The approvers' desk of the example: a real HTTP server on loopback with questions to answer and payments to make."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Desk:
    """Takes each question and each payment once, by its key. `on_question` is called with a promise's id."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.questions: dict[str, dict[str, Any]] = {}
        self.payments: dict[str, int] = {}
        self.on_question: Callable[[str], None] = lambda _promise: None
        self._asked = threading.Condition()
        desk = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                desk.take(self.path, self.headers["idempotency-key"].strip('"'), body)
                self.send_response(204)
                with suppress(BrokenPipeError):  # who asked may have been killed meanwhile
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, path: str, key: str, body: dict[str, Any]) -> None:
        """Note a question or make a payment."""
        self.requests.append(path)
        if path == "/payments":
            self.payments.setdefault(key, body["cents"])
            return
        with self._asked:
            self.questions.setdefault(body["answer-to"], body["expense"])
            self._asked.notify_all()
        self.on_question(body["answer-to"])

    def question(self) -> str:
        """The promise that answers the first question, as soon as there is one."""
        with self._asked:
            assert self._asked.wait_for(lambda: self.questions, 30), "nobody asked"
        return next(iter(self.questions))

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
