"""What an instance has under way outside of it: requests that are open, and effects to be done on going live.

In replay an effect that has to be done again is put off: first comes the rest of the history. It is started when the
worker goes live, or earlier where a persist-nothing zone asks for its answer. When the instance ends, what is open
is given up.
"""

from __future__ import annotations

from typing import Protocol


class Deferred(Protocol):
    """Something to be started on going live."""

    def start(self) -> None: ...


class Open(Protocol):
    """Something that is under way and can be given up."""

    def close(self) -> None: ...


class Outstanding:
    """Kept by the host of one instance; used by the thread that runs it."""

    def __init__(self) -> None:
        self._deferred: list[Deferred] = []
        self._open: set[Open] = set()

    def defer(self, effect: Deferred) -> None:
        self._deferred.append(effect)

    def withdraw(self, effect: Deferred) -> None:
        """It is started by other means, or no longer wanted."""
        if effect in self._deferred:
            self._deferred.remove(effect)

    def start_deferred(self) -> None:
        deferred, self._deferred = self._deferred, []
        for effect in deferred:
            effect.start()

    def opened(self, one: Open) -> None:
        self._open.add(one)

    def closed(self, one: Open) -> None:
        self._open.discard(one)

    def close(self) -> None:
        self._deferred.clear()
        opened, self._open = self._open, set()
        for one in opened:
            one.close()
