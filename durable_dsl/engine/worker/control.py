"""What processes ask of each other: rows of `control`, carried out in order by the process that has the worker.

An interrupt, a simulated crash and a release are for what runs there now; an update or a cancellation is still wanted
by the next process that opens the worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.worker.process import Process

_STALE = "FROM control WHERE worker = ? AND action NOT LIKE 'update %' AND action NOT LIKE 'cancel %'"
_LAST = "SELECT id, action FROM control WHERE worker = ? ORDER BY id DESC LIMIT 1"
_OPEN = "SELECT action FROM control WHERE worker = ? ORDER BY id"


def ask(engine: Process, worker: int, action: str) -> int:
    """Ask the process that runs `worker`, after what it was asked before; returns at once, with the request's number.

    The same twice in a row is asked once.
    """

    def work(connection: sqlite3.Connection) -> int:
        last = connection.execute(_LAST, (worker,)).fetchone()
        if last is not None and last[1] == action:
            return int(last[0])
        asked = connection.execute("INSERT INTO control (worker, action) VALUES (?, ?)", (worker, action))
        return asked.lastrowid or 0

    return engine.store.transaction(work)


def is_open(engine: Process, asked: int) -> bool:
    """Whether what was asked for has not been carried out."""
    return engine.store.read_one("SELECT 1 FROM control WHERE id = ?", (asked,)) is not None


def asked_of(engine: Process, worker: int, prefix: str) -> list[str]:
    """What is asked of a worker that begins with that, in order."""
    return [action for (action,) in engine.store.read(_OPEN, (worker,)) if action.startswith(prefix)]


def withdraw(engine: Process, asked: int) -> None:
    """It is done, or not wanted any more."""
    engine.store.transaction(lambda connection: connection.execute("DELETE FROM control WHERE id = ?", (asked,)))


def request_release(engine: Process, worker: int) -> None:
    """Ask the process that holds an idle worker to let it go; what else was asked of it comes first."""
    ask(engine, worker, "release")


def forget(engine: Process, worker: int) -> None:
    """What was asked of `worker` was asked of a process that is gone; updates and cancellations are still wanted."""
    if engine.store.read_one(f"SELECT 1 {_STALE}", (worker,)) is not None:
        engine.store.transaction(lambda connection: connection.execute(f"DELETE {_STALE}", (worker,)))
