"""A request on its way to the host: made of its resources, handed over, and its body written.

How a body is written must not depend on who reads it. While it is sent, a server of Golem takes it through a channel
with room for two pieces of at most 1 MiB; while the call is replayed, nobody takes anything out of that channel, and
what was written is not recorded. A wait for room is: a replay gets its answer at once, whether there is room or not.
So small pieces are joined to pieces of 1 MiB, the first two are written without a wait, each further one after exactly
one; and where there is no room after a wait, nobody reads, and the piece counts as written.

A body must have the length that the request says it has. That is looked at here: a host might tell only when it sends.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, Final

import durable_http_host as host

from durable_dsl.binding.exchanges import let_go
from durable_dsl.binding.http.exchange import check, declared_length, wrong_length
from durable_dsl.binding.http.failures import failure
from durable_dsl.errors import HttpInvalid
from durable_dsl.results import Err

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from durable_dsl.binding.exchanges import Exchange
    from durable_dsl.binding.http.exchange import Asked
    from durable_dsl.errors import HttpError

__all__ = ["Ended", "begin", "when_ready"]

#: What a server takes at once, and how many of these it takes without anybody reading.
_PIECE: Final = 1 << 20
_WITHOUT_WAIT: Final = 2

_METHODS = {
    "GET": host.Method_Get,
    "HEAD": host.Method_Head,
    "POST": host.Method_Post,
    "PUT": host.Method_Put,
    "DELETE": host.Method_Delete,
    "CONNECT": host.Method_Connect,
    "OPTIONS": host.Method_Options,
    "TRACE": host.Method_Trace,
    "PATCH": host.Method_Patch,
}
#: Headers that are about the connection, which is the host's business: it refuses requests that have them.
_NOT_OURS = frozenset({
    "connection", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "transfer-encoding", "upgrade",
})  # fmt: skip


class Ended(Exception):  # noqa: N818 - what it tells of is the error
    """The exchange is over without a response; `problem` is what the user gets."""

    def __init__(self, problem: HttpError) -> None:
        super().__init__(problem)
        self.problem = problem


async def when_ready(exchange: Exchange, source: Any, wait: Callable[[Any], Awaitable[None]]) -> None:
    """Wait until a resource of the exchange has something new. An exception leaves the pollable with the exchange."""
    pollable = exchange.own(source.subscribe())
    await wait(pollable)
    exchange.drop(pollable)


async def begin(asked: Asked, exchange: Exchange, wait: Callable[[Any], Awaitable[None]]) -> Any:
    """Hand the request over to the host, body and all; the future of its response."""
    headers = [(name, value) for name, value in asked.headers if name.lower() not in _NOT_OURS]
    part, body = "header", None
    try:
        check(asked)
        request = exchange.own(host.OutgoingRequest(host.Fields.from_list(headers)))
        # A body that comes in pieces is written while the host has the request, so it is taken out of it before.
        body = exchange.own(request.body()) if asked.body != b"" else None
        part = "method"
        request.set_method(_METHODS[asked.method]() if asked.method in _METHODS else host.Method_Other(asked.method))
        request.set_scheme(host.Scheme_Https() if asked.scheme == "https" else host.Scheme_Http())
        part = "url"
        request.set_authority(asked.authority)
        request.set_path_with_query(asked.target)
        part = "time-out"
        options = _options(asked)
    except HttpInvalid as invalid:
        raise Ended(invalid) from None
    except Err:
        raise Ended(HttpInvalid(asked.method, asked.url, f"the host refuses its {part}", part)) from None
    try:
        future = exchange.own(host.handle(exchange.give(request), options))
    except Err as error:
        raise Ended(failure(asked, error.value)) from None
    if body is not None:
        await _write(asked, body, _Writer(asked, exchange, exchange.own(body.write()), wait))
    return future


def _options(asked: Asked) -> Any:
    connect, first_byte, between_bytes = asked.timeouts
    if connect is None and first_byte is None and between_bytes is None:
        return None
    options = host.RequestOptions()
    options.set_connect_timeout(connect)
    options.set_first_byte_timeout(first_byte)
    options.set_between_bytes_timeout(between_bytes)
    return options


async def _write(asked: Asked, body: Any, writer: _Writer) -> None:
    if isinstance(asked.body, bytes):
        await writer.add(asked.body)
    elif isinstance(asked.body, AsyncIterable):
        async for piece in asked.body:
            await writer.add(piece)
    else:
        for piece in asked.body:
            await writer.add(piece)
    await writer.finish(body)


class _Writer:
    """Writes a body in pieces of equal size, whatever the sizes are in which it comes."""

    def __init__(
        self,
        asked: Asked,
        exchange: Exchange,
        stream: Any,
        wait: Callable[[Any], Awaitable[None]],
    ) -> None:
        self._asked = asked
        self._exchange = exchange
        self._stream = stream
        self._declared = declared_length(asked)
        self._wait = wait
        self._kept = bytearray()
        self._length = self._pieces = 0
        #: Nobody reads any more: the server has answered before it had everything, or this is a replay.
        self._unread = False

    async def add(self, data: bytes) -> None:
        """Some more of the body."""
        self._length += len(data)
        if self._declared is not None and self._length > self._declared:
            raise Ended(wrong_length(self._asked, f"{self._length} or more"))
        at = 0
        if not self._kept:
            # A large body that comes as a whole is not copied twice.
            for at in range(0, len(data) - _PIECE + 1, _PIECE):
                await self._put(bytes(data[at : at + _PIECE]))
            at = len(data) - len(data) % _PIECE
        self._kept += data[at:]
        while len(self._kept) >= _PIECE:
            piece = bytes(self._kept[:_PIECE])
            del self._kept[:_PIECE]
            await self._put(piece)

    async def finish(self, body: Any) -> None:
        """Write what is left, and say that this was all."""
        if self._declared is not None and self._length != self._declared:
            raise Ended(wrong_length(self._asked, f"{self._length}"))
        if self._kept:
            await self._put(bytes(self._kept))
        exchange = self._exchange
        exchange.drop(self._stream)
        if self._unread:
            exchange.drop(body)
            return
        try:
            host.OutgoingBody.finish(exchange.give(body), None)
        except Err as error:
            raise Ended(failure(self._asked, error.value)) from None

    async def _put(self, piece: bytes) -> None:
        """Write a piece. One that nobody reads is waited for all the same: a replay cannot know that nobody did."""
        self._pieces += 1
        waited = self._pieces > _WITHOUT_WAIT
        if waited:
            await when_ready(self._exchange, self._stream, self._wait)
        while piece and not self._unread:
            room = self._room()
            if room is None:
                self._unread = True
            elif room:
                self._unread = not self._wrote(piece[:room])
                piece = piece[room:]
                waited = False
            elif not waited:  # a host that takes smaller pieces than Golem's
                await when_ready(self._exchange, self._stream, self._wait)
                waited = True
            else:
                self._unread = True

    def _room(self) -> int | None:
        """How many bytes may be written now. None if nobody reads: what the server says comes with the response."""
        try:
            room: int = self._stream.check_write()
        except Err as error:
            _let_go_of_error(error.value)
            return None
        return room

    def _wrote(self, data: bytes) -> bool:
        try:
            self._stream.write(data)
        except Err as error:
            _let_go_of_error(error.value)
            return False
        return True


def _let_go_of_error(problem: Any) -> None:
    if isinstance(problem, host.StreamError_LastOperationFailed):
        let_go(problem.value)
