"""Accepted invocations that have not begun, on disk: whoever was told that one is accepted can rely on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.engine.oplog import tables

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.invocations.invocation import Invocation
    from durable_dsl.engine.oplog.store import Store


_BEGUN = (
    "EXISTS (SELECT 1 FROM entry WHERE entry.worker = queue.worker"
    " AND likelihood(entry.key = queue.key, 0.0001)"
    " AND kind = 'exported-function-invoked')"
)
_WAITING = f"WHERE worker = ? AND NOT {_BEGUN} ORDER BY id"
_OUTLIVED = f"SELECT 1 FROM queue WHERE worker = ? AND {_BEGUN} LIMIT 1"  # noqa: S608
_TIDY = f"DELETE FROM queue WHERE worker = ? AND {_BEGUN}"  # noqa: S608

_HOLDS = (
    "SELECT 1 FROM queue WHERE worker = ? AND key = ? UNION ALL SELECT 1 FROM schedule WHERE worker = ? AND key = ?"
)
_TAKE_BACK = (
    "DELETE FROM {0} WHERE worker = ? AND key = ? AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.worker = {0}.worker"
    " AND likelihood(entry.key = {0}.key, 0.0001) AND kind = 'exported-function-invoked')"
)


def insert(connection: sqlite3.Connection, worker: int, job: Invocation) -> None:
    """Put an invocation into the queue of `worker`, in a transaction that is open."""
    asked = {"worker": worker, "function": job.export.name, "request": job.request, "key": job.key}
    tables.insert(connection, "queue", conflict="IGNORE", **asked)


def remove(connection: sqlite3.Connection, worker: int, job: Invocation) -> None:
    """Take out one that begins, in the transaction that writes that it began or in a later one."""
    for table in ("queue", "schedule"):  # what was scheduled is in both
        connection.execute(f"DELETE FROM {table} WHERE worker = ? AND key = ?", (worker, job.key))  # noqa: S608 - fixed


class Queue:
    """The queue of one worker, in order of acceptance."""

    def __init__(self, store: Store, worker: int) -> None:
        self._store = store
        self._worker = worker

    def add(self, job: Invocation) -> None:
        """On disk when this returns."""
        self._store.transaction(lambda connection: insert(connection, self._worker, job))
        job.queued = True

    def remove(self, key: str) -> None:
        """Take one out that will never begin."""
        self._store.transaction(
            lambda connection: connection.execute("DELETE FROM queue WHERE worker = ? AND key = ?", (self._worker, key))
        )

    def take_back(self, key: str) -> bool:
        """Take one out that has not begun, also where it is only scheduled; False where it has, or is not there."""

        def work(connection: sqlite3.Connection) -> bool:
            taken = 0
            for table in ("queue", "schedule"):  # what was scheduled may be in both
                taken += connection.execute(_TAKE_BACK.format(table), (self._worker, key)).rowcount
            return taken > 0

        return self._store.transaction(work)

    def holds(self, key: str) -> bool:
        """Whether one is there, or scheduled; it may have begun."""
        of = (self._worker, key)
        return self._store.read_one(_HOLDS, (*of, *of)) is not None

    def tidy(self) -> None:
        """Remove rows that have outlived the beginning of their invocation."""
        if self._store.read(_OUTLIVED, (self._worker,)):
            self._store.transaction(lambda connection: connection.execute(_TIDY, (self._worker,)))

    def load(self) -> list[tuple[str, str, str]]:
        """Function, request and key of each that has not begun, in order.

        A row may outlive the beginning of its invocation; what has begun is in the oplog.
        """
        found = self._store.select_of("queue", self._worker, _WAITING, (self._worker,))
        return [(row["function"], row["request"], row["key"]) for row in found]
