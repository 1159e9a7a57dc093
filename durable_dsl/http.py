"""Durable HTTP: each response is recorded, and a recovery answers from the record instead of sending again.

    receipt = http.post("http://payments/charges", json={"cents": 450}, idempotency_key=key).raise_for_status().json()

Every function comes twice, blocking (`get`) and for `async def` (`aget`). In a component the host does the network and
TLS, and only to servers that it was told to allow. In plain Python the same calls go over the real network.

Requests of several tasks (`asyncio.gather`) go one after another in a component, for servers of Golem 1.x do not find
their way through requests that overlap. Inside `with atomic, non_idempotent:` they are under way at the same time; so
they are inside `with overlapping():`, which is for the embedded engine.

What a crash does to a request depends on the region it is in. By default a request that was cut off is sent again;
under `non_idempotent` it never is; inside an atomic region everything is done again. An `idempotency_key` lets the
server know a repeated request; `idempotency_key=True` makes one that is the same whenever this request is repeated.
Redirects are not followed: a redirect is a response like any other.
"""

from __future__ import annotations

import json as _json
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Unpack

from durable_dsl.binding.http.exchange import Asked, Options, asked_of
from durable_dsl.binding.http.overlaps import overlapping as _overlapping
from durable_dsl.errors import HttpStatusError

if sys.platform == "wasi":
    from durable_dsl.binding.http.guest import send, send_async
else:
    from durable_dsl.binding.http.native import send, send_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from durable_dsl.binding.http.exchange import Answered

__all__ = [
    "Response",
    "StreamedResponse",
    "adelete",
    "aget",
    "apatch",
    "apost",
    "aput",
    "arequest",
    "astream",
    "delete",
    "get",
    "overlapping",
    "patch",
    "post",
    "put",
    "request",
    "stream",
]


class _Head:
    """What a response says before its body."""

    def __init__(self, asked: Asked, answer: Answered) -> None:
        self._asked = asked
        self.status = answer.status
        #: All headers, names in lower case, in the order in which they came, repeats kept.
        self.header_list = [(name.lower(), value.decode("latin-1")) for name, value in answer.headers]
        #: The headers by lower-case name; a repeated one is joined by commas.
        self.headers: dict[str, str] = {}
        for name, value in self.header_list:
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    def _check(self) -> None:
        if not self.ok:
            raise HttpStatusError(self._asked.method, self._asked.url, f"status {self.status}", self.status)


class Response(_Head):
    """A whole response: `status`, `headers`, and the body as `content`, `text` or `json()`."""

    def __init__(self, asked: Asked, answer: Answered, content: bytes) -> None:
        super().__init__(asked, answer)
        self.content = content

    def __repr__(self) -> str:
        return f"<Response {self.status} {self._asked.method} {self._asked.url}>"

    @property
    def text(self) -> str:
        """The body as text, in the charset that the response names, else UTF-8."""
        _, _, charset = self.headers.get("content-type", "").partition("charset=")
        return self.content.decode(charset.split(";")[0].strip(' "') or "utf-8", errors="replace")

    def json(self) -> Any:
        """The body's JSON value. Raises ValueError if it is none."""
        return _json.loads(self.content)

    def raise_for_status(self) -> Response:
        """This response; HttpStatusError if its status is 400 or above."""
        self._check()
        return self


class StreamedResponse(_Head):
    """A response whose body comes in pieces: iterate over it, with `for` or `async for`."""

    def __init__(self, asked: Asked, answer: Answered) -> None:
        super().__init__(asked, answer)
        self._answer = answer

    def raise_for_status(self) -> StreamedResponse:
        """This response; HttpStatusError if its status is 400 or above."""
        self._check()
        return self

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._answer.read():
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._answer.read_async():
            yield chunk


def request(method: str, url: str, **options: Unpack[Options]) -> Response:
    """Send a request and give the whole response, whatever its status.

    Raises HttpConnectionError, HttpTimeout, HttpDenied or HttpError where there is no response, ValueError where the
    request makes no sense.
    """
    asked = asked_of(method, url, **options)
    answer = send(asked)
    try:
        return Response(asked, answer, b"".join(iter(answer.read, b"")))
    finally:
        answer.close()


async def arequest(method: str, url: str, **options: Unpack[Options]) -> Response:
    """As `request`; other tasks run meanwhile."""
    asked = asked_of(method, url, **options)
    answer = await send_async(asked)
    try:
        chunks = []
        while chunk := await answer.read_async():
            chunks.append(chunk)
        return Response(asked, answer, b"".join(chunks))
    finally:
        answer.close()


@contextmanager
def overlapping() -> Iterator[None]:
    """A block in which requests may overlap with others: for the embedded engine, and for who accepts what follows.

    A server of Golem 1.0 to 1.2 sends such requests again at each restart, and forgets what came after them, although
    their invocation was completed. The setting `overlapping-requests = true` does the same for a whole component.
    """
    token = _overlapping.set(True)
    try:
        yield
    finally:
        _overlapping.reset(token)


@contextmanager
def stream(method: str, url: str, **options: Unpack[Options]) -> Iterator[StreamedResponse]:
    """Send a request; the response's body is read as you iterate. It is closed when the block is left."""
    asked = asked_of(method, url, **options)
    answer = send(asked)
    try:
        yield StreamedResponse(asked, answer)
    finally:
        answer.close()


@asynccontextmanager
async def astream(method: str, url: str, **options: Unpack[Options]) -> AsyncIterator[StreamedResponse]:
    """As `stream`, for `async with` and `async for`."""
    asked = asked_of(method, url, **options)
    answer = await send_async(asked)
    try:
        yield StreamedResponse(asked, answer)
    finally:
        answer.close()


def get(url: str, **options: Unpack[Options]) -> Response:
    """`request("GET", …)`."""
    return request("GET", url, **options)


def post(url: str, **options: Unpack[Options]) -> Response:
    """`request("POST", …)`."""
    return request("POST", url, **options)


def put(url: str, **options: Unpack[Options]) -> Response:
    """`request("PUT", …)`."""
    return request("PUT", url, **options)


def patch(url: str, **options: Unpack[Options]) -> Response:
    """`request("PATCH", …)`."""
    return request("PATCH", url, **options)


def delete(url: str, **options: Unpack[Options]) -> Response:
    """`request("DELETE", …)`."""
    return request("DELETE", url, **options)


async def aget(url: str, **options: Unpack[Options]) -> Response:
    """`await arequest("GET", …)`."""
    return await arequest("GET", url, **options)


async def apost(url: str, **options: Unpack[Options]) -> Response:
    """`await arequest("POST", …)`."""
    return await arequest("POST", url, **options)


async def aput(url: str, **options: Unpack[Options]) -> Response:
    """`await arequest("PUT", …)`."""
    return await arequest("PUT", url, **options)


async def apatch(url: str, **options: Unpack[Options]) -> Response:
    """`await arequest("PATCH", …)`."""
    return await arequest("PATCH", url, **options)


async def adelete(url: str, **options: Unpack[Options]) -> Response:
    """`await arequest("DELETE", …)`."""
    return await arequest("DELETE", url, **options)
