"""http.client on the host's HTTP: urllib.request, urllib3 and what else stands on it work unchanged.

http.client writes a request to a socket and reads a response from it. Here a `Wire` stands in the socket's place: it
keeps what is written, and when the response is asked for, hands the request over to the host and reads back what an
HTTP/1.1 server would have sent. One wire is one exchange; TLS and the connection are the host's, and `ssl` is the
stand-in, which has to be installed before.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from durable_dsl.binding.http.exchange import Asked, Timeouts
from durable_dsl.binding.http.guest import Answer, send
from durable_dsl.errors import HttpConnectionError, HttpError, HttpInvalid

__all__ = ["Wire", "install"]

#: What a library's users expect in place of our error.
Translate: TypeAlias = Callable[[HttpError], Exception]

_END: Final = b"\r\n\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"
_LEFT_OUT: Final = frozenset({"connection", "keep-alive", "transfer-encoding"})
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class Wire:
    """A socket as far as http.client needs one."""

    def __init__(self, scheme: str, host: str, port: int, timeout: object, translate: Translate | None = None) -> None:
        self._scheme = scheme
        name = f"[{host}]" if ":" in host else host
        self._authority = name if port == {"http": 80, "https": 443}[scheme] else f"{name}:{port}"
        self._connect_ns = self._read_ns = _nanoseconds(timeout)
        self._translate = translate
        self._written: list[bytes] = []
        #: How many bytes are still to come before the request is whole; None where only its last chunk tells.
        self._missing: int | None = None
        self._outcome: Answer | HttpError | None = None

    def settimeout(self, timeout: object) -> None:
        self._read_ns = _nanoseconds(timeout)

    def setsockopt(self, *_asked: object) -> None:
        """There is no socket whose options could matter."""

    def shutdown(self, *_asked: object) -> None:
        """The exchange is let go of by whoever reads the response."""

    def sendall(self, data: Any) -> None:
        """Keep what is written. Without a `translate` of its own, a library expects a connection's errors from here."""
        data = bytes(data)
        self._written.append(data)
        if self._translate is None and self._is_whole(data):
            self._exchange()
            if isinstance(self._outcome, HttpInvalid) or (
                isinstance(self._outcome, HttpError) and self._outcome.phase in {"connect", "tls"}
            ):
                raise _as_is(self._outcome)

    def close(self) -> None:
        """Let go of a response that nobody has asked for; another one has the exchange."""
        if isinstance(self._outcome, Answer):
            self._outcome.close()

    def makefile(self, _mode: str = "rb", *_asked: object, **_more: object) -> io.BufferedReader:
        """The response, to be read; what was written is sent by now."""
        if self._outcome is None:
            self._exchange()
        outcome, self._outcome = self._outcome, None
        if isinstance(outcome, HttpError):
            raise (self._translate or _as_is)(outcome)
        assert outcome is not None
        return io.BufferedReader(_Response(outcome), 65_536)

    def _is_whole(self, data: bytes) -> bool:
        """Whether the request is whole now. http.client writes its head at once, and its last chunk by itself."""
        if len(self._written) == 1:
            self._missing = _body_length(data)
        elif self._missing is not None:
            self._missing -= len(data)
        return data == _LAST_CHUNK if self._missing is None else self._missing <= 0

    def _exchange(self) -> None:
        try:
            self._outcome = send(self._asked())
        except HttpError as error:
            self._outcome = error.with_traceback(None)

    def _asked(self) -> Asked:
        head, _, body = b"".join(self._written).partition(_END)
        self._written.clear()
        line, *rest = head.split(b"\r\n")
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = []
        for each in rest:
            name, _, value = each.partition(b":")
            headers.append((name.decode("latin-1").lower(), value.strip()))
        if any(name == "transfer-encoding" and b"chunked" in value.lower() for name, value in headers):
            body = _joined(body)
            headers.append(("content-length", str(len(body)).encode()))
        return Asked(
            method=method,
            url=f"{self._scheme}://{self._authority}{target}",
            scheme=self._scheme,
            authority=self._authority,
            target=target,
            headers=headers,
            body=body,
            timeouts=Timeouts(self._connect_ns, self._read_ns, self._read_ns),
        )


class _Response(io.RawIOBase):
    """What a server would have sent: the head as text, then the body as it comes."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        kept = [(name, value) for name, value in answer.headers if name.lower() not in _LEFT_OUT]
        self._has_length = any(name.lower() == "content-length" for name, _ in kept)
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, '')}".encode()]
        lines += [name.encode("latin-1") + b": " + value for name, value in kept]
        self._rest = memoryview(b"\r\n".join([*lines, b"connection: close"]) + _END)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            try:
                self._rest = memoryview(self._answer.read())
            except HttpConnectionError as error:
                if "incomplete" not in error.reason and not self._has_length:
                    raise
                if not self._has_length:
                    raise http.client.IncompleteRead(b"") from error
                # http.client knows how much is missing, and says so as it always does.
                self._rest = memoryview(b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self._answer.close()
        super().close()

    def _dealloc_warn(self, _source: object) -> None:
        """The buffer before it has gone, and is going to close it."""
        self._finalizing = True


def install() -> None:
    """Make http.client's connections wires."""
    http.client.HTTPConnection.connect = _connect  # type: ignore[method-assign]
    http.client.HTTPSConnection.connect = _connect_tls  # type: ignore[method-assign]
    # Where there is no response to be read, its finalizer looks for what it would be read from.
    http.client.HTTPResponse.fp = None  # type: ignore[assignment]
    # urllib3 would bind a socket to find that out, in the build, which freezes the handles that libc keeps of that.
    socket.has_ipv6 = False


def _connect(self: Any) -> None:
    self.sock = _wire(self, "http")


def _connect_tls(self: Any) -> None:
    self.sock = _wire(self, "https")


def _wire(connection: Any, scheme: str) -> Wire:
    if connection._tunnel_host:  # noqa: SLF001 - what set_tunnel() leaves behind
        raise OSError("a component has no proxies: the host makes its connections")
    return Wire(scheme, connection.host, connection.port, connection.timeout)


def _body_length(head: bytes) -> int | None:
    """How many bytes come after what is written with the head; None if they come in chunks."""
    lines, _, body = head.partition(_END)
    for line in lines.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length" and value.strip().isdigit():
            return int(value) - len(body)
        if name == b"transfer-encoding" and b"chunked" in value:
            return None
    return 0


def _as_is(error: HttpError) -> Exception:
    if isinstance(error, HttpInvalid):
        # As http.client itself says of what it refuses; it takes more than a host does.
        kinds = {"header": ValueError, "url": http.client.InvalidURL, "method": ValueError}
        return kinds.get(error.part, http.client.HTTPException)(str(error))
    if error.phase == "tls":
        return ssl.SSLError(str(error))
    return error


def _nanoseconds(timeout: object) -> int | None:
    """None for no time-out, and for the object by which socket means the default, which is none."""
    return round(timeout * 1e9) if isinstance(timeout, (int, float)) else None


def _joined(chunked: bytes) -> bytes:
    """A body without the marks of its chunks."""
    pieces = []
    while chunked:
        size, _, rest = chunked.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if not length:
            break
        pieces.append(rest[:length])
        chunked = rest[length + 2 :]
    return b"".join(pieces)
