"""wasi:http: a request is handed over, which begins a batch; each look at its response is a recorded step of it.

The batch's end is written by whatever holds the response at the time: the future, dropped without a response; the
response, dropped unread; the body, dropped without a stream; the stream, when a read finds its end or when it is
dropped. A drop commits nothing.

In replay nothing is sent: the future is deferred. A live look at it sends the request and finds nothing yet; the stream
of a response that was replayed fails when it is read live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conformance.golem.client import Exchange
from tests.conformance.golem.host import NOTHING, offers
from tests.conformance.golem.oplog import BATCHED
from tests.conformance.golem.requests import TYPES, Fields
from tests.conformance.golem.streams import BrokenError, ClosedError, InputStream, IoError, Pollable, When, wait_until

if TYPE_CHECKING:
    from tests.conformance.golem.host import Host
    from tests.conformance.golem.requests import Options, Request

INTERRUPTED = "Body stream was interrupted due to a restart"
_GET = "http::types::future_incoming_response::get"
_PENDING = "pending"


class Sent:
    """A request that was handed over: its batch, and who closes that."""

    def __init__(self, begin: int, request: Request) -> None:
        self.begin = begin
        self.request = request
        self.exchange: Exchange | None = None
        self.owner: object = None

    def send(self, host: Host) -> None:
        request, said = self.request, self.request.said
        self.exchange = Exchange(
            request.method,
            said["authority"],
            said["path-with-query"] or "/",
            request.headers.pairs,
            request.body,
            host.notify,
        )
        host.exchanges.append(self.exchange)

    def close(self, host: Host, owner: object) -> None:
        """End the batch, if it is `owner` who does."""
        if self.owner is owner:
            self.owner = None
            host.end(BATCHED, self.begin)


class Future:
    """The resource `future-incoming-response`."""

    resource_kind = "future-incoming-response"

    def __init__(self, sent: Sent) -> None:
        self.sent = sent
        self.taken = False


class Response:
    """The resource `incoming-response`; one that was replayed has no exchange behind it."""

    resource_kind = "incoming-response"

    def __init__(self, sent: Sent, status: int, headers: list[tuple[str, bytes]], exchange: Exchange | None) -> None:
        self.sent = sent
        self.status = status
        self.headers = headers
        self.exchange = exchange


class IncomingBody:
    """The resource `incoming-body`."""

    resource_kind = "incoming-body"

    def __init__(self, response: Response) -> None:
        self.sent = response.sent
        self.exchange = response.exchange


class BodyReader(InputStream):
    """The stream of a response's body."""

    def __init__(self, body: IncomingBody) -> None:
        self.sent = body.sent
        self.exchange = body.exchange

    def read(self, host: Host, length: int, name: str) -> bytes:
        function = f"http::types::incoming_body_stream::{name.replace('-', '_')}"
        batch = self.sent.begin
        if host.performs:
            step = self._perform(host, length, blocking=name == "blocking-read")
            host.record(function, step, BATCHED, batch)
        else:
            _, entry = host.replay.take("ImportedFunctionInvoked", function)
            step = entry.data
        if step[0] == "closed":
            self.sent.close(host, self)
        if host.live and host.level != NOTHING:
            host.oplog.commit()
        if step[0] == "closed":
            raise ClosedError
        if step[0] == "failed":
            raise BrokenError(step[1])
        return bytes(step[1])

    def _perform(self, host: Host, length: int, *, blocking: bool) -> tuple[str, Any]:
        exchange = self.exchange
        if exchange is None:
            return "failed", INTERRUPTED
        if blocking:
            wait_until(host, lambda: exchange.readable, "the body of a response")
        data = exchange.read(length)
        if data or not exchange.ended:
            return "ok", data
        return ("failed", exchange.failure) if exchange.failure else ("closed", None)

    def subscribe(self) -> Pollable:
        exchange = self.exchange
        return Pollable() if exchange is None else When(lambda: exchange.readable)

    def dropped(self, host: Host) -> None:
        self.sent.close(host, self)


@offers("wasi:http/outgoing-handler", "handle")
def handle(host: Host, request: Request, _options: Options | None) -> dict[str, Future]:
    sent = Sent(host.begin(BATCHED), request)
    future = Future(sent)
    sent.owner = future
    if host.live:
        sent.send(host)
    return {"ok": future}


@offers(TYPES, "[method]future-incoming-response.subscribe")
def subscribe(_host: Host, future: Future) -> Pollable:
    exchange = future.sent.exchange
    return Pollable() if exchange is None else When(lambda: exchange.answered)


@offers(TYPES, "[method]future-incoming-response.get")
def get(host: Host, future: Future) -> Any:
    if future.taken:
        return {"ok": {"err": None}}
    sent = future.sent
    if host.performs:
        head = _look(host, sent)
        if host.level != NOTHING:
            host.record(_GET, head, BATCHED, sent.begin)
            host.oplog.commit()
        pairs = sent.exchange.headers if sent.exchange is not None else []
        exchange = sent.exchange
    else:
        _, entry = host.replay.take("ImportedFunctionInvoked")
        head, exchange = entry.data, None
        # A map from name to one value: of repeated headers the last one is left.
        pairs = list(dict(head[2]).items()) if head[0] == "headers" else []
    if head[0] == _PENDING:
        return None
    future.taken = True
    if head[0] == "failed":
        return {"ok": {"err": head[1]}}
    sent.owner = response = Response(sent, head[1], pairs, exchange)
    return {"ok": {"ok": response}}


def _look(host: Host, sent: Sent) -> tuple[Any, ...]:
    if sent.exchange is None:
        sent.send(host)
        return (_PENDING,)
    exchange = sent.exchange
    if not exchange.answered:
        return (_PENDING,)
    if not exchange.status:
        return "failed", exchange.failure
    return "headers", exchange.status, tuple(exchange.headers)


@offers(TYPES, "[resource-drop]future-incoming-response")
def drop_future(host: Host, future: Future) -> None:
    future.sent.close(host, future)


@offers(TYPES, "[method]incoming-response.status")
def status(_host: Host, response: Response) -> int:
    return response.status


@offers(TYPES, "[method]incoming-response.headers")
def headers(_host: Host, response: Response) -> Fields:
    return Fields(response.headers)


@offers(TYPES, "[method]incoming-response.consume")
def consume(_host: Host, response: Response) -> dict[str, Any]:
    if response.sent.owner is not response:
        return {"err": None}
    response.sent.owner = body = IncomingBody(response)
    return {"ok": body}


@offers(TYPES, "[resource-drop]incoming-response")
def drop_response(host: Host, response: Response) -> None:
    response.sent.close(host, response)


@offers(TYPES, "[method]incoming-body.stream")
def stream_of(_host: Host, body: IncomingBody) -> dict[str, Any]:
    if body.sent.owner is not body:
        return {"err": None}
    body.sent.owner = stream = BodyReader(body)
    return {"ok": stream}


@offers(TYPES, "[resource-drop]incoming-body")
def drop_body(host: Host, body: IncomingBody) -> None:
    body.sent.close(host, body)


@offers(TYPES, "http-error-code")
def http_error_code(_host: Host, _error: IoError) -> None:
    return None
