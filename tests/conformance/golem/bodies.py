"""The channel between an outgoing body and the connection: two pieces fit in, of at most 1 MiB each.

Live, the connection takes the pieces out as soon as it is made. A request that is replayed, or not yet handed over, has
nobody who takes anything: who waits for room there waits for ever, on a server without being stoppable.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from tests.conformance.golem.signals import Failed, Hung
from tests.conformance.golem.streams import BrokenError, ClosedError, OutputStream, Pollable, When, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conformance.golem.host import Host

CAPACITY = 2
BUDGET = 1 << 20

OPEN, FINISHED, ABORTED = "open", "finished", "aborted"


class Channel:
    """Pieces on their way; `declared` is the content-length, `end` how the guest has ended the body."""

    def __init__(self, declared: int | None) -> None:
        self.declared = declared
        self.pieces = self.written = self.taken = 0
        self.end = OPEN
        #: Somebody takes pieces out, or has done so and is gone.
        self.drained = self.gone = False
        self._pieces: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._tell: Callable[[], None] = lambda: None

    @property
    def full(self) -> bool:
        return len(self._pieces) >= CAPACITY

    def put(self, piece: bytes) -> None:
        with self._changed:
            self.pieces += 1
            self.written += len(piece)
            self._pieces.append(piece)
            self._changed.notify_all()

    def finish(self, how: str) -> None:
        with self._changed:
            self.end = how
            self._changed.notify_all()

    def drain(self, tell: Callable[[], None]) -> Iterator[bytes]:
        """For the connection's thread: the pieces as they come. `tell` is called when there is room again."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pieces or self.end != OPEN or self.gone)
                if self.gone or not self._pieces:
                    return
                piece = self._pieces.popleft()
                self.taken += len(piece)
            tell()
            yield piece

    def leave(self) -> None:
        """Nobody takes anything any more."""
        with self._changed:
            self.gone = True
            self._changed.notify_all()


class BodyWriter(OutputStream):
    """The stream of an outgoing body."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def room(self, host: Host) -> int:
        self._check(host)
        return 0 if self._channel.full else BUDGET

    def write(self, host: Host, data: bytes) -> None:
        channel = self._channel
        if channel.gone:
            raise ClosedError
        if channel.full or len(data) > BUDGET:
            raise Failed("write exceeded budget")
        channel.put(bytes(data))
        if channel.declared is not None and channel.written > channel.declared:
            raise BrokenError(f"{channel.written} bytes written where content-length is {channel.declared}")

    def flush(self, host: Host) -> None:
        if self._channel.gone:
            raise ClosedError

    def wait_for_room(self, host: Host) -> int:
        channel = self._channel
        if channel.pieces > 1:
            self._check(host)
        if channel.full:
            if not channel.drained:
                raise Hung(f"a body of {channel.written} bytes waits for room in a channel that nobody drains")
            wait_until(host, lambda: channel.gone or not channel.full, "room in the channel of a body")
        if channel.gone:
            raise ClosedError
        return BUDGET

    def subscribe(self) -> Pollable:
        channel = self._channel
        return When(lambda: channel.gone or not channel.full)

    def _check(self, host: Host) -> None:
        """Later servers let go of a body as soon as they have its whole content-length: who still asks then, fails.

        One piece is not yet on its way when its only write is flushed; of more, the last flush comes too late.
        """
        channel = self._channel
        if host.closes_whole_bodies and channel.drained and channel.written == channel.declared:
            wait_until(host, lambda: channel.gone or channel.taken == channel.declared, "the end of a body")
            raise BrokenError("the body has been taken whole")
        if channel.gone:
            raise ClosedError
