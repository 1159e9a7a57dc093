"""The body of a request between the guest, which writes it, and the thread that sends it.

It takes whatever the guest writes: how much room there is must not depend on the network, or a replay could take
another way than the first run did. What is not sent yet is in memory, and in a temporary file where it is much; where
it is very much, the guest waits in its write, which replay does not know.
In replay it waits there too, since the request may have to be sent again; what will never be sent is discarded.
"""

from __future__ import annotations

import tempfile
import threading
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_IN_MEMORY = 1 << 20
_FULL = 1 << 26

Pair = tuple[str, bytes]


class RequestBody:
    """First in, first out. Safe between two threads."""

    def __init__(self) -> None:
        #: Called after each change; set by whoever sends it.
        self.on_change: Callable[[], None] = _nobody
        self.finished = False
        #: The guest let go of it without finishing it.
        self.broken = False
        self.trailers: tuple[Pair, ...] = ()
        self._lock = threading.Lock()
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it lives as long as the body
        self._written = self._taken = 0
        self._discarded = False

    @property
    def waiting(self) -> int:
        """How many bytes are there to be sent."""
        return self._written - self._taken

    @property
    def full(self) -> bool:
        """Whether somebody sends it, but not as fast as the guest writes."""
        return self.waiting >= _FULL and self.on_change is not _nobody

    def write(self, data: bytes) -> None:
        with self._lock:
            if not self._discarded:
                self._file.seek(self._written)
                self._file.write(data)
                self._written += len(data)
        self.on_change()

    def take(self, limit: int) -> bytes:
        """The next bytes to be sent; b"" where there are none now."""
        with self._lock:
            if self._discarded or not self.waiting:
                return b""
            self._file.seek(self._taken)
            data = self._file.read(limit)
            self._taken += len(data)
            if self._taken == self._written:
                self._file.seek(0)
                self._file.truncate()
                self._written = self._taken = 0
            return data

    def finish(self, trailers: tuple[Pair, ...]) -> None:
        self.trailers = trailers
        self.finished = True
        self.on_change()

    def break_off(self) -> None:
        self.broken = not self.finished
        self.on_change()

    def discard(self) -> None:
        """Nothing of it will be sent any more."""
        with self._lock:
            self._discarded = True
            self._written = self._taken = 0
            self._file.close()


def _nobody() -> None:
    """Nobody sends it yet."""
