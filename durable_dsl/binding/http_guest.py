"""HTTP in a component: wasi:http, with the network and TLS done by the host.

Every resource is dropped by hand and in one order (stream, body, response, future), on the way of an exception too.
The host records the end of an exchange at a drop; one that waits for the garbage collector, or for a traceback that
keeps a frame alive, would leave the exchange open, and a later recovery would send the request again. So every exchange
is also known to `call.exchanges`, and what user code has left open is closed when the export returns or fails.

A response that a restart of the worker cut short, while other requests were done that must not be done again, cannot be
read on. By default a request that was cut off is sent again, so this one is, and its response is read on from where the
first one ended, if it begins with the same bytes.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterable
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar

import durable_http_host as host

from durable_dsl.binding.http_failures import failure
from durable_dsl.binding.state import call
from durable_dsl.errors import HttpConnectionError, HttpError
from durable_dsl.results import Err

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from durable_dsl.binding.http_exchange import Asked

T = TypeVar("T")

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
#: Headers that are about the connection, which is the host's business: it refuses requests that have them.
_NOT_OURS = frozenset({
    "connection", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "transfer-encoding", "upgrade",
})  # fmt: skip

#: In the words of the embedded engine, when a restart has cut a response short.
_LOST: Final = "when the worker was restarted"

_numbers: Final = count()


class _LostError(Exception):
    """The response cannot be read on; `problem` is what the user gets if it is not asked for again."""

    def __init__(self, problem: HttpError) -> None:
        super().__init__(problem)
        self.problem = problem


class Answer:
    """An exchange in the guest, and once its head has arrived a response; see `Answered`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._owned: list[Any] = []  # in order of acquisition; dropped in reverse
        self._stream: Any = None
        #: How many bytes of the body were read, and their checksum.
        self._given = self._sum = 0
        self.status = 0
        self.headers: list[tuple[str, bytes]] = []
        call.exchanges[next(_numbers)] = self

    def __del__(self) -> None:
        self.close()

    def own(self, resource: Any) -> Any:
        self._owned.append(resource)
        return resource

    def drop(self, resource: Any) -> None:
        """Drop `resource`, unless `close` has done so meanwhile."""
        if any(owned is resource for owned in self._owned):
            self._owned = [owned for owned in self._owned if owned is not resource]
            _drop(resource)

    def give(self, resource: Any) -> Any:
        """`resource`, for a call that takes it away."""
        self._owned = [owned for owned in self._owned if owned is not resource]
        return resource

    def open(self, response: Any) -> None:
        self.own(response)
        self.status = response.status()
        fields = self.own(response.headers())
        self.headers = fields.entries()
        self.drop(fields)
        body = self.own(response.consume())
        self._stream = self.own(body.stream())

    async def ready(self, source: Any, wait: Callable[[Any], Awaitable[None]]) -> None:
        """Wait until a resource has something new."""
        pollable = self.own(source.subscribe())
        try:
            await wait(pollable)
        finally:
            self.drop(pollable)

    def read(self) -> bytes:
        return _at_once(self._read(_block))

    async def read_async(self) -> bytes:
        return await self._read(_in_loop)

    async def _read(self, wait: Callable[[Any], Awaitable[None]]) -> bytes:
        try:
            chunk = await self.chunk(_READ, wait)
        except _LostError as lost:
            await self._ask_again(lost.problem, wait)
            chunk = await self.chunk(_READ, wait)
        self._given += len(chunk)
        self._sum = zlib.crc32(chunk, self._sum)
        return chunk

    async def chunk(self, length: int, wait: Callable[[Any], Awaitable[None]]) -> bytes:
        """The next bytes of the body, b"" at its end."""
        while self._stream is not None:
            try:
                if wait is _block:
                    chunk: bytes = self._stream.blocking_read(length)
                else:
                    await self.ready(self._stream, wait)
                    chunk = self._stream.read(length)
            except Err as error:
                problem = None
                if not isinstance(error.value, host.StreamError_Closed):
                    problem = self._broken(error.value.value)
                self.close()
                if problem is not None:
                    raise problem from None
                return b""
            if chunk:
                return chunk
        return b""

    def _broken(self, error: Any) -> HttpError | _LostError:
        """Why the body ends early. `error` is a resource of the host."""
        try:
            text = error.to_debug_string()
            code = host.http_error_code(error)
            if code is not None:
                problem = failure(self._asked, code)
            else:
                problem = HttpConnectionError(self._asked.method, self._asked.url, text)
                problem.phase = "receive"
            return _LostError(problem) if _LOST in text else problem
        finally:
            _drop(error)

    async def _ask_again(self, problem: HttpError, wait: Callable[[Any], Awaitable[None]]) -> None:
        """Send the request once more and read its response up to where the lost one ended."""
        if not isinstance(self._asked.body, bytes):
            raise problem
        again = await _exchange(self._asked, wait)
        skipped = checksum = 0
        try:
            while skipped < self._given and (chunk := await again.chunk(self._given - skipped, wait)):
                skipped += len(chunk)
                checksum = zlib.crc32(chunk, checksum)
            if (again.status, skipped, checksum) != (self.status, self._given, self._sum):
                raise problem
        except BaseException as error:
            again.close()
            if isinstance(error, _LostError):
                raise problem from None
            raise
        self._owned, again._owned = again._owned, []  # noqa: SLF001
        self._stream, again._stream = again._stream, None  # noqa: SLF001

    def close(self) -> None:
        self._stream = None
        while self._owned:
            _drop(self._owned.pop())


