"""A request that the guest has handed over: the batch that its steps belong to, and the exchange, if there is one.

In replay there is none: the steps come from the oplog. A request of which nothing was seen is sent again when the
worker goes live, or when a persist-nothing zone asks for its response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.grants.secrets import filled, named_in
from durable_dsl.engine.http.exchange import Exchange, Request
from durable_dsl.engine.interfaces.poll import Pollable, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.http.errors import ErrorCode
    from durable_dsl.engine.interfaces.http.requests import OutgoingBody
    from durable_dsl.engine.replay.batches import Batch
    from durable_dsl.engine.replay.host import Host

LOST = "the connection was lost when the worker was restarted, and the request must not be sent again"


class Sending:
    """One request. `summary` names it."""

    def __init__(
        self, host: Host, batch: Batch, request: Request, summary: dict[str, str], body: OutgoingBody | None
    ) -> None:
        self.batch = batch
        self.summary = summary
        self._body = body
        self.exchange: Exchange | None = None
        #: The guest has been told that there is an answer, or an end.
        self.told_ready = False
        self._host = host
        self._request = request
        if batch.standing == "now":
            self.start()
        elif batch.standing == "repeat":
            host.open_effects.defer(self)
        elif request.body is not None:
            request.body.discard()

    @property
    def repeated(self) -> bool:
        """Whether it is sent for a second time."""
        return self.batch.standing == "repeat"

    @property
    def asked(self) -> dict[str, Any]:
        """What a look at its response is recorded with, and replay compares."""
        digest = None if self._body is None else self._body.digest
        return self.summary if digest is None else {**self.summary, "body": digest}

    @property
    def failure(self) -> ErrorCode | None:
        """Why there is no response to come, or to go on with; None where it comes, or may come."""
        if self.exchange is not None:
            return self.exchange.failure
        return "connection-terminated"

    def start(self) -> None:
        """Send it now; ends the guest where that is not allowed."""
        host, request = self._host, self._request
        permit(host, request, self.summary["uri"])
        self.exchange = Exchange(filled(request, host.worker.permissions.secret), host.notify)
        host.open_effects.opened(self.exchange)

    def asked_for(self) -> None:
        """The guest waits for its response: it goes out now, as it is."""
        if self.exchange is None and self.repeated:
            self._host.open_effects.withdraw(self)
            self.start()
        if self.exchange is not None:
            self.exchange.release()

    def close(self) -> None:
        """Nobody wants its response any more."""
        self._host.open_effects.withdraw(self)
        if self.exchange is not None:
            self.exchange.close()
            self._host.open_effects.closed(self.exchange)


class Arrival(Pollable):
    """Ready when the response has come as far as somebody waits for, or will not."""

    outside = True

    def __init__(self, sending: Sending, arrived: Callable[[Exchange], bool]) -> None:
        self._sending = sending
        self._arrived = arrived

    def ready(self, _host: Host) -> bool:
        self._sending.asked_for()
        exchange = self._sending.exchange
        return exchange is None or self._arrived(exchange)

    def told_ready(self) -> None:
        self._sending.told_ready = True

    def wait(self, host: Host) -> None:
        """Wait here; nothing of that is recorded."""
        wait_for(host, [self])


def permit(host: Host, request: Request, uri: str) -> None:
    """Ends the guest where its worker may not send this."""
    permissions = host.worker.permissions
    permissions.require_http(request.method, uri, request.host, request.port)
    for name in named_in(request):
        permissions.secret(name)
