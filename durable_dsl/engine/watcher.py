"""A thread that looks after the workers of this process; it starts with the first one that is run.

It carries out what other processes ask of them (interrupt, simulated crash, update, cancel, release: a row in `control`
each, in the order in which they were asked for), and lets go of instances that nobody has used for a while, so that an
idle worker costs nothing. It has what is scheduled run, too.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from durable_dsl.engine import steering
from durable_dsl.engine.errors import StoreError
from durable_dsl.engine.signals import Interrupt, Restart

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.worker import Worker

_SECONDS = 0.1
_STALE = "FROM control WHERE worker = ? AND action NOT LIKE 'update %' AND action NOT LIKE 'cancel %'"
_LAST = "SELECT id, action FROM control WHERE worker = ? ORDER BY id DESC LIMIT 1"


def ask(engine: Engine, worker: int, action: str) -> int:
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


def is_open(engine: Engine, asked: int) -> bool:
    """Whether what was asked for has not been carried out."""
    return engine.store.read_one("SELECT 1 FROM control WHERE id = ?", (asked,)) is not None


def withdraw(engine: Engine, asked: int) -> None:
    """It is done, or not wanted any more."""
    engine.store.transaction(lambda connection: connection.execute("DELETE FROM control WHERE id = ?", (asked,)))


def request_release(engine: Engine, worker: int) -> None:
    """Ask the process that holds an idle worker to let it go; what else was asked of it comes first."""
    ask(engine, worker, "release")


def forget(engine: Engine, worker: int) -> None:
    """What was asked of `worker` was asked of a process that is gone; updates and cancellations are still wanted."""
    if engine.store.read_one(f"SELECT 1 {_STALE}", (worker,)) is not None:
        engine.store.transaction(lambda connection: connection.execute(f"DELETE {_STALE}", (worker,)))


class Watcher:
    """The thread of one engine; `close` ends it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="durable-dsl watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(_SECONDS):
            try:
                look(self._engine)
            except StoreError:  # the workers' own accesses tell of it
                pass
            except Exception as error:  # noqa: BLE001 - nobody else would hear of it, and it has more to look after
                self._engine.tell_once(f"warning: looking after workers failed: {type(error).__name__}: {error}")


def look(engine: Engine) -> None:
    """Do what is to be done now."""
    engine.idle.overdue(engine.keep_idle)
    waits: set[int] = set()
    for asked, worker, action in engine.store.read("SELECT id, worker, action FROM control ORDER BY id"):
        held = next((one for one in engine.opened_workers() if one.id == worker and one.held), None)
        if held is None or worker in waits:  # another process is asked; what comes first is not done yet
            continue
        if _carried_out(held, action):
            withdraw(engine, asked)
        else:
            waits.add(worker)
    engine.schedule.look()


def _carried_out(worker: Worker, action: str) -> bool:
    """False where it is to be tried again at the next look."""
    if action == "release":
        worker.release_for_others()
        return worker.make_known()
    if action.startswith("update "):
        steering.carry_out_update(worker, action)
    elif action.startswith("cancel "):
        worker.cancel(action.partition(" ")[2])
    else:
        worker.signal(Interrupt() if action == "interrupt" else Restart())
    return True
