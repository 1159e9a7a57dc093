"""Data directories with many workers, or a long oplog, written through the store: running them would take hours."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from durable_dsl.engine.oplog.entries import (
    Create,
    Entry,
    Error,
    ExportedFunctionCompleted,
    ExportedFunctionInvoked,
    ImportedFunctionInvoked,
    Suspend,
)
from durable_dsl.engine.standing import reading

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from durable_dsl.engine.api import Engine

_AT_ONCE = 50_000  # entries of one transaction
_START, _STEP = 1_764_000_000_000_000_000, 1_000_000


def long_worker(engine: Engine, name: str, entries: int) -> None:
    """A worker whose oplog has so many entries, as invocations of three steps leave them."""
    first = engine.catalogue.create_worker(name, Create("long", 0), _START)
    rest = islice(enumerate(_invocations(), 2), entries - 1)
    while taken := [(index, _START + index * _STEP, entry) for index, entry in islice(rest, _AT_ONCE)]:
        engine.store.transaction(engine.store.writes(first.id, taken))
    reading.current(engine.store, first.id)  # keeps what it amounts to, as whoever runs the worker does


def many_workers(engine: Engine, count: int) -> None:
    """So many workers that were called once: every tenth has failed, and every tenth sleeps."""
    for start in range(0, count, 1_000):

        def work(connection: sqlite3.Connection, start: int = start) -> list[int]:
            return [_called(engine, connection, number) for number in range(start, min(start + 1_000, count))]

        made = engine.store.transaction(work)
        reading.keep(engine.store, {worker: reading.current(engine.store, worker) for worker in made})


def _called(engine: Engine, connection: sqlite3.Connection, number: int) -> int:
    worker = engine.catalogue.insert_worker(connection, f"order-{number:05}", Create("orders", 0), _START)
    assert worker is not None
    end: Entry = ExportedFunctionCompleted('{"ok":"charged"}')
    if number % 10 == 3:
        end = Error("ValueError", f"no stock of {number}", "Traceback (most recent call last):\n" * 10, 2, True)
    elif number % 10 == 7:
        end = Suspend(1_900_000_000_000_000_000)
    said = [*islice(_invocations(), 4), end]
    entries = [(index, _START + index * _STEP, entry) for index, entry in enumerate(said, 2)]
    engine.store.writes(worker, entries)(connection)
    return worker


def _invocations() -> Iterator[Entry]:
    number = 0
    while True:
        number += 1
        yield ExportedFunctionInvoked("place", f'[{{"id":"{number}","total":42}}]', f"key-{number}")
        for step in ("reserve", "charge", "send"):
            yield ImportedFunctionInvoked(step, f"[{number}]", f'"{step}-{number}"', "write-remote")
        yield ExportedFunctionCompleted('{"ok":"charged"}')
