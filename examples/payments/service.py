"""The payment service of the example: a real HTTP server on loopback that remembers what it was asked."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class PaymentService:
    """Charges each idempotency key once; refuses more than 10,000 cents.

    `before_confirming` is called with each confirmation before it is answered: the place for a crash.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.charges: dict[str, int] = {}
        self.before_confirming: Callable[[], None] = lambda: None
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, answer = service.answer(self.path, self.headers.get("idempotency-key", ""), body)
                payload = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(payload)))
                self.end_headers()
                with suppress(BrokenPipeError):  # who asked may have been killed meanwhile
                    self.wfile.write(payload)

            def log_message(self, *_: object) -> None:
                """Quiet: the demo prints what matters."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str, key: str, body: dict[str, Any]) -> tuple[int, dict[str, str]]:
        """Status and body for a request."""
        self.requests.append(path)
        if path == "/charges":
            if body["cents"] > 10_000:
                return 402, {"reason": "the card's limit is 100.00"}
            self.charges.setdefault(key, body["cents"])
            return 200, {"id": f"ch-{list(self.charges).index(key) + 1}"}
        self.before_confirming()
        return 200, {"id": f"ok-{body['charge']}"}

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
