"""A thread that looks after the workers of this process; it starts with the first one that is run.

It carries out what other processes ask of them (`control.py`), and lets go of instances that nobody has used for a
while, so that an idle worker costs nothing. It has what is scheduled run, too.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import StoreError
from durable_dsl.engine.signals import Interrupt, Restart
from durable_dsl.engine.worker import control
from durable_dsl.engine.worker.updates import requests as update_requests

if TYPE_CHECKING:
    from durable_dsl.engine.worker.handle import Worker
    from durable_dsl.engine.worker.process import Process

_SECONDS = 0.1


class Watcher:
    """The thread of one engine; `close` ends it."""

    def __init__(self, engine: Process) -> None:
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


def look(engine: Process) -> None:
    """Do what is to be done now."""
    engine.idle.overdue(engine.keep_idle)
    waits: set[int] = set()
    for asked, worker, action in engine.store.read("SELECT id, worker, action FROM control ORDER BY id"):
        held = next((one for one in engine.opened_workers() if one.id == worker and one.held), None)
        if held is None or worker in waits:  # another process is asked; what comes first is not done yet
            continue
        if action.startswith("update "):
            update_requests.carry_out(held, asked, action)
        elif _carried_out(held, action):
            control.withdraw(engine, asked)
        else:
            waits.add(worker)
    engine.schedule.look()


def _carried_out(worker: Worker, action: str) -> bool:
    """False where it is to be tried again at the next look."""
    if action == "release":
        worker.release_for_others()
        return worker.make_known()
    if action.startswith("cancel "):
        worker.cancel(action.partition(" ")[2])
    else:
        worker.signal(Interrupt() if action == "interrupt" else Restart())
    return True
