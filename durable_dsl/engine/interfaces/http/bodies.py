"""wasi:http/types: bodies of responses, their streams and trailers.

Each read is a recorded step; it says too whether it was the last one that brought anything. A body whose first reads
came from the oplog cannot be read on, if there is more of it: there is no connection that stands where they ended, and
the guest gets an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.http.fields import Fields, fields_of, http_types
from durable_dsl.engine.interfaces.http.requests import BodyFailed
from durable_dsl.engine.interfaces.http.sending import LOST, Arrival, Sending
from durable_dsl.engine.interfaces.streams import InputStream, StreamClosed
from durable_dsl.engine.oplog import text
from durable_dsl.engine.replay.batches import PENDING, Batch
from durable_dsl.engine.replay.durability import BATCHED, durable

if TYPE_CHECKING:
    from durable_dsl.engine.http.errors import ErrorCode
    from durable_dsl.engine.http.exchange import Exchange
    from durable_dsl.engine.interfaces.poll import Pollable
    from durable_dsl.engine.replay.host import Host

INTERFACES = (http_types,)

#: A byte of a list costs 80 for a moment, on its way to the guest.
_LARGEST_READ = 1 << 18
_BROKEN_OFF: ErrorCode = "connection-terminated"


class IncomingBody:
    """The resource `incoming-body`. `exchange` is None where the response came from the oplog."""

    resource_kind = "incoming-body"

    def __init__(self, sending: Sending, exchange: Exchange | None) -> None:
        self.sending = sending
        self.exchange = exchange
        self.stream: BodyStream | None = None
        #: What is left to read, once that is known from a recorded step; then the trailers are known too.
        self.rest: bytes | None = None
        self.trailers: list[list[str]] | None = None
        #: What a recorded read ended with: later reads and the trailers end with it too, whoever performs them.
        self.failure: ErrorCode | None = None
        self.given_up = False

    def known(self, rest: bytes, trailers: list[list[str]] | None) -> None:
        self.rest = rest
        self.trailers = trailers

    def close(self) -> None:
        """Body, stream and trailers are gone, as far as there were any."""
        self.sending.close()


class BodyStream(InputStream):
    """The stream of a body."""

    def __init__(self, body: IncomingBody) -> None:
        self.body = body
        self.dropped_by_guest = False
        self._performed = False
        #: A read was answered from the oplog.
        self.replayed = False

    def read(self, host: Host, length: int) -> bytes:
        return _read(host, self, length)  # type: ignore[no-any-return]

    def blocking_read(self, host: Host, length: int) -> bytes:
        return _blocking_read(host, self, length)  # type: ignore[no-any-return]

    def skip(self, host: Host, length: int) -> int:
        return len(_skip(host, self, length))

    def blocking_skip(self, host: Host, length: int) -> int:
        return len(_blocking_skip(host, self, length))

    def subscribe(self) -> Pollable:
        return Arrival(self.body.sending, lambda exchange: self.exchange is None or exchange.readable)

    def dropped(self, host: Host) -> None:
        self.dropped_by_guest = True
        self.body.sending.batch.close(host)
        if self.body.given_up:
            self.body.close()

    @property
    def exchange(self) -> Exchange | None:
        """What there is to read from; None where reads were answered from the oplog."""
        return None if self.replayed else self.body.exchange

    def step(self, length: int) -> dict[str, Any]:
        """Perform a read: what is there now, as it is stored."""
        self._performed = True
        exchange, rest = self.exchange, self.body.rest
        if rest is not None:
            return _read_step(rest[:length], length, all_read=len(rest) <= length, trailers=self.body.trailers)
        if exchange is None:
            failure = self.body.failure
            return {"err": {"code": _BROKEN_OFF, "message": LOST} if failure is None else _broke_off(failure)}
        trailers, failure = exchange.trailers, exchange.failure  # before reading: more may come after it
        data = exchange.read(min(length, _LARGEST_READ))
        if trailers is not None and not exchange.unread:
            return _read_step(data, length, all_read=True, trailers=trailer_texts(exchange))
        if data or length == 0:
            return {"ok": data}
        if failure is not None:
            return {"err": _broke_off(failure)}
        return {"ok": b""}

    def take(self, stored: dict[str, Any]) -> bytes:
        """What the guest gets for a stored read."""
        self.replayed |= not self._performed
        self._performed = False
        body = self.body
        for end in ("last", "closed"):
            if end in stored:
                body.known(b"", stored[end])
        if "ok" in stored:
            data: bytes = stored["ok"]
            if body.rest:
                body.rest = body.rest[len(data) :]
            return data
        if "closed" in stored:
            raise StreamClosed
        body.failure = stored["err"]["code"]
        raise BodyFailed(stored["err"]["message"], stored["err"]["code"])


def _broke_off(failure: ErrorCode) -> dict[str, Any]:
    return {"code": failure, "message": f"the response broke off: {failure}"}


def trailer_texts(exchange: Exchange) -> list[list[str]] | None:
    """The trailers of a response that has come as a whole, as they are stored; None for none."""
    return Fields(exchange.trailers or []).texts() or None


def _read_step(data: bytes, length: int, *, all_read: bool, trailers: list[list[str]] | None) -> dict[str, Any]:
    """A read of a body whose end is known, as it is stored."""
    if not data and length:
        return {"closed": trailers}
    return {"ok": data, "last": trailers} if all_read else {"ok": data}


def was_all(stored: str) -> bool:
    """Whether a recorded step, as text, says that nothing more comes."""
    step = text.decode(stored)
    return isinstance(step, dict) and ("last" in step or "closed" in step)


def _now(_host: Host, stream: BodyStream, length: int) -> dict[str, Any]:
    return stream.step(length)


def _when_there(host: Host, stream: BodyStream, length: int) -> dict[str, Any]:
    if stream.exchange is not None and length and stream.body.rest is None:
        Arrival(stream.body.sending, lambda exchange: exchange.readable).wait(host)
    return stream.step(length)


def _taken(_host: Host, stored: dict[str, Any], stream: BodyStream, _length: int) -> bytes:
    return stream.take(stored)


def _length(_stream: BodyStream, length: int) -> int:
    return length


def _stream_batch(_host: Host, stream: BodyStream, _length: int) -> Batch:
    return stream.body.sending.batch


def _recorded_read(function: str, perform: Any) -> Any:
    return durable(
        perform,
        f"http::types::incoming_body_stream::{function}",
        BATCHED,
        request=_length,
        finish=_taken,
        batch=_stream_batch,
        ends=lambda stored: "closed" in stored,
    )


_read = _recorded_read("read", _now)
_blocking_read = _recorded_read("blocking_read", _when_there)
_skip = _recorded_read("skip", _now)
_blocking_skip = _recorded_read("blocking_skip", _when_there)


@http_types.plain("[method]incoming-body.stream")
def stream_of(_host: Host, body: IncomingBody) -> dict[str, Any]:
    if body.stream is not None:
        return {"err": None}
    body.stream = BodyStream(body)
    return {"ok": body.stream}


@http_types.plain("[resource-drop]incoming-body")
def drop_body(host: Host, body: IncomingBody) -> None:
    body.given_up = True
    if body.stream is None:
        body.sending.batch.close(host)
    if body.stream is None or body.stream.dropped_by_guest:
        body.close()


# Trailers


class FutureTrailers:
    """The resource `future-trailers`."""

    resource_kind = "future-trailers"

    def __init__(self, body: IncomingBody) -> None:
        self.body = body
        self.taken = False


@http_types.plain("[static]incoming-body.finish")
def finish(host: Host, body: IncomingBody) -> FutureTrailers:
    """The rest of the body is passed over."""
    if body.stream is None:
        body.sending.batch.close(host)
    if body.exchange is not None:
        body.exchange.skip_body()
    return FutureTrailers(body)


def _trailers(_host: Host, future: FutureTrailers) -> Any:
    body = future.body
    if body.rest is not None:
        return {"ok": body.trailers}
    exchange = body.exchange
    if exchange is None:
        return {"err": body.failure or _BROKEN_OFF}
    if exchange.ended:
        return {"ok": trailer_texts(exchange)}
    return PENDING if exchange.failure is None else {"err": exchange.failure}


def _trailer_fields(_host: Host, stored: Any, future: FutureTrailers) -> Any:
    if stored == PENDING:
        return None
    future.taken = True
    if "err" in stored:
        return {"ok": stored}
    return {"ok": {"ok": None if stored["ok"] is None else fields_of(stored["ok"])}}


def _trailers_batch(_host: Host, future: FutureTrailers) -> Batch:
    return future.body.sending.batch


_get_trailers = durable(
    _trailers,
    "golem http::types::future_trailers::get",
    BATCHED,
    request=lambda _future: None,
    finish=_trailer_fields,
    batch=_trailers_batch,
)


@http_types.plain("[method]future-trailers.get")
def get_trailers(host: Host, future: FutureTrailers) -> Any:
    return {"err": None} if future.taken else _get_trailers(host, future)


@http_types.plain("[method]future-trailers.subscribe")
def subscribe_trailers(_host: Host, future: FutureTrailers) -> Pollable:
    return Arrival(future.body.sending, lambda exchange: exchange.ended or exchange.failure is not None)


@http_types.plain("[resource-drop]future-trailers")
def drop_trailers(_host: Host, future: FutureTrailers) -> None:
    future.body.close()
