"""A connection to a server, plain or TLS, that never blocks: whoever waits for it can be woken from another thread."""

from __future__ import annotations

import errno
import functools
import os
import queue
import select
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from durable_dsl.engine.clock import LONGEST_WAIT
from durable_dsl.engine.http.errors import RequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 1 << 16
_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK})


class Waker:
    """Wakes the thread that waits on a wire."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._lock = threading.Lock()
        self._closed = False

    def fileno(self) -> int:
        return self._ours.fileno()

    def wake(self) -> None:
        with self._lock:
            if not self._closed:
                try:
                    self._theirs.send(b"\0")
                except BlockingIOError:  # it has enough of them to wake up
                    return

    def settle(self) -> None:
        """Forget what it was woken for."""
        try:
            while self._ours.recv(PIECE):
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._ours.close()
            self._theirs.close()


class Wire:
    """The connection of one exchange."""

    def __init__(self, connection: socket.socket, waker: Waker) -> None:
        self._socket = connection
        self._waker = waker

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def receive(self) -> bytes | None:
        """What has come, b"" where the server has closed its side; None if nothing has come yet."""
        try:
            return self._socket.recv(PIECE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """How much of it could be handed over."""
        try:
            return self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def wait(self, *, read: bool, write: bool, seconds: float | None) -> bool:
        """Wait until the connection is ready or somebody wakes us; False where the time is over."""
        interest = (select.POLLIN if read else 0) | (select.POLLOUT if write else 0)
        return _wait(self._socket, interest, self._waker, seconds)


def tls_context() -> ssl.SSLContext:
    """Verifies certificates and host names against the certificates that this machine trusts."""
    return _tls_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.lru_cache(maxsize=4)
def _tls_context(_file: str | None, _directory: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def connect(
    host: str, port: int, *, tls: ssl.SSLContext | None, seconds: float, waker: Waker, going: Callable[[], None]
) -> Wire:
    """Connect to the first address that answers. `going()` is asked after each wake, and raises to give up."""
    deadline = time.monotonic() + seconds
    addresses = _addresses(host, port, deadline)
    failure: OSError | None = None
    for at, (family, kind, protocol, _, address) in enumerate(addresses):
        left = deadline - time.monotonic()
        connection = socket.socket(family, kind, protocol)
        try:
            connection.setblocking(False)
            _connect(connection, address, left / (len(addresses) - at), waker, going)
            if family in {socket.AF_INET, socket.AF_INET6}:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                connection = _secured(connection, host, tls, deadline, waker, going)
            return Wire(connection, waker)
        except OSError as error:
            connection.close()
            if isinstance(error, ssl.SSLError):
                raise
            failure = error if failure is None or isinstance(error, ConnectionRefusedError) else failure
        except BaseException:
            connection.close()
            raise
    raise failure or RequestFailed("destination-not-found")


def _addresses(host: str, port: int, deadline: float) -> list[Any]:
    """Look the name up; the system's look-up cannot be interrupted, so it gets a thread that may be left behind."""
    answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # a name
    except UnicodeError as error:  # a label that no name can have
        raise socket.gaierror(socket.EAI_NONAME, "invalid name") from error

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            answers.put(error)

    threading.Thread(target=look_up, name=f"durable-dsl look-up {host}", daemon=True).start()
    try:
        answer = answers.get(timeout=min(max(0.0, deadline - time.monotonic()), LONGEST_WAIT))
    except queue.Empty:
        raise RequestFailed("DNS-timeout") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _connect(connection: socket.socket, address: Any, seconds: float, waker: Waker, going: Callable[[], None]) -> None:
    number = connection.connect_ex(address)
    deadline = time.monotonic() + seconds
    if number in _UNDER_WAY:
        while not _is_connected(connection):
            if not _wait(connection, select.POLLOUT, waker, deadline - time.monotonic()):
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            going()
        number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))


def _is_connected(connection: socket.socket) -> bool:
    """Whether connecting is over, with success or without."""
    poller = select.poll()
    poller.register(connection, select.POLLOUT)
    return bool(poller.poll(0))


def _secured(
    connection: socket.socket, host: str, tls: ssl.SSLContext, deadline: float, waker: Waker, going: Callable[[], None]
) -> ssl.SSLSocket:
    secured = tls.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False)
    try:
        while (interest := _handshake(secured)) is not None:
            if not _wait(secured, interest, waker, deadline - time.monotonic()):
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            going()
    except BaseException:
        secured.close()
        raise
    return secured


def _handshake(secured: ssl.SSLSocket) -> int | None:
    """Go on with it; what to wait for, or None when it is done."""
    try:
        secured.do_handshake()
    except ssl.SSLWantReadError:
        return select.POLLIN
    except ssl.SSLWantWriteError:
        return select.POLLOUT
    return None


def _wait(connection: socket.socket, interest: int, waker: Waker, seconds: float | None) -> bool:
    poller = select.poll()
    poller.register(waker, select.POLLIN)
    if interest:
        poller.register(connection, interest)
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = poller.poll(None if left is None else min(left, LONGEST_WAIT) * 1000)
        if ready or (left is not None and left <= LONGEST_WAIT):
            break
    if any(number == waker.fileno() for number, _ in ready):
        waker.settle()
    return bool(ready)
