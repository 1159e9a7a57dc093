"""wasi:http/types: responses. The head, each read of the body, and the trailers are recorded steps of the batch.

A short response that has come as a whole is recorded with its head: then nothing of it can be lost any more.

The batch's end is written once, in the order in which the guest lets go, by whatever holds the response at the time:
the future, when it gives an error or is dropped without an answer; the response, when it is dropped unread; the body,
when it is dropped or finished without a stream; the stream, when a read finds its end, or when it is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.http.bodies import IncomingBody, trailer_texts
from durable_dsl.engine.interfaces.http.fields import Fields, fields_of, http_types
from durable_dsl.engine.interfaces.http.requests import HttpError
from durable_dsl.engine.interfaces.http.sending import Arrival, Sending
from durable_dsl.engine.replay.batches import PENDING, Batch
from durable_dsl.engine.replay.durability import BATCHED, durable

if TYPE_CHECKING:
    from durable_dsl.engine.http.errors import ErrorCode
    from durable_dsl.engine.http.exchange import Exchange
    from durable_dsl.engine.interfaces.streams import IoError
    from durable_dsl.engine.replay.host import Host

INTERFACES = (http_types,)

_ONCE_ONLY = {"err": None}
#: The longest body that is recorded with the head; it is recorded once more where it is read.
_SHORT = 1 << 14


class FutureResponse:
    """The resource `future-incoming-response`."""

    resource_kind = "future-incoming-response"

    def __init__(self, sending: Sending) -> None:
        self.sending = sending
        self.taken = False
        #: What `get` was performed on; None where its answer came from the oplog.
        self.exchange: Exchange | None = None

    def arrival(self) -> Arrival:
        return Arrival(self.sending, lambda exchange: exchange.answered)


class IncomingResponse:
    """The resource `incoming-response`."""

    resource_kind = "incoming-response"

    def __init__(self, body: IncomingBody, status: int, headers: Fields) -> None:
        self.sending = body.sending
        self.body = body
        self.status = status
        self.headers = headers
        self.consumed = False


# The future


def _head(host: Host, future: FutureResponse) -> Any:
    sending = future.sending
    sending.asked_for()
    if sending.repeated and sending.told_ready:  # before it was sent again; many guests take nothing else then
        future.arrival().wait(host)
    exchange = future.exchange = sending.exchange
    if exchange is not None and exchange.head is not None:
        head = {"status": exchange.head.status, "headers": Fields(exchange.head.headers).texts()}
        whole = exchange.whole(_SHORT)
        return {"ok": head} if whole is None else {"ok": head, "body": whole, "last": trailer_texts(exchange)}
    failure = sending.failure
    return PENDING if failure is None else {"err": failure}


def _response(_host: Host, stored: Any, future: FutureResponse) -> Any:
    if stored == PENDING:
        return None
    future.taken = True
    if "err" in stored:
        future.sending.close()
        return {"ok": stored}
    body, head = IncomingBody(future.sending, future.exchange), stored["ok"]
    if "body" in stored:
        body.known(stored["body"], stored["last"])
    return {"ok": {"ok": IncomingResponse(body, head["status"], fields_of(head["headers"]))}}


def _batch_of(_host: Host, future: FutureResponse) -> Batch:
    return future.sending.batch


_get = durable(
    _head,
    "http::types::future_incoming_response::get",
    BATCHED,
    request=lambda future: future.sending.asked,
    formerly=lambda future: future.sending.summary,
    finish=_response,
    batch=_batch_of,
    ends=lambda stored: stored != PENDING and "err" in stored,
)


@http_types.plain("[method]future-incoming-response.get")
def get(host: Host, future: FutureResponse) -> Any:
    return _ONCE_ONLY if future.taken else _get(host, future)


@http_types.plain("[method]future-incoming-response.subscribe")
def subscribe(_host: Host, future: FutureResponse) -> Arrival:
    return future.arrival()


@http_types.plain("[resource-drop]future-incoming-response")
def drop_future(host: Host, future: FutureResponse) -> None:
    if not future.taken:
        future.sending.close()
        future.sending.batch.close(host)


# The response


@http_types.plain("[method]incoming-response.status")
def status(_host: Host, response: IncomingResponse) -> int:
    return response.status


@http_types.plain("[method]incoming-response.headers")
def headers(_host: Host, response: IncomingResponse) -> Fields:
    return response.headers


@http_types.plain("[method]incoming-response.consume")
def consume(_host: Host, response: IncomingResponse) -> dict[str, Any]:
    if response.consumed:
        return _ONCE_ONLY
    response.consumed = True
    return {"ok": response.body}


@http_types.plain("[resource-drop]incoming-response")
def drop_response(host: Host, response: IncomingResponse) -> None:
    if not response.consumed:
        response.sending.close()
        response.sending.batch.close(host)


@http_types.plain("http-error-code")
def http_error_code(_host: Host, error: IoError) -> ErrorCode | None:
    return error.http_code if isinstance(error, HttpError) else None
