"""One HTTP/1.1 exchange: a request sent and its response received, over a connection and in a thread of its own.

The guest's side hands over the request body, looks at what has come, and takes it; nothing there blocks. What has come
and is not taken yet is bounded: the thread stops reading. Whoever waits is notified at each change. Redirects are not
followed, contents are not decoded, and a connection is not used twice.

A body of unknown length is sent in chunks. So that a short one need not be, the head of the request is held back until
the body is finished, much of it is there, or the guest waits for the response (`release`).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import h11

from durable_dsl.engine.http.errors import ErrorCode, RequestFailed, error_code
from durable_dsl.engine.http.wire import PIECE, Waker, Wire, connect, tls_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from durable_dsl.engine.http.body import Pair, RequestBody

DEFAULT_SECONDS = 600.0
_WINDOW = 1 << 20  # how much of a response waits for the guest at most
_LARGEST_HEAD = 1 << 17
_MOST_BEFORE_HEAD = 1 << 20  # interim responses and the head; a server could send them for ever
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})


@dataclass(frozen=True, slots=True)
class Request:
    """What to send, where to, and how long to wait in each phase (seconds)."""

    method: str
    host: str
    port: int
    authority: str
    target: str
    secure: bool
    headers: tuple[Pair, ...] = ()
    body: RequestBody | None = None
    connect_timeout: float = DEFAULT_SECONDS
    first_byte_timeout: float = DEFAULT_SECONDS
    between_bytes_timeout: float = DEFAULT_SECONDS


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of a response; order and repeats of the headers are kept."""

    status: int
    headers: list[Pair] = field(default_factory=list)


class _GivenUp(Exception):  # noqa: N818 - nobody's error
    """The guest's side has closed the exchange."""


