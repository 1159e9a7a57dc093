"""A thread that looks after the workers of this process; it starts with the first one that is run.

It carries out what other processes ask of them (interrupt, simulated crash, release: a row in `control`), and lets go
of instances that nobody has used for a while, so that an idle worker costs nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import StoreError
from durable_dsl.engine.signals import Interrupt, Restart

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.api import Engine

_SECONDS = 0.1


def ask(engine: Engine, worker: int, action: str) -> None:
    """Ask the process that runs `worker`; returns at once."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR REPLACE INTO control VALUES (?, ?)", (worker, action))

    engine.store.transaction(work)


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
        store = self._engine.store
        version = -1
        while not self._closed.wait(_SECONDS):
            for worker in self._engine.opened_workers():
                worker.release_if_idle(self._engine.keep_idle)
            try:
                now = store.read_one("PRAGMA data_version")[0]
                if now == version:
                    continue
                version = now
                asked = store.read("SELECT worker, action FROM control")
            except StoreError:  # the workers' own accesses tell of it
                continue
            for worker, action in asked:
                self._carry_out(worker, action)

    def _carry_out(self, worker: int, action: str) -> None:
        if action == "release":
            opened = [one for one in self._engine.opened_workers() if one.id == worker]
            if not opened:
                return
            opened[0].release_if_idle(0)
        else:
            found = self._engine.running(worker)
            if found is None:
                return
            found.signal(Interrupt() if action == "interrupt" else Restart())
        self._engine.store.transaction(
            lambda connection: connection.execute("DELETE FROM control WHERE worker = ?", (worker,))
        )
