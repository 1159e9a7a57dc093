"""Carries out what other processes ask of the workers that this one runs: interrupt, simulated crash.

They write a row into the table `control`; a thread looks for rows of this process's workers a few times a second. It
starts with the first worker that this process runs.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import StoreError
from durable_dsl.engine.signals import Interrupt, Restart

if TYPE_CHECKING:
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
        found = self._engine.running(worker)
        if found is None:
            return
        found.signal(Interrupt() if action == "interrupt" else Restart())
        self._engine.store.transaction(
            lambda connection: connection.execute("DELETE FROM control WHERE worker = ?", (worker,))
        )