class Exchange:
    """Starts at once. `head` or `failure` is there once `answered`; both may come after one another."""

    def __init__(self, request: Request, notify: Callable[[], None]) -> None:
        self.head: Head | None = None
        self.failure: ErrorCode | None = None
        #: The headers after the body; None until the whole response is there.
        self.trailers: list[Pair] | None = None
        self._request = request
        self._notify = notify
        self._lock = threading.Lock()
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._keep = True  # the guest may still want the body
        self._given_up = False
        self._released = request.body is None
        self._waker = Waker()
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        self._unsent = bytearray()
        self._sent_all = False
        self._progress = 0.0  # when the server has last done something that it is waited for
        self._before_head = 0
        if request.body is not None:
            request.body.on_change = self._waker.wake
        name = f"durable-dsl {request.method} {request.authority}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    # The guest's side

    @property
    def answered(self) -> bool:
        return self.head is not None or self.failure is not None

    @property
    def unread(self) -> bool:
        """Whether something of the body has come and was not taken yet."""
        return self._size > 0

    @property
    def readable(self) -> bool:
        """Whether there is something of the body, or its end, or a failure."""
        return self.unread or self.ended or self.failure is not None

    @property
    def ended(self) -> bool:
        """Whether all of the response has come."""
        return self.trailers is not None

    def release(self) -> None:
        """The guest waits for the response: send what there is of the request."""
        if not self._released:
            self._released = True
            self._waker.wake()

    def read(self, length: int) -> bytes:
        """What has come of the body, at most so much; b"" where nothing has."""
        with self._lock:
            was_full = self._size >= _WINDOW
            data = bytearray()
            while self._pieces and len(data) < length:
                piece = self._pieces.popleft()
                wanted = length - len(data)
                if len(piece) > wanted:
                    self._pieces.appendleft(piece[wanted:])
                data += piece[:wanted]
            self._size -= len(data)
        if was_full:
            self._waker.wake()
        return bytes(data)

    def whole(self, limit: int) -> bytes | None:
        """All of the body, without taking it, if all has come and it is no larger than that."""
        with self._lock:
            return b"".join(self._pieces) if self.ended and self._size <= limit else None

    def skip_body(self) -> None:
        """The guest wants no more of the body, only what comes after it."""
        with self._lock:
            self._keep = False
            self._pieces.clear()
            self._size = 0
        self._waker.wake()

    def close(self) -> None:
        """Give it up; what has come stays readable."""
        self._given_up = True
        self._waker.wake()

    # The thread

    def _run(self) -> None:
        request = self._request
        try:
            tls = tls_context() if request.secure else None
            with connect(
                request.host, request.port, tls=tls, seconds=request.connect_timeout, waker=self._waker,
                going=self._check,
            ) as wire:  # fmt: skip
                self._converse(wire)
        except _GivenUp:
            self.failure = "connection-terminated"
        except Exception as error:  # noqa: BLE001 - the guest gets it, whatever it is
            self.failure = error_code(error)
        finally:
            if request.body is not None:
                request.body.discard()
            self._waker.close()
            self._notify()

    def _check(self) -> None:
        if self._given_up:
            raise _GivenUp
        if self._request.body is not None and self._request.body.broken:
            raise RequestFailed("HTTP-protocol-error")

    def _converse(self, wire: Wire) -> None:
        self._progress = time.monotonic()
        while not self.ended:
            self._check()
            moved = self._push(wire) | self._pull(wire)
            read = self._wants_more()
            patience = self._patience(read=read)
            if patience is not None and patience <= 0:
                self._too_slow()
            if moved:
                continue
            if not wire.wait(read=read, write=bool(self._unsent), seconds=patience):
                self._too_slow()
            if patience is None:  # it was the guest's turn, which is nobody's fault
                self._progress = time.monotonic()

    def _too_slow(self) -> NoReturn:
        raise RequestFailed("connection-write-timeout" if self._unsent else "connection-read-timeout")

    def _patience(self, *, read: bool) -> float | None:
        """How long to wait for the server now; None while it is the guest's turn."""
        request = self._request
        if self._unsent or (self.head is not None and read):
            seconds = request.between_bytes_timeout
        elif self.head is None and self._sent_all:
            seconds = request.first_byte_timeout
        else:
            return None
        return self._progress + seconds - time.monotonic()

    # Sending

    def _push(self, wire: Wire) -> bool:
        """Send what can be sent; whether something could."""
        if not self._unsent and not self._sent_all:
            self._refill()
        if not self._unsent:
            return False
        try:
            count = wire.send(self._unsent)
        except (BrokenPipeError, ConnectionResetError):  # the server wants no more; it may have answered before
            self._unsent.clear()
            self._sent_all = True
            if self._request.body is not None:
                self._request.body.discard()
                self._notify()
            return True
        del self._unsent[:count]
        if count > 0:
            self._progress = time.monotonic()
        return count > 0

    def _refill(self) -> None:
        """Put the next part of the request, head or body, among what is to be sent."""
        body = self._request.body
        if self._protocol.our_state is h11.IDLE:
            if body is not None and not (self._released or body.finished or body.waiting >= PIECE):
                return
            self._unsent += self._protocol.send(self._head()) or b""
        data = b""
        if body is not None:
            was_full = body.full
            data = body.take(PIECE)
            if was_full and not body.full:
                self._notify()
        if data:
            self._unsent += self._protocol.send(h11.Data(data=data)) or b""
        elif body is None or (body.finished and not body.waiting):
            trailers = _ascii(body.trailers) if body is not None else []
            self._unsent += self._protocol.send(h11.EndOfMessage(headers=trailers)) or b""
            self._sent_all = True

    def _head(self) -> h11.Request:
        request = self._request
        headers = [(b"host", request.authority.encode("ascii")), *_ascii(request.headers), (b"connection", b"close")]
        if not any(name.lower() == b"content-length" for name, _ in headers):
            headers += self._framing()
        return h11.Request(method=request.method, target=request.target, headers=headers)

    def _framing(self) -> list[tuple[bytes, bytes]]:
        """How the server is told where the body ends."""
        body = self._request.body
        if body is not None and not (body.finished and not body.trailers):
            return [(b"transfer-encoding", b"chunked")]
        length = body.waiting if body is not None else 0
        if length == 0 and self._request.method in _BODILESS:
            return []
        return [(b"content-length", str(length).encode())]

    # Receiving

    def _wants_more(self) -> bool:
        return self._size < _WINDOW or not self._keep

    def _pull(self, wire: Wire) -> bool:
        """Take what has come; whether something had."""
        if not self._wants_more():
            return False
        data = wire.receive()
        if data is None:
            return False
        if self.head is None:
            self._before_head += len(data)
            if not data:
                raise RequestFailed("connection-terminated")
            if self._before_head > _MOST_BEFORE_HEAD:
                raise RequestFailed({"HTTP-response-header-section-size": None})
        self._protocol.receive_data(data)
        changed = False
        while not self.ended:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                break
            changed |= self._take(event)
        if changed:
            self._notify()
        return True

    def _take(self, event: object) -> bool:
        match event:
            case h11.Response():
                self.head = Head(event.status_code, _pairs(event.headers))
            case h11.Data():
                with self._lock:
                    if self._keep:
                        self._pieces.append(bytes(event.data))
                        self._size += len(event.data)
            case h11.EndOfMessage():
                self.trailers = _pairs(event.headers)
            case _:  # an interim response, which is no progress: a server may send them for ever
                return False
        self._progress = time.monotonic()
        return True


def _ascii(pairs: tuple[Pair, ...]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.strip(b" \t")) for name, value in pairs]


def _pairs(headers: Iterable[tuple[bytes, bytes]]) -> list[Pair]:
    return [(name.decode("ascii"), bytes(value)) for name, value in headers]
