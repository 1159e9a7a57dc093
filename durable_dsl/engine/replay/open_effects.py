"""What an instance has under way outside of it: requests that are open, and effects to be done on going live.

In replay an effect that has to be done again is put off: first comes the rest of the history. It is started when the
worker goes live, or earlier where a persist-nothing zone asks for its answer. When the instance ends, what is open
is given up. When the invocation ends, nothing that it has asked of others may depend on this process any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.oplog.log import Oplog


class Deferred(Protocol):
    """Something to be started on going live."""

    def start(self) -> None: ...


class Open(Protocol):
    """Something that is under way and can be given up."""

    def close(self) -> None: ...


class Asked(Protocol):
    """Something that another worker was asked for, and whose outcome nobody has waited for yet."""

    def hand_over(self, connection: sqlite3.Connection) -> None: ...

    def run_on(self) -> None: ...


class OpenEffects:
    """Kept by the host of one instance; used by the thread that runs it."""

    def __init__(self) -> None:
        self._deferred: list[Deferred] = []
        self._open: set[Open] = set()
        self._asked: list[Asked] = []
        self._live = False

    def defer(self, effect: Deferred) -> None:
        """Start it on going live; at once where that was just now, with the last entry that belongs to the effect."""
        if self._live:
            effect.start()
        else:
            self._deferred.append(effect)

    def withdraw(self, effect: Deferred) -> None:
        """It is started by other means, or no longer wanted."""
        if effect in self._deferred:
            self._deferred.remove(effect)

    def start_deferred(self) -> None:
        self._live = True
        deferred, self._deferred = self._deferred, []
        for effect in deferred:
            effect.start()

    def opened(self, one: Open) -> None:
        self._open.add(one)

    def closed(self, one: Open) -> None:
        self._open.discard(one)

    def asked(self, one: Asked) -> None:
        self._asked.append(one)

    def answered(self, one: Asked) -> None:
        if one in self._asked:
            self._asked.remove(one)

    @property
    def busy(self) -> bool:
        """Whether anything is open, put off, or asked for and not answered."""
        return bool(self._open or self._deferred or self._asked)

    def hand_over(self, log: Oplog) -> None:
        """The invocation ends: with its end, what it has asked for is on disk, for whoever runs it."""
        asked, self._asked = self._asked, []
        for one in asked:
            log.at_next_commit(one.hand_over)
        log.commit()
        for one in asked:
            one.run_on()

    def close(self) -> None:
        self._deferred.clear()
        self._asked.clear()
        opened, self._open = self._open, set()
        for one in opened:
            one.close()


class NotStarted(OpenEffects):
    """Of a replay on an instance that is thrown away: what is to be done again on going live is not done here."""

    def start_deferred(self) -> None:
        return
