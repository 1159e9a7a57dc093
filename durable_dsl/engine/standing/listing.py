"""All workers of a data directory with what their oplogs amount to, at one instant and in one query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import DamagedError
from durable_dsl.engine.oplog import checksums, tables
from durable_dsl.engine.oplog.connections import at_one_instant
from durable_dsl.engine.oplog.store import FAR
from durable_dsl.engine.oplog.summary import Summary
from durable_dsl.engine.oplog.tables import leniently, shown_name
from durable_dsl.engine.standing import form, reading
from durable_dsl.engine.standing.whole import summarize

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from durable_dsl.engine.oplog.store import Store

_ALL = """
    SELECT worker.id, worker.name, worker.component, worker.time, worker.crc, last.idx, last.time,
        standing.idx, standing.entry, standing.folder, standing.folded, standing.crc,
        CASE standing.idx WHEN last.idx THEN last.crc
            ELSE (SELECT crc FROM entry WHERE worker = worker.id AND idx = standing.idx) END
    FROM worker
    LEFT JOIN entry AS last ON last.worker = worker.id
        AND last.idx = (SELECT max(idx) FROM entry WHERE worker = worker.id)
    LEFT JOIN standing ON standing.worker = worker.id
    ORDER BY worker.name
"""
#: Entries that were read here, for all workers together, from which on they are kept for the next one who lists.
_WORTH = 4096
#: As many are read as they are; of more only those that tell something.
_FEW = 1024


@dataclass(slots=True)
class Listed:
    """A worker. `summary` is not there where its row, or what has to be read of its oplog, is damaged."""

    id: int
    name: str
    component: str
    #: When its last entry was written, in nanoseconds since 1970.
    changed: int
    #: The index of its last entry, as far as it can be read.
    last: int
    summary: Summary | None = None
    damage: DamagedError | None = None


def listed(store: Store) -> list[Listed]:
    """By name; those whose own row is damaged come last."""
    found, damaged = [], []
    behind: dict[int, Summary] = {}
    read = 0
    for row in store.reading(at_one_instant(_rows)):
        worker, name, component, _, crc, last, time, *kept = row
        end = last if isinstance(last, int) and 0 <= last < FAR else 0
        one = Listed(worker, name, component, time if isinstance(time, int) else 0, end)
        if checksums.of_row("worker", row[:4]) != crc:
            one.name, one.component = shown_name({"id": worker, "name": name}), str(component)
            one.damage = DamagedError(str(store.path), one.name, 0, "worker")
            damaged.append(one)
            continue
        found.append(one)
        begun = form.read(worker, *kept) or Summary()
        before = begun.last
        if before and before == last:
            one.summary = begun
            continue
        few = isinstance(last, int) and last - before < _FEW
        try:
            one.summary = (reading.continued(store, worker, begun) if few else None) or summarize(store, worker)
        except DamagedError as damage:
            one.damage = damage
            continue
        read += one.summary.last - before
        behind[worker] = one.summary
    if read >= _WORTH:
        reading.keep(store, behind)
    return found + damaged


def checked(store: Store) -> list[Listed]:
    """The same, with every entry read: what is kept of them is not believed."""
    found = listed(store)
    for one in found:
        try:
            if one.damage is None:
                one.summary = summarize(store, one.id)
                store.over(one.id, "", (), _count, without=one.summary.reverted)
        except DamagedError as damage:
            one.summary, one.damage = None, damage
    return found


def _count(rows: Iterator[Any]) -> int:
    return sum(1 for _ in rows)


def _rows(connection: sqlite3.Connection) -> list[Any]:
    return leniently(connection, lambda reading: reading.execute(_ALL).fetchall())


def wanting(store: Store) -> dict[str, str] | None:
    """What workers have stopped for the want of, by the owner of the grants; None where some row is damaged."""
    damaged: list[tables.Row] = []
    found = store.select("grants", damaged=damaged)
    return None if damaged else {row["owner"]: row["wants"] for row in found if row["wants"] is not None}