def send(asked: Asked) -> Answer:
    """Send `asked` and block until the head of the response has arrived."""
    return _at_once(_exchange(asked, _block))


async def send_async(asked: Asked) -> Answer:
    """The same; other tasks run meanwhile."""
    return await _exchange(asked, _in_loop)


async def _exchange(asked: Asked, wait: Callable[[Any], Awaitable[None]]) -> Answer:
    answer = Answer(asked)
    try:
        future = await _started(asked, answer)
        while (result := future.get()) is None:
            await answer.ready(future, wait)
        answer.open(_response(asked, result))
    except BaseException:
        answer.close()
        raise
    return answer


def _at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits by blocking, and so never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("what blocks never suspends")


async def _block(pollable: Any) -> None:
    pollable.block()


async def _in_loop(pollable: Any) -> None:
    loop: Any = asyncio.get_running_loop()
    await loop.wait_for(pollable)


async def _started(asked: Asked, answer: Answer) -> Any:
    """Hand the request over to the host, body and all; the future of its response."""
    headers = [(name, value) for name, value in asked.headers if name.lower() not in _NOT_OURS]
    request = answer.own(host.OutgoingRequest(host.Fields.from_list(headers)))
    request.set_method(_METHODS[asked.method]() if asked.method in _METHODS else host.Method_Other(asked.method))
    request.set_scheme(host.Scheme_Https() if asked.scheme == "https" else host.Scheme_Http())
    request.set_authority(asked.authority)
    request.set_path_with_query(asked.target)
    # A body that comes in pieces is written while the host has the request, so it is taken out of it before.
    body = answer.own(request.body()) if asked.body != b"" else None
    try:
        future = answer.own(host.handle(answer.give(request), _options(asked)))
    except Err as error:
        raise failure(asked, error.value) from None
    if body is not None:
        await _write(asked, body, answer)
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


async def _write(asked: Asked, body: Any, answer: Answer) -> None:
    stream = answer.own(body.write())
    try:
        if isinstance(asked.body, AsyncIterable):
            async for piece in asked.body:
                _put(stream, piece)
        else:
            for piece in (asked.body,) if isinstance(asked.body, bytes) else asked.body:
                _put(stream, piece)
    except Err as error:
        if not isinstance(error.value, (host.StreamError_Closed, host.StreamError_LastOperationFailed)):
            raise  # the user's own, from what gives the pieces
        # The server may answer before it has read everything: what it says arrives with the response.
        answer.drop(stream)
        answer.drop(body)
        return
    answer.drop(stream)
    try:
        host.OutgoingBody.finish(answer.give(body), None)
    except Err as error:
        raise failure(asked, error.value) from None


def _put(stream: Any, piece: bytes) -> None:
    for part in _parts(piece):
        stream.blocking_write_and_flush(part)


def _parts(piece: bytes) -> Iterator[bytes]:
    for start in range(0, len(piece), _WRITE):
        yield piece[start : start + _WRITE]


def _response(asked: Asked, result: Any) -> Any:
    """What `future.get` gave: a response, or the error that came in its place."""
    if isinstance(result, Err):
        raise HttpError(asked.method, asked.url, "the response was taken already")
    if isinstance(result.value, Err):
        raise failure(asked, result.value.value)
    return result.value.value


def _drop(resource: Any) -> None:
    resource.__exit__(None, None, None)
