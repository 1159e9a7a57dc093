"""HTTP in a component: wasi:http, with the network and TLS done by the host.

Every resource is dropped by hand, see `exchanges`; the response is closed when its body has been read.

A response that a restart of the worker cut short, while other requests were done that must not be done again, cannot be
read on. By default a request that was cut off is sent again, so this one is, and its response is read on from where the
first one ended, if it begins with the same bytes.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

import durable_http_host as host

from durable_dsl.binding.exchanges import Exchange, close_abandoned, let_go
from durable_dsl.binding.http_failures import failure
from durable_dsl.binding.http_sending import Ended, begin, when_ready
from durable_dsl.errors import HttpConnectionError, HttpError
from durable_dsl.results import Err

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from durable_dsl.binding.http_exchange import Asked

T = TypeVar("T")

#: Bytes read at a time.
_READ = 65_536

#: In the words of the embedded engine, when a restart has cut a response short.
_LOST: Final = "when the worker was restarted"


class _LostError(Exception):
    """The response cannot be read on; `problem` is what the user gets if it is not asked for again."""

    def __init__(self, problem: HttpError) -> None:
        super().__init__(problem)
        self.problem = problem


class Answer:
    """A response whose head has arrived; see `Answered`."""

    def __init__(self, asked: Asked, exchange: Exchange, response: Any) -> None:
        self._asked = asked
        self._exchange = exchange
        #: How many bytes of the body were read, and their checksum.
        self._given = self._sum = 0
        exchange.own(response)
        self.status: int = response.status()
        fields = exchange.own(response.headers())
        self.headers: list[tuple[str, bytes]] = fields.entries()
        exchange.drop(fields)
        body = exchange.own(response.consume())
        self._stream = exchange.own(body.stream())

    def __del__(self) -> None:
        self._exchange.abandoned = True

    def read(self) -> bytes:
        return _at_once(self._read(_block))

    async def read_async(self) -> bytes:
        return await self._read(_in_loop)

    def close(self) -> None:
        self._stream = None
        self._exchange.leave()

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
                    await when_ready(self._exchange, self._stream, wait)
                    chunk = self._stream.read(length)
            except Err as error:
                ended = error.value
            else:
                if chunk:
                    return chunk
                continue
            problem = None if isinstance(ended, host.StreamError_Closed) else self._broken(ended.value)
            self._stream = None
            self._exchange.close()
            if problem is not None:
                raise problem
        return b""

    def _broken(self, error: Any) -> HttpError | _LostError:
        """Why the body ends early. `error` is a resource of the host."""
        text = error.to_debug_string()
        code = host.http_error_code(error)
        let_go(error)
        if code is not None:
            problem = failure(self._asked, code)
        else:
            problem = HttpConnectionError(self._asked.method, self._asked.url, text)
            problem.phase = "receive"
        return _LostError(problem) if _LOST in text else problem

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
        except _LostError:
            raise problem from None
        if (again.status, skipped, checksum) != (self.status, self._given, self._sum):
            again.close()
            raise problem
        self._exchange, again._exchange = again._exchange, self._exchange  # noqa: SLF001
        self._stream, again._stream = again._stream, None  # noqa: SLF001


def send(asked: Asked) -> Answer:
    """Send `asked` and block until the head of the response has arrived."""
    return _at_once(_exchange(asked, _block))


async def send_async(asked: Asked) -> Answer:
    """The same; other tasks run meanwhile."""
    return await _exchange(asked, _in_loop)


async def _exchange(asked: Asked, wait: Callable[[Any], Awaitable[None]]) -> Answer:
    close_abandoned()
    exchange = Exchange()
    try:
        future = await begin(asked, exchange, wait)
        while (result := future.get()) is None:
            await when_ready(exchange, future, wait)
        response = _response(asked, result)
    except Ended as ended:
        problem = ended.problem
    except BaseException:
        exchange.abandoned = True
        raise
    else:
        return Answer(asked, exchange, response)
    # It ended by itself, and what is raised from here on says how.
    exchange.close()
    raise problem


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


def _response(asked: Asked, result: Any) -> Any:
    """What `future.get` gave: a response, or the error that came in its place."""
    if isinstance(result, Err):
        raise Ended(HttpError(asked.method, asked.url, "the response was taken already"))
    if isinstance(result.value, Err):
        raise Ended(failure(asked, result.value.value))
    return result.value.value
