"""httpx on the host's HTTP, by its default transports: clients, authentication, redirects and cookies stay."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from durable_dsl.binding.http.exchange import Asked, Timeouts
from durable_dsl.binding.http.guest import send, send_async
from durable_dsl.errors import HttpConnectionError, HttpError, HttpInvalid, HttpTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from durable_dsl.binding.http.guest import Answer

__all__ = ["install"]


def install(httpx: Any) -> None:
    """Give httpx's transports their requests from the host; `httpx` is the package."""

    def translated(error: HttpError) -> Exception:
        if isinstance(error, HttpInvalid):
            return httpx.LocalProtocolError(str(error))  # type: ignore[no-any-return]
        timed_out = isinstance(error, HttpTimeout)
        kind = {
            "connect": httpx.ConnectTimeout if timed_out else httpx.ConnectError,
            "tls": httpx.ConnectError,
            "send": httpx.WriteTimeout if timed_out else httpx.WriteError,
        }.get(error.phase)
        if kind is None and timed_out:
            kind = httpx.ReadTimeout
        if kind is None:
            kind = httpx.RemoteProtocolError if _is_protocol(error) else httpx.ReadError
        return kind(str(error))  # type: ignore[no-any-return]

    class Stream(httpx.SyncByteStream):  # type: ignore[misc]
        """The body of a response."""

        def __init__(self, answer: Answer) -> None:
            self._answer = answer

        def __iter__(self) -> Iterator[bytes]:
            try:
                while piece := self._answer.read():
                    yield piece
            except HttpError as error:
                raise translated(error) from None

        def close(self) -> None:
            self._answer.close()

    class AsyncStream(httpx.AsyncByteStream):  # type: ignore[misc]
        """The same for `async for`."""

        def __init__(self, answer: Answer) -> None:
            self._answer = answer

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                while piece := await self._answer.read_async():
                    yield piece
            except HttpError as error:
                raise translated(error) from None

        async def aclose(self) -> None:
            self._answer.close()

    def asked_of(self: Any, request: Any) -> Asked:
        if self._proxy is not None:
            raise httpx.ProxyError("a component has no proxies: the host makes its connections")
        if request.url.scheme not in {"http", "https"}:
            raise httpx.UnsupportedProtocol(f"the URL is of an unknown scheme: {request.url.scheme!r}")
        try:
            content = request.content
        except httpx.RequestNotRead:
            content = request.stream
        return _asked(request, content)

    def response_of(answer: Answer, stream: Any) -> Any:
        headers = [(name.encode("latin-1"), value) for name, value in answer.headers]
        extensions = {"http_version": b"HTTP/1.1"}
        return httpx.Response(answer.status, headers=headers, stream=stream, extensions=extensions)

    def init(self: Any, *_asked: Any, retries: int = 0, proxy: Any = None, **_more: Any) -> None:
        """Certificates, pools and sockets are the host's; what is asked of them has no effect."""
        self._retries = retries
        self._proxy = proxy

    def handle(self: Any, request: Any) -> Any:
        asked = asked_of(self, request)
        for delay in (*_delays(self._retries), None):
            try:
                answer = send(asked)
            except HttpError as error:
                if delay is None or not _never_connected(error):
                    raise translated(error) from None
                time.sleep(delay)
            else:
                return response_of(answer, Stream(answer))
        raise AssertionError("the last try has no delay after it")

    async def handle_async(self: Any, request: Any) -> Any:
        asked = asked_of(self, request)
        for delay in (*_delays(self._retries), None):
            try:
                answer = await send_async(asked)
            except HttpError as error:
                if delay is None or not _never_connected(error):
                    raise translated(error) from None
                await asyncio.sleep(delay)
            else:
                return response_of(answer, AsyncStream(answer))
        raise AssertionError("the last try has no delay after it")

    def close(self: Any) -> None:
        """There is no pool: each exchange is let go of with its response."""

    async def aclose(self: Any) -> None:
        """As `close`."""

    def enter(self: Any) -> Any:
        return self

    async def aenter(self: Any) -> Any:
        return self

    def leave(self: Any, *_exception: object) -> None:
        close(self)

    async def aleave(self: Any, *_exception: object) -> None:
        await aclose(self)

    blocking, waiting = httpx.HTTPTransport, httpx.AsyncHTTPTransport
    blocking.__init__ = waiting.__init__ = init
    blocking.__enter__, blocking.__exit__, blocking.handle_request, blocking.close = enter, leave, handle, close
    waiting.__aenter__, waiting.__aexit__ = aenter, aleave
    waiting.handle_async_request, waiting.aclose = handle_async, aclose


def _asked(request: Any, content: Any) -> Asked:
    headers = [(name.decode("latin-1").lower(), value) for name, value in request.headers.raw]
    limits = request.extensions.get("timeout", {})
    read = _nanoseconds(limits.get("read"))
    # A stream without anything in it must not become a body: some servers refuse one with GET.
    sends = any(name == "transfer-encoding" or (name == "content-length" and value != b"0") for name, value in headers)
    return Asked(
        method=request.method,
        url=str(request.url),
        scheme=request.url.scheme,
        authority=request.url.netloc.decode("ascii"),
        target=request.url.raw_path.decode("ascii"),
        headers=headers,
        body=content if sends else b"",
        timeouts=Timeouts(_nanoseconds(limits.get("connect")), read, read),
    )


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e9)


def _never_connected(error: HttpError) -> bool:
    return error.phase == "connect" and isinstance(error, (HttpConnectionError, HttpTimeout))


def _is_protocol(error: HttpError) -> bool:
    return not isinstance(error, HttpConnectionError) or "incomplete" in error.reason


def _delays(retries: int) -> list[float]:
    """What httpcore waits between tries: nothing before the first, then 0.5 s, 1 s, 2 s …"""
    return [0.0 if number == 0 else 0.5 * 2 ** (number - 1) for number in range(retries)]
