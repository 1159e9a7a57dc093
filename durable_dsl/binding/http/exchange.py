"""One HTTP exchange as both bindings see it: what is asked, and a response whose body is still to be read."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias, TypedDict, Unpack, cast
from urllib.parse import urlencode, urlsplit

from durable_dsl.binding.keys import key_of
from durable_dsl.errors import HttpInvalid
from durable_dsl.policy import Duration, duration_ns

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence
    from typing import NoReturn

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


_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_TARGET: Final = re.compile(r"[!-~]*")


_BODY_OPTION: Final = "content, or as JSON in json"


def asked_of(method: str, url: str, **options: Unpack[Options]) -> Asked:
    """The request that a user asks for.

    Raises HttpInvalid for one that makes no sense, ValueError for such options, TypeError for unknown ones.
    """
    unknown = next((name for name in options if name not in Options.__annotations__), None)
    if unknown is not None:
        meant = f"; the body goes in {_BODY_OPTION}" if unknown in {"data", "body", "files"} else ""
        known = ", ".join(sorted(Options.__annotations__))
        raise TypeError(f"a request has no option {unknown!r}{meant}. It has {known}")
    method = method.upper()
    try:
        parts = urlsplit(url)
        port, name = parts.port, parts.hostname or ""
        if not name.isascii():
            name = name.encode("idna").decode()
    except (ValueError, LookupError) as error:
        raise HttpInvalid(method, url, str(error)) from None
    if parts.scheme not in {"http", "https"} or not name:
        raise HttpInvalid(method, url, f"not an http or https URL: {url!r}")
    if any(character <= " " or character == "\x7f" for character in url):
        raise HttpInvalid(method, url, f"spaces and control characters have to be percent-encoded: {url!r}")
    headers = _header_pairs(method, url, options.get("headers", ()))
    body = _body(options, headers)
    query = "&".join(filter(None, (parts.query, urlencode(options.get("params", {}), doseq=True))))
    target = (parts.path or "/") + (f"?{query}" if query else "")
    authority = f"[{name}]" if ":" in name else name
    if port is not None:
        authority += f":{port}"
    key = options.get("idempotency_key")
    if key is True:
        key = key_of(method, f"{parts.scheme}://{authority}{target}", body if isinstance(body, bytes) else b"")
    if key:
        _default(headers, "idempotency-key", str(key))
    if body and isinstance(body, bytes):
        # Known beforehand, so nothing needs to be sent in chunks, which some servers do not take.
        _default(headers, "content-length", str(len(body)))
    timeout = duration_ns(options["timeout"], "timeout") if "timeout" in options else None
    asked = Asked(
        method=method,
        url=url,
        scheme=parts.scheme,
        authority=authority,
        target=target,
        headers=headers,
        body=body,
        timeouts=Timeouts(timeout, timeout, timeout),
    )
    check(asked)
    return asked


def check(asked: Asked) -> None:
    """Raise HttpInvalid for a request that a host would refuse without a word."""

    def refuse(reason: str, part: str) -> NoReturn:
        raise HttpInvalid(asked.method, asked.url, reason, part)

    if not _TOKEN.fullmatch(asked.method):
        refuse(f"{asked.method!r} is no method", "method")
    if not _TARGET.fullmatch(asked.target):
        refuse(f"what is no ASCII has to be percent-encoded: {asked.target!r}", "url")
    for name, value in asked.headers:
        if not _TOKEN.fullmatch(name):
            refuse(f"{name!r} is no name of a header", "header")
        if not _VALUE.fullmatch(value) or (name.lower() == "content-length" and not value.strip().isdigit()):
            refuse(f"{value!r} is no value of the header {name}", "header")
    length = declared_length(asked)
    if length is not None and isinstance(asked.body, bytes) and length != len(asked.body):
        raise wrong_length(asked, f"{len(asked.body)}")


def declared_length(asked: Asked) -> int | None:
    """The content-length of the request, if it has one."""
    values = [value for name, value in asked.headers if name.lower() == "content-length"]
    return int(values[0]) if values else None


def wrong_length(asked: Asked, length: str) -> HttpInvalid:
    """What is said of a body that has another length than its header says."""
    reason = f"its content-length is {declared_length(asked)}, but its body has {length} bytes"
    return HttpInvalid(asked.method, asked.url, reason, "body")


def _header_pairs(
    method: str, url: str, headers: Mapping[str, str] | Iterable[tuple[str, str]]
) -> list[tuple[str, bytes]]:
    pairs = cast("Iterable[tuple[str, str]]", headers.items() if isinstance(headers, Mapping) else headers)
    try:
        return [(name.lower(), value.encode("latin-1")) for name, value in pairs]
    except UnicodeEncodeError as error:
        raise HttpInvalid(method, url, f"a header has characters beyond Latin-1: {error.object!r}", "header") from None


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
