"""HTTP in a component: wasi:http, with the network and TLS done by the host.

Every resource is dropped by hand and in one order (stream, body, response, future), on the way of an exception too.
The host records the end of an exchange at a drop; one that waits for the garbage collector, or for a traceback that
keeps a frame alive, would leave the exchange open, and a later recovery would send the request again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import durable_http_host as host

from durable_dsl.errors import HttpConnectionError, HttpDenied, HttpError, HttpTimeout
from durable_dsl.results import Err

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from durable_dsl.binding.http_exchange import Asked

#: Bytes read at a time, and the most that is written at once (wasi:io promises that a stream takes 4096).
_READ, _WRITE = 65_536, 4_096

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
_TIMEOUTS = (
    host.ErrorCode_DnsTimeout,
    host.ErrorCode_ConnectionTimeout,
    host.ErrorCode_ConnectionReadTimeout,
    host.ErrorCode_ConnectionWriteTimeout,
    host.ErrorCode_HttpResponseTimeout,
)
_BROKEN = (
    host.ErrorCode_DnsError,
    host.ErrorCode_DestinationNotFound,
    host.ErrorCode_DestinationUnavailable,
    host.ErrorCode_DestinationIpUnroutable,
    host.ErrorCode_ConnectionRefused,
    host.ErrorCode_ConnectionTerminated,
    host.ErrorCode_ConnectionLimitReached,
    host.ErrorCode_HttpResponseIncomplete,
)


class _Answer:
    """A response in the guest; see `Answered`."""

    def __init__(self, asked: Asked, future: Any) -> None:
        self._asked = asked
        self._owned = [future]  # in order of acquisition; dropped in reverse
        self._stream: Any = None
        self.status = 0
        self.headers: list[tuple[str, bytes]] = []

    def open(self, response: Any) -> None:
        self._owned.append(response)
        self.status = response.status()
        fields = response.headers()
        self._owned.append(fields)
        self.headers = fields.entries()
        _drop(self._owned.pop())
        body = response.consume()
        self._owned.append(body)
        self._stream = body.stream()
        self._owned.append(self._stream)

    def read(self) -> bytes:
        return self._chunk(wait=True)

    async def read_async(self) -> bytes:
        while self._stream is not None:
            pollable = self._stream.subscribe()
            try:
                await _loop().wait_for(pollable)
            finally:
                _drop(pollable)
            chunk = self._chunk(wait=False)
            if chunk:
                return chunk
        return b""

    def _chunk(self, *, wait: bool) -> bytes:
        if self._stream is None:
            return b""
        try:
            chunk: bytes = self._stream.blocking_read(_READ) if wait else self._stream.read(_READ)
        except Err as error:
            self.close()
            if isinstance(error.value, host.StreamError_Closed):
                return b""
            reason = error.value.value.to_debug_string()
            raise HttpConnectionError(self._asked.method, self._asked.url, reason) from None
        return chunk

    def close(self) -> None:
        self._stream = None
        while self._owned:
            _drop(self._owned.pop())


def send(asked: Asked) -> _Answer:
    """Send `asked` and block until the head of the response has arrived."""
    exchange = _exchange(asked, _block)
    try:
        exchange.send(None)
    except StopIteration as done:
        answer: _Answer = done.value
        return answer
    raise AssertionError("an exchange that blocks never suspends")


async def send_async(asked: Asked) -> _Answer:
    """The same; other tasks run meanwhile."""
    return await _exchange(asked, lambda pollable: _loop().wait_for(pollable))


async def _exchange(asked: Asked, wait: Callable[[Any], Awaitable[None]]) -> _Answer:
    future = _started(asked)
    answer = _Answer(asked, future)
    try:
        while (result := future.get()) is None:
            pollable = future.subscribe()
            try:
                await wait(pollable)
            finally:
                _drop(pollable)
        answer.open(_response(asked, result))
    except BaseException:
        answer.close()
        raise
    return answer


async def _block(pollable: Any) -> None:
    pollable.block()


def _started(asked: Asked) -> Any:
    """Hand the request over to the host, body and all; the future of its response."""
    request = host.OutgoingRequest(host.Fields.from_list(list(asked.headers)))
    request.set_method(_METHODS[asked.method]() if asked.method in _METHODS else host.Method_Other(asked.method))
    request.set_scheme(host.Scheme_Https() if asked.scheme == "https" else host.Scheme_Http())
    request.set_authority(asked.authority)
    request.set_path_with_query(asked.target)
    options = None
    if asked.timeout_ns is not None:
        options = host.RequestOptions()
        options.set_connect_timeout(asked.timeout_ns)
        options.set_first_byte_timeout(asked.timeout_ns)
        options.set_between_bytes_timeout(asked.timeout_ns)
    body = request.body() if asked.body else None
    try:
        future = host.handle(request, options)
    except Err as error:
        if body is not None:
            _drop(body)
        raise _failure(asked, error.value) from None
    if body is not None:
        try:
            _write(asked, body)
        except BaseException:
            _drop(future)
            raise
    return future


def _write(asked: Asked, body: Any) -> None:
    stream = body.write()
    try:
        for start in range(0, len(asked.body), _WRITE):
            stream.blocking_write_and_flush(asked.body[start : start + _WRITE])
    except Err:
        # The server may answer before it has read everything: what it says arrives with the response.
        _drop(stream)
        _drop(body)
        return
    _drop(stream)
    host.OutgoingBody.finish(body, None)


def _response(asked: Asked, result: Any) -> Any:
    """What `future.get` gave: a response, or the error that came in its place."""
    if isinstance(result, Err):
        raise HttpError(asked.method, asked.url, "the response was taken already")
    if isinstance(result.value, Err):
        raise _failure(asked, result.value.value)
    return result.value.value


def _failure(asked: Asked, code: Any) -> HttpError:
    if isinstance(code, _TIMEOUTS):
        return HttpTimeout(asked.method, asked.url, f"timed out ({_words(code)})")
    if isinstance(code, _BROKEN):
        return HttpConnectionError(asked.method, asked.url, _words(code))
    if isinstance(code, host.ErrorCode_HttpRequestDenied):
        return HttpDenied(asked.method, asked.url, "the host does not allow this request")
    return HttpError(asked.method, asked.url, _words(code))


def _words(code: Any) -> str:
    """`ErrorCode_ConnectionRefused` → `connection refused`, with what the host adds to it."""
    name = type(code).__name__.removeprefix("ErrorCode_")
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    detail = getattr(code, "value", None)
    return f"{words}: {detail}" if detail else words


def _drop(resource: Any) -> None:
    resource.__exit__(None, None, None)


def _loop() -> Any:
    return asyncio.get_running_loop()
