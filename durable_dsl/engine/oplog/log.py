"""The oplog of one worker that this process runs: index assignment, the memory buffer, commits.

Index assignment and appending happen under one lock; commits are serialised, so the file always holds a prefix. An
entry that was not committed is lost with the process and only then: a trap of the guest does not lose it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, TypeVar

from durable_dsl.engine.oplog.entries import Entry, Jump, NoOp, Revert

if TYPE_CHECKING:
    from durable_dsl.engine.clock import Clock
    from durable_dsl.engine.oplog.store import Store, Written

T = TypeVar("T")
#: Something done in a transaction.
Effect: TypeAlias = Callable[[sqlite3.Connection], T]


class Ends(NamedTuple):
    """How far a log goes: its last entry, the last that is not a hint, and the last that counts as progress.

    Progress is a recorded call or a closed region, outside deleted regions: what a retry cannot undo.
    """

    last: int
    action: int
    progress: int


class Keeper(Protocol):
    """Who keeps what the log amounts to, so that nobody has to read all of it."""

    def keeps(self, rows: list[Written]) -> Effect[None] | None:
        """What is to be done in the transaction that writes these rows, which come next; mostly nothing."""
        ...

    def written(self, rows: list[Written]) -> None:
        """They are on disk, and so is what was done with them."""
        ...


#: Bounds the memory of a guest that records much and commits nothing. No rule depends on it.
BUFFER_LIMIT = 4096


class Oplog:
    """Appends and commits entries; reading is the store's and the cursor's business."""

    def __init__(self, store: Store, worker: int, clock: Clock, ends: Ends) -> None:
        self.store = store
        self.probe = store.probe
        self.worker = worker
        self.last = self.committed = ends.last
        self.last_action = ends.action
        self.last_progress = ends.progress
        #: Called before a non-hint entry is added: the guest has gone on, which settles what its output meant.
        self.on_progress: Callable[[Entry], None] | None = None
        self.keeper: Keeper | None = None
        self._clock = clock
        self._buffer: list[tuple[int, int, Entry]] = []
        self._being_written: list[tuple[int, int, Entry]] = []
        self._effects: list[Effect[None]] = []
        self._lock = threading.Lock()
        self._committing = threading.Lock()

    def append(self, entry: Entry) -> int:
        """Add `entry` to the buffer and return its index."""
        hint = entry.hint
        if not hint and self.on_progress is not None:
            self.on_progress(entry)
        with self._lock:
            self.last = index = self.last + 1
            if not hint:
                self.last_action = index
                if entry.progress:
                    self.last_progress = index
            self._buffer.append((index, self._clock.now(), entry))
        if self.probe is not None:
            self.probe.added(self.worker, index, entry)
        if len(self._buffer) >= BUFFER_LIMIT:
            self.commit()
        return index

    def time(self) -> int:
        """What an entry that is added now is dated; nanoseconds since 1970."""
        return self._clock.now()

    @property
    def ends(self) -> Ends:
        """How far the log goes now."""
        return Ends(self.last, self.last_action, self.last_progress)

    def withdraw(self, ends: Ends) -> None:
        """Take back what was added since the log went as far as `ends`; not where that is on disk already."""
        with self._lock:
            if ends.last >= self.committed:
                self._buffer = [entry for entry in self._buffer if entry[0] <= ends.last]
                self.last, self.last_action, self.last_progress = ends

    def take_back(self, ends: Ends) -> None:
        """Have nothing come of what was added since the log went as far as `ends`, be it on disk or not."""
        self.withdraw(ends)
        if self.last != ends.last:
            self.append(Revert(ends.last + 1, self.last))
            self.commit()

    def append_jump(self, start: int) -> Jump:
        """Delete everything from `start` to the jump itself; committed."""
        if self.on_progress is not None:
            self.on_progress(Jump(start, start))
        with self._lock:
            self.last = self.last_action = index = self.last + 1
            jump = Jump(start, index)
            self._buffer.append((index, self._clock.now(), jump))
        if self.probe is not None:
            self.probe.added(self.worker, index, jump)
        self.commit()
        return jump

    def commit(self) -> None:
        """Write what is in the buffer; returns when it is on disk."""
        if self._buffer:
            with self._committing:
                with self._lock:
                    taken, self._buffer = self._buffer, []
                    self._being_written = taken
                    effects, self._effects = self._effects, []
                try:
                    entries, rows = self.store.prepared(self.worker, taken)
                    kept = self.keeper.keeps(rows) if self.keeper is not None else None
                    done = effects if kept is None else [*effects, kept]
                    self.store.transaction(_all(entries, done) if done else entries)
                    if self.keeper is not None:
                        self.keeper.written(rows)
                except BaseException:
                    with self._lock:
                        self._buffer[:0] = taken
                        self._effects[:0] = effects
                        self._being_written = []
                    raise
                self._being_written = []
                if taken:  # by somebody else, meanwhile
                    self.committed = taken[-1][0]
            if self.probe is not None:
                self.probe.committed(self.worker, self.committed)

    def append_with_effect(self, effect: Effect[T], entry_of: Callable[[T], Entry]) -> T:
        """Do something in the database and add the entry that tells its outcome, in one transaction."""
        if self.on_progress is not None:
            self.on_progress(NoOp())
        with self._committing, self._lock:
            index, now = self.last + 1, self._clock.now()
            entries, rows = self.store.prepared(self.worker, self._buffer)
            buffered = _all(entries, self._effects)

            def work(connection: sqlite3.Connection) -> tuple[T, list[Written]]:
                buffered(connection)
                outcome = effect(connection)
                told, telling = self.store.prepared(self.worker, [(index, now, entry_of(outcome))])
                told(connection)
                return outcome, telling

            outcome, telling = self.store.transaction(work)
            if self.keeper is not None:
                self.keeper.written(rows + telling)
            self._buffer, self._effects = [], []
            self.last = self.last_action = self.last_progress = self.committed = index
        if self.probe is not None:
            self.probe.committed(self.worker, index)
        return outcome

    def at_next_commit(self, effect: Effect[None]) -> None:
        """Have something done in the transaction that commits the entries added so far."""
        with self._lock:
            self._effects.append(effect)

    def uncommitted(self) -> list[tuple[int, int, Entry]]:
        """What is not on disk for certain: the buffer, and what is being written now."""
        with self._lock:
            return [*self._being_written, *self._buffer]


def _all(entries: Effect[None], effects: list[Effect[None]]) -> Effect[None]:
    """Writing the entries, and then the effects, as one piece of work."""

    def work(connection: sqlite3.Connection) -> None:
        entries(connection)
        for effect in effects:
            effect(connection)

    return work
