"""The HTTP client: one request on a connection of its own, sent and received by a thread."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from typing import TYPE_CHECKING

from tests.conformance.golem.bodies import ABORTED
from tests.conformance.golem.streams import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conformance.golem.bodies import Channel

_CHUNK = 1 << 16
#: In this time what was sent has reached its server, in seconds.
_ARRIVES = 5.0


class Exchange:
    """A request that is under way. What arrives is told to `notify`."""

    def __init__(
        self,
        method: str,
        authority: str,
        target: str,
        headers: Sequence[tuple[str, bytes]],
        body: Channel | None,
        notify: Callable[[], None],
    ) -> None:
        self._request = (method, authority, target, headers)
        self._body = body
        self._notify = notify
        self.status = 0
        self.headers: list[tuple[str, bytes]] = []
        #: The error-code that came in place of a response, or of its rest.
        self.failure = ""
        self.answered = self.ended = False
        self._chunks = bytearray()
        self._changed = threading.Lock()
        self._head = threading.Event()
        self._socket: socket.socket | None = None
        if body is not None:
            body.drained = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def readable(self) -> bool:
        return bool(self._chunks) or self.ended

    def read(self, length: int) -> bytes:
        """At most `length` bytes of the body that are there now."""
        with self._changed:
            data = bytes(self._chunks[:length])
            del self._chunks[:length]
            return data

    def end(self) -> None:
        """Let go of it; what was sent whole has arrived by then, if it was not answered too."""
        whole = self._body is None or self._body.end == "finished"
        if whole:
            self._head.wait(_ARRIVES)
        if self._body is not None:
            self._body.leave()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._exchange()
        except ConnectionRefusedError:
            self.failure = "connection-refused"
        except (OSError, http.client.HTTPException):
            self.failure = "connection-terminated"
        finally:
            if self._body is not None:
                self._body.leave()
            self.answered = self.ended = True
            self._head.set()
            self._notify()

    def _exchange(self) -> None:
        method, authority, target, headers = self._request
        connection = http.client.HTTPConnection(authority, timeout=PATIENCE)
        connection.connect()
        self._socket = connection.sock
        with contextlib.closing(connection):
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", authority)
            for name, value in headers:
                connection.putheader(name, value)
            body = self._body
            chunked = body is not None and body.declared is None
            if chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            if body is not None:
                for piece in body.drain(self._notify):
                    connection.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if body.end == ABORTED or body.gone:
                    raise ConnectionAbortedError
                if chunked:
                    connection.send(b"0\r\n\r\n")
            response = connection.getresponse()
            self.status = response.status
            self.headers = [(name.lower(), value.encode("latin-1")) for name, value in response.getheaders()]
            self.answered = True
            self._head.set()
            self._notify()
            while chunk := response.read1(_CHUNK):
                with self._changed:
                    self._chunks += chunk
                self._notify()
