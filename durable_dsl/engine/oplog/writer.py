"""One writer per database file: what several workers commit at the same time shares one flush.

A thread that wants something written writes it itself if nobody is writing; so a lone worker never hands over and
never waits. Whoever finds the writer busy puts its work in the queue and waits; when the transaction is done, the first
one in the queue writes all that has gathered, in its own thread.

With several workers the group would split into two that take turns, each waiting for the other's flush. So a writer
gives the companions of the last flush a moment to come back, a fraction of what a flush costs; not where there were
none, and ever more seldom where none came.
"""

from __future__ import annotations

import sqlite3
import threading
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
_SHARE = 0.6  # how much of the last flush's duration a writer waits for companions
_LEAST, _MOST = 50e-6, 5e-3
_CLOSING = 2.0  # seconds that whoever writes is given to come to an end
CLOSED = "Cannot operate on a closed database."  # as the module sqlite3 says it


class OneStatement:
    """Work that is one statement: alone, it needs no transaction around it, for SQLite makes one of it."""

    __slots__ = ("row", "statement")

    def __init__(self, statement: str, row: Sequence[Any]) -> None:
        self.statement = statement
        self.row = row

    def __call__(self, connection: sqlite3.Connection) -> None:
        connection.execute(self.statement, self.row)


class _Ticket:
    """One piece of work in the queue. `turn` is released when it is done, or when it shall write itself."""

    __slots__ = ("chosen", "done", "error", "result", "turn", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        self.work = work
        self.done = False
        self.chosen = False  # to write next
        self.result: Any = None
        self.error: BaseException | None = None
        self.turn = threading.Lock()
        self.turn.acquire()


class Writer:
    """Runs pieces of work in transactions on one connection; `run` returns when its work is on disk."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._mutex = threading.Lock()
        self._arrived = threading.Condition(self._mutex)
        self._queue: list[_Ticket] = []
        self._busy = False
        self._expected = 0  # how many shared the last flush or came during it
        self._flush_seconds = 0.0
        self._skip = self._penalty = 0
        self._awaited = 0
        self._closed = False
        #: Called inside each transaction just before it is committed; benchmarks slow the flush down with it.
        self.before_commit: Callable[[], None] | None = None

    def close(self) -> None:
        """Close the connection, once nobody uses it: SQLite's Python module crashes where another thread still does.

        What comes later is refused, as by a closed connection.
        """
        with self._mutex:
            if self._closed:
                return
            self._closed = True
        deadline = perf_counter() + _CLOSING
        while True:
            with self._mutex:
                if not self._busy:
                    self._busy = True  # whoever comes now is sent to the queue, which refuses
                    break
            if perf_counter() > deadline:
                return
            sleep(0.001)
        self._cursor.close()  # a statement that failed would keep the connection's files open
        self._connection.close()

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction, alone or with others; what it raises, and only that, is raised here."""
        with self._mutex:
            alone = not self._busy and self._expected <= 1
            if alone:
                self._busy = True
        if not alone:
            return self._share(work)
        started = perf_counter()
        try:
            if self.before_commit is None and isinstance(work, OneStatement):
                self._cursor.execute(work.statement, work.row)
                return None  # type: ignore[return-value]  # T is None there
            return self._attempt_alone(work)
        finally:
            self._flush_seconds = perf_counter() - started
            with self._mutex:  # pass the role on to whoever came meanwhile
                self._expected = 1 + len(self._queue)
                following = self._following()
            if following is not None:
                following.turn.release()

    def _share(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Put the work into the queue, and see it written with what else is there."""
        ticket = _Ticket(work)
        with self._mutex:
            if self._closed:
                raise sqlite3.ProgrammingError(CLOSED)
            self._queue.append(ticket)
            writes = not self._busy
            self._busy = True
            if self._awaited and len(self._queue) >= self._awaited:
                self._arrived.notify()
        if not writes:
            try:
                ticket.turn.acquire()
            except BaseException:  # Ctrl-C
                self._give_up(ticket)
                raise
        if not ticket.done:
            self._write()
        if ticket.error is not None:
            raise ticket.error
        result: T = ticket.result
        return result

    def _give_up(self, ticket: _Ticket) -> None:
        """Take back work that is still in the queue; the role must not be lost with it."""
        with self._mutex:
            if ticket not in self._queue:
                return
            self._queue.remove(ticket)
            if not ticket.chosen:
                return
            following = self._following()
        if following is not None:
            following.turn.release()

    def _following(self) -> _Ticket | None:
        """Who gets the role now (holding the mutex)."""
        following = self._queue[0] if self._queue else None
        self._busy = following is not None
        if following is not None:
            following.chosen = True
        return following

    def _write(self) -> None:
        """Write all that is queued, the caller's own ticket among it, and pass the role on."""
        with self._mutex:
            if self._expected > 1:
                self._gather()
            group, self._queue = self._queue, []
        started = perf_counter()
        try:
            self._transact(group)
        finally:
            self._flush_seconds = perf_counter() - started
            with self._mutex:
                self._expected = len(group) + len(self._queue)
                following = self._following()
            for ticket in group:
                ticket.done = True
                ticket.turn.release()
            if following is not None:
                following.turn.release()

    def _gather(self) -> None:
        """Give those who shared the last flush a moment to come back (holding the mutex, which waiting gives up)."""
        if self._skip:
            self._skip -= 1
            return
        present = len(self._queue)
        self._awaited = self._expected
        deadline = perf_counter() + min(max(self._flush_seconds * _SHARE, _LEAST), _MOST)
        while len(self._queue) < self._awaited:
            left = deadline - perf_counter()
            if left <= 0 or not self._arrived.wait(left):
                break
        self._awaited = 0
        if len(self._queue) > present:
            self._penalty = 0
        else:
            self._penalty = min(2 * self._penalty + 1, 63)
            self._skip = self._penalty

    def _transact(self, group: list[_Ticket]) -> None:
        try:
            self._attempt(group)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that it belongs to
            if len(group) == 1:
                group[0].error = error
                return
            for ticket in group:  # one piece of bad work must not take the others with it
                try:
                    self._attempt([ticket])
                except BaseException as own:  # noqa: BLE001 - raised in the thread that it belongs to
                    ticket.error = own

    def _attempt(self, group: list[_Ticket]) -> None:
        def all_of_it(connection: sqlite3.Connection) -> None:
            for ticket in group:
                ticket.result = ticket.work(connection)

        self._attempt_alone(all_of_it)

    def _attempt_alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            result = work(self._connection)
            if self.before_commit is not None:
                self.before_commit()
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        return result
