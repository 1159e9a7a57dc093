"""The three services of the example: real HTTP servers on loopback, each with its own bookings."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class BookingService:
    """Knows a request by its key, and books it once. `sold_out`: nothing to offer. `broken`: cancels nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sold_out = False
        self.broken = False
        #: What is booked now, by number; and the requests in order.
        self.booked: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self._numbers: dict[str, str] = {}
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.reply(*service.book(self.headers.get("idempotency-key", ""), body))

            def do_DELETE(self) -> None:
                self.reply(*service.cancel(self.path.rpartition("/")[2]))

            def reply(self, status: int, answer: dict[str, str]) -> None:
                payload = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(payload)))
                self.end_headers()
                with suppress(BrokenPipeError, ConnectionResetError):  # who asked may have been killed meanwhile
                    self.wfile.write(payload)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forget(self) -> None:
        """Start over with nothing booked."""
        self.booked.clear()
        self.requests.clear()
        self._numbers.clear()

    def book(self, key: str, details: dict[str, Any]) -> tuple[int, dict[str, str]]:
        """Status and body for a booking; the same key gets the same number."""
        self.requests.append(f"book {self.name}")
        if self.sold_out:
            return 409, {"reason": f"no {self.name} in {details['city']}"}
        if key not in self._numbers:
            number = self._numbers[key] = f"{self.name}-{len(self._numbers) + 1}"
            self.booked[number] = details
        return 200, {"number": self._numbers[key]}

    def cancel(self, number: str) -> tuple[int, dict[str, str]]:
        """Status and body for a cancellation."""
        self.requests.append(f"cancel {self.name}")
        if self.broken:
            return 503, {"reason": "come back later"}
        return (200, {}) if self.booked.pop(number, None) is not None else (404, {"reason": "no such booking"})

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class World:
    """All three services."""

    def __init__(self) -> None:
        self.flight, self.hotel, self.car = (BookingService(name) for name in ("flight", "hotel", "car"))
        self.services = (self.flight, self.hotel, self.car)
        #: What the app finds in its environment, and the addresses it may reach.
        names = ("FLIGHTS", "HOTELS", "CARS")
        self.environment = {
            name: f"http://{each.address}/{each.name}s" for name, each in zip(names, self.services, strict=True)
        }
        self.addresses = [each.address for each in self.services]

    @property
    def booked(self) -> list[str]:
        """The numbers of everything that is booked."""
        return [number for each in self.services for number in each.booked]

    @property
    def requests(self) -> list[str]:
        return [request for each in self.services for request in each.requests]

    def forget(self) -> None:
        for each in self.services:
            each.forget()

    def close(self) -> None:
        for each in self.services:
            each.close()
