"""Invocations that are to begin at a time: on disk until then, and put into their worker's queue when it has come.

Whichever process runs workers of the data directory then does it, or the next one that does. A row stays until its
invocation has begun, so that a crash on the way loses nothing; its key keeps it from being performed twice.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import DamagedError, EngineError, StoreError
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.remote.calls import run_queue

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.invocations.invocation import Invocation
    from durable_dsl.engine.worker.process import Process

_BEGUN = (
    "EXISTS (SELECT 1 FROM entry WHERE entry.worker = schedule.worker"
    " AND likelihood(entry.key = schedule.key, 0.0001)"
    " AND kind = 'exported-function-invoked')"
)
_QUEUED = "EXISTS (SELECT 1 FROM queue WHERE queue.worker = schedule.worker AND queue.key = schedule.key)"
_CANCEL = f"DELETE FROM schedule WHERE id = ? AND NOT {_QUEUED} AND NOT {_BEGUN}"  # noqa: S608 - fixed texts
_FORGET = f"DELETE FROM schedule WHERE worker = ? AND time <= ? AND {_BEGUN}"  # noqa: S608
_COMING = f"WHERE ? IN (worker, -1) AND NOT {_BEGUN} ORDER BY time, id"
_DUE = "WHERE worker = ? AND time <= ? ORDER BY time, id"


@dataclass(frozen=True, slots=True)
class Coming:
    """An invocation that has not begun; `time` is nanoseconds since 1970."""

    worker: str
    function: str
    key: str
    time: int


def insert(connection: sqlite3.Connection, worker: int, job: Invocation, time: int) -> int:
    """Schedule an invocation of `worker`, in a transaction that is open; what it is cancelled by."""
    asked = {"worker": worker, "function": job.export.name, "request": job.request, "key": job.key}
    number = tables.insert(connection, "schedule", conflict="REPLACE", **asked, time=time)
    assert number is not None
    return number


def cancel(connection: sqlite3.Connection, number: int) -> bool:
    """Take one back, in a transaction that is open; False if it is in its worker's queue, or was, or never there."""
    return bool(connection.execute(_CANCEL, (number,)).rowcount)


class Schedule:
    """What is scheduled in one data directory, as one process sees it."""

    def __init__(self, engine: Process) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._seen: set[int] = set()  # whose worker this process has been told to run

    def coming(self, worker: int | None = None) -> list[Coming]:
        """What has not begun, the next one first; of one worker, or of all."""
        store = self._engine.store
        every = (-1 if worker is None else worker,)
        found = store.select_of("schedule", -1 if worker is None else worker, _COMING, every)
        return [Coming(store.name_of(row["worker"]), row["function"], row["key"], row["time"]) for row in found]

    def fill_queue(self, worker: int) -> None:
        """Put what is due into the worker's queue, and forget what has begun."""
        store, due = self._engine.store, (worker, self._engine.clock.now())
        coming = store.select_of("schedule", worker, "WHERE worker = ?", (worker,))  # a damaged time would never come
        if not any(row["time"] <= due[1] for row in coming):
            return

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_FORGET, due)
            for row in tables.select(connection, "schedule", _DUE, due):
                asked = {column: row[column] for column in ("worker", "function", "request", "key")}
                tables.insert(connection, "queue", conflict="IGNORE", **asked)

        store.transaction(work)

    def run_due(self) -> None:
        """Have the workers run whose time has come; returns when what they do is in their hands."""
        for worker in self._take():
            if self._closed:
                return
            name = self._engine.store.name_of(worker)
            try:
                run_queue(self._engine.reach(name))
            except EngineError as error:
                if isinstance(error, StoreError) and not isinstance(error, DamagedError):
                    raise
                self._engine.tell_once(f"warning: worker {name}: what was scheduled for it cannot be run: {error}")

    def look(self) -> None:
        """`run_due`, in a thread, if there is something to do."""
        if self._unseen() and not (self._thread is not None and self._thread.is_alive()):
            self._thread = threading.Thread(target=self._run_in_thread, name="durable-dsl schedule", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Nothing begins from now on; for when nobody calls `look` any more."""
        self._closed = True
        if self._thread is not None:
            self._thread.join()

    def _run_in_thread(self) -> None:
        with suppress(StoreError):  # the engine was closed, or the workers' own accesses tell of it
            self.run_due()

    def _unseen(self) -> list[tuple[int, int]]:
        found = self._engine.store.read(
            "SELECT id, worker FROM schedule WHERE time <= ? ORDER BY time, id", (self._engine.clock.now(),)
        )
        return [(number, worker) for number, worker in found if number not in self._seen]

    def _take(self) -> list[int]:
        """The workers that have something due of which this process did not know, in the order of its times."""
        with self._lock:
            found = self._unseen()
            self._seen.update(number for number, _ in found)
        return list(dict.fromkeys(worker for _, worker in found))
