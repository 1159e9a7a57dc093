"""HTTP in a component: wasi:http, with the network and TLS done by the host.

Every resource is dropped by hand, see `exchanges`; an exchange is closed when its body has been read. Whoever needs it
to be over before something else begins brings it there, see `overlaps`: each step of it can be taken by anybody.

A response that a restart of the worker cut short, while other requests were done that must not be done again, cannot be
read on. By default a request that was cut off is sent again, so this one is, and its response is read on from where the
first one ended, if it begins with the same bytes.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

import durable_http_host as host

from durable_dsl.binding.exchanges import Exchange, let_go
from durable_dsl.binding.http.failures import failure
from durable_dsl.binding.http.overlaps import in_the_way, overlapping, standing
from durable_dsl.binding.http.sending import Ended, begin, when_ready
from durable_dsl.binding.state import call
from durable_dsl.errors import HttpConnectionError, HttpError, RequestsOverlap
from durable_dsl.results import Err

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from durable_dsl.binding.http.exchange import Asked
    from durable_dsl.binding.http.overlaps import Standing

    Wait = Callable[[Any], Awaitable[None]]

T = TypeVar("T")

call.overlapping = host.OVERLAPPING

#: Bytes read at a time.
_READ: Final = 65_536

#: The most that is read of a response before anybody asks for it.
_MOST: Final = 64 << 20

#: In the words of the embedded engine, when a restart has cut a response short.
_LOST: Final = "when the worker was restarted"


class _LostError(Exception):
    """The response cannot be read on; `problem` is what the user gets if it is not asked for again."""

    def __init__(self, problem: HttpError) -> None:
        super().__init__(problem)
        self.problem = problem


class HttpExchange(Exchange):
    """A request, and what has come of it so far."""

    def __init__(self, asked: Asked, standing: Standing) -> None:
        super().__init__()
        self.asked = asked
        self.standing = standing
        self.status = 0
        self.headers: list[tuple[str, bytes]] = []
        #: How it ended, if not as it should.
        self.problem: HttpError | _LostError | None = None
        self._future: Any = None
        self._stream: Any = None
        #: What was read before it was asked for, and how much that is; how often anybody has read.
        self._kept: deque[bytes] = deque()
        self._size = self._reads = 0
        #: While its body is written: by which task, and who waits for that.
        self.giver = asyncio.current_task() if call.in_event_loop else None
        self._given_up_to: list[asyncio.Future[None]] | None = []

    async def hand_over(self, wait: Wait) -> None:
        """Give it to the host, body and all."""
        try:
            self._future = await begin(self.asked, self, wait)
        except Ended as ended:
            self._end(ended.problem)
        except BaseException:
            self.abandoned = True
            raise
        finally:
            self.giver = None
            waiting, self._given_up_to = self._given_up_to or [], None
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    async def head(self, wait: Wait) -> None:
        """Wait for the response, or for what comes in its place."""
        while self._future is not None:
            result = self._future.get()
            if result is None:
                await when_ready(self, self._future, wait)
            else:
                self._future = None
                self._arrive(result)

    async def read(self, length: int, wait: Wait) -> bytes:
        """The next bytes of the body, b"" at its end."""
        while not self._kept and self._stream is not None:
            await self._fetch(length, wait)
        if self._kept:
            chunk, rest = self._kept[0][:length], self._kept.popleft()[length:]
            if rest:
                self._kept.appendleft(rest)
            self._size -= len(chunk)
            return chunk
        problem, self.problem = self.problem, None
        if problem is not None:
            raise problem
        return b""

    def settle(self) -> None:
        _at_once(self.settle_with(_block))

    async def settle_with(self, wait: Wait) -> None:
        """Bring it to its end, with what it gives in memory."""
        if self._given_up_to is not None:
            if wait is _block or self.giver is asyncio.current_task():
                raise RequestsOverlap(self.asked.method, self.asked.url, "its body is still being sent")
            future = asyncio.get_running_loop().create_future()
            self._given_up_to.append(future)
            await future
        await self.head(wait)
        while self._stream is not None and not self.abandoned:
            await self._fetch(_READ, wait)
            if self._size > _MOST:
                reason = f"more than {_MOST >> 20} MiB of its response are still to be read"
                raise RequestsOverlap(self.asked.method, self.asked.url, reason)

    def close(self) -> None:
        self._future = self._stream = None
        super().close()

    def _end(self, problem: HttpError | _LostError | None) -> None:
        self.problem = problem
        self.close()

    def _arrive(self, result: Any) -> None:
        try:
            response = self.own(_response(self.asked, result))
        except Ended as ended:
            self._end(ended.problem)
            return
        self.status = response.status()
        fields = self.own(response.headers())
        self.headers = fields.entries()
        self.drop(fields)
        body = self.own(response.consume())
        self._stream = self.own(body.stream())

    async def _fetch(self, length: int, wait: Wait) -> None:
        """Read some of the body, unless somebody else has done so during the wait."""
        read, reads = "blocking_read", self._reads
        if wait is not _block:
            read = "read"
            await when_ready(self, self._stream, wait)
            if reads != self._reads or self._stream is None:
                return
        self._reads += 1
        try:
            chunk: bytes = getattr(self._stream, read)(length)
        except Err as error:
            self._end(None if isinstance(error.value, host.StreamError_Closed) else self._broken(error.value.value))
            return
        if chunk:
            self._kept.append(chunk)
            self._size += len(chunk)

    def _broken(self, error: Any) -> HttpError | _LostError:
        """Why the body ends early. `error` is a resource of the host."""
        text = error.to_debug_string()
        code = host.http_error_code(error)
        let_go(error)
        if code is not None:
            problem = failure(self.asked, code)
        else:
            problem = HttpConnectionError(self.asked.method, self.asked.url, text)
            problem.phase = "receive"
        return _LostError(problem) if _LOST in text else problem


class Answer:
    """A response whose head has arrived; see `Answered`."""

    def __init__(self, exchange: HttpExchange) -> None:
        self._exchange = exchange
        #: How many bytes of the body were read, and their checksum.
        self._given = self._sum = 0
        self.status = exchange.status
        self.headers = exchange.headers

    def __del__(self) -> None:
        self._exchange.abandoned = True

    def read(self) -> bytes:
        return _at_once(self._read(_block))

    async def read_async(self) -> bytes:
        return await self._read(_in_loop)

    def close(self) -> None:
        self._exchange.leave()

    async def _read(self, wait: Wait) -> bytes:
        chunk, problem = b"", None
        try:
            chunk = await self._exchange.read(_READ, wait)
        except _LostError as lost:
            problem = lost.problem
        if problem is not None:
            self._exchange = await self._asked_again(problem, wait)
            chunk = await self._exchange.read(_READ, wait)
        self._given += len(chunk)
        self._sum = zlib.crc32(chunk, self._sum)
        return chunk

    async def _asked_again(self, problem: HttpError, wait: Wait) -> HttpExchange:
        """The request, sent once more, with its response read up to where the lost one ended."""
        asked = self._exchange.asked
        if not isinstance(asked.body, bytes):
            raise problem
        again = await _answered(asked, wait)
        skipped = checksum = 0
        try:
            while skipped < self._given and (chunk := await again.read(self._given - skipped, wait)):
                skipped += len(chunk)
                checksum = zlib.crc32(chunk, checksum)
        except _LostError:
            raise problem from None
        except BaseException:
            again.abandoned = True
            raise
        if (again.status, skipped, checksum) != (self.status, self._given, self._sum):
            again.close()
            raise problem
        return again


def send(asked: Asked) -> Answer:
    """Send `asked` and block until the head of the response has arrived."""
    return Answer(_at_once(_answered(asked, _block)))


async def send_async(asked: Asked) -> Answer:
    """The same; other tasks run meanwhile."""
    return Answer(await _answered(asked, _in_loop))


async def _answered(asked: Asked, wait: Wait) -> HttpExchange:
    """An exchange whose response has arrived."""
    exchange = await _begun(asked, wait)
    await exchange.hand_over(wait)
    try:
        await exchange.head(wait)
    except BaseException:
        exchange.abandoned = True
        raise
    if exchange.status == 0 and isinstance(exchange.problem, HttpError):
        # It ended by itself, and has been closed: this is not on the way of anything.
        raise exchange.problem
    return exchange


async def _begun(asked: Asked, wait: Wait) -> HttpExchange:
    """A new exchange, once nothing is in its way."""
    if wait is _block or overlapping.get() or call.overlapping:
        for exchange in in_the_way(standing()):
            exchange.settle()
        return HttpExchange(asked, standing())
    for exchange in in_the_way(standing()):
        if exchange.giver is asyncio.current_task():
            exchange.settle()  # which it refuses: the pieces of its body wait for this request
    async with _line:
        while (open_one := next(in_the_way(standing()), None)) is not None:
            await open_one.settle_with(wait)
        return HttpExchange(asked, standing())


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


#: The tasks whose requests wait until they may begin, in their order.
_line: Final = asyncio.Lock()


def _response(asked: Asked, result: Any) -> Any:
    """What `future.get` gave: a response, or the error that came in its place."""
    if isinstance(result, Err):
        raise Ended(HttpError(asked.method, asked.url, "the response was taken already"))
    if isinstance(result.value, Err):
        raise Ended(failure(asked, result.value.value))
    return result.value.value
