"""One HTTP exchange as both bindings see it: what is asked, and a response whose body is still to be read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, TypedDict, Unpack, cast
from urllib.parse import urlencode, urlsplit

from durable_dsl.binding.keys import key_of
from durable_dsl.policy import Duration, duration_ns

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

#: What is sent: at once, or in pieces as they come. Only an asynchronous request takes an asynchronous iterable.
Body: TypeAlias = bytes | Iterable[bytes] | AsyncIterable[bytes]


class Options(TypedDict, total=False):
    """What a request may be given besides method and URL."""

    #: Added to the query; a value may be a list.
    params: Mapping[str, Any]
    headers: Mapping[str, str] | Iterable[tuple[str, str]]
    #: The body, as a whole or in pieces; or `json`, any JSON value.
    content: str | Body
    json: Any
    #: Seconds, timedelta or text; for connecting, the first byte and between bytes, each.
    timeout: Duration
    #: Sent as the header of that name, by which a server knows a repeated request; True for a key that is made.
    idempotency_key: str | uuid.UUID | bool | None


class Timeouts(NamedTuple):
    """How long to wait for the connection, for the first byte and between bytes, in nanoseconds."""

    connect: int | None = None
    first_byte: int | None = None
    between_bytes: int | None = None


NO_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, ready to be sent: header names are in lower case, their values are bytes.

    `target` is path and query. `body` is b"" where there is none.
    """

    method: str
    url: str
    scheme: str
    authority: str
    target: str
    headers: Sequence[tuple[str, bytes]]
    body: Body
    timeouts: Timeouts = NO_TIMEOUTS


class Answered(Protocol):
    """A response whose head has arrived. `read` gives the next bytes, b"" at the end; `close` lets go of it."""

    status: int
    headers: list[tuple[str, bytes]]

    def read(self) -> bytes: ...
    async def read_async(self) -> bytes: ...
    def close(self) -> None: ...


def asked_of(method: str, url: str, **options: Unpack[Options]) -> Asked:
    """The request that a user asks for. Raises ValueError for one that makes no sense."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"not an http or https URL: {url!r}")
    headers = _header_pairs(options.get("headers", ()))
    body = _body(options, headers)
    query = "&".join(filter(None, (parts.query, urlencode(options.get("params", {}), doseq=True))))
    target = (parts.path or "/") + (f"?{query}" if query else "")
    authority = parts.netloc.rpartition("@")[2]
    key = options.get("idempotency_key")
    if key is True:
        key = key_of(method.upper(), f"{parts.scheme}://{authority}{target}", body if isinstance(body, bytes) else b"")
    if key:
        _default(headers, "idempotency-key", str(key))
    if body and isinstance(body, bytes):
        # Known beforehand, so nothing needs to be sent in chunks, which some servers do not take.
        _default(headers, "content-length", str(len(body)))
    timeout = duration_ns(options["timeout"], "timeout") if "timeout" in options else None
    return Asked(
        method=method.upper(),
        url=url,
        scheme=parts.scheme,
        authority=authority,
        target=target,
        headers=headers,
        body=body,
        timeouts=Timeouts(timeout, timeout, timeout),
    )


def _header_pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, bytes]]:
    pairs = cast("Iterable[tuple[str, str]]", headers.items() if isinstance(headers, Mapping) else headers)
    return [(name.lower(), value.encode("latin-1")) for name, value in pairs]


def _body(options: Options, headers: list[tuple[str, bytes]]) -> Body:
    if "json" in options:
        if "content" in options:
            raise ValueError("give content or json, not both")
        _default(headers, "content-type", "application/json")
        return json.dumps(options["json"], separators=(",", ":")).encode()
    content = options.get("content", b"")
    if isinstance(content, str):
        return content.encode()
    return bytes(content) if isinstance(content, (bytearray, memoryview)) else content


def _default(headers: list[tuple[str, bytes]], name: str, value: str) -> None:
    if all(given != name for given, _ in headers):
        headers.append((name, value.encode("latin-1")))
