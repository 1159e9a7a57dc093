"""Dropping the entries of a worker that a snapshot stands for.

First, in one transaction, what they amounted to is put in their place; from then on nobody reads them, so a process
that is killed later leaves entries that are of no use, and the next prune removes those. That is done a few at a time,
because others want to write meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import DamagedError
from durable_dsl.engine.oplog.entries import PendingUpdate, Snapshot
from durable_dsl.engine.replay import snapshots
from durable_dsl.engine.retention import archive, needs
from durable_dsl.engine.retention.policy import Dropping
from durable_dsl.engine.standing import dropped
from durable_dsl.engine.standing.whole import summarize

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from durable_dsl.engine.oplog.entries import Record
    from durable_dsl.engine.oplog.store import Store
    from durable_dsl.engine.oplog.summary import Summary

_AT_ONCE = 5_000  # entries that one transaction removes
_BASES = "AND idx BETWEEN ? AND ? AND kind IN ('snapshot', 'pending-update')"
_SETTLED = "SELECT min(idx) FROM entry WHERE worker = ? AND idx > ? AND kind = 'successful-update'"
_LEFT = "SELECT count(*) FROM entry WHERE worker = ? AND idx BETWEEN 2 AND ?"


def base(store: Store, worker: int, summary: Summary, before: int) -> int | None:
    """The newest usable snapshot that is older than a time: its entry, where the history may begin; None for none.

    Usable is one whose state is there and whole. Raises DamagedError.
    """
    if summary.snapshot is None:
        return None
    gone = dropped.of(store, worker)
    first = 2 if gone is None else gone.upto + 2
    updated = {one.index for one in summary.updates if one.status == "successful"}
    found = list(store.records(worker, _BASES, (first, summary.snapshot)))
    for record in reversed(found):
        old = record.time <= before and record.index not in summary.reverted
        if old and _is_usable(store, worker, record, updated):
            return record.index
    return None


def _is_usable(store: Store, worker: int, record: Record, updated: set[int]) -> bool:
    if isinstance(record.entry, PendingUpdate):
        return record.entry.mode == "snapshot-based" and record.index in updated
    assert isinstance(record.entry, Snapshot)
    if record.entry.size is None:
        return True
    try:
        snapshots.saved_at(store, worker, record.index)
    except DamagedError:
        return False
    return True


def _reach(store: Store, worker: int, begins: int) -> int:
    """The first entry that the worker can go back to, when its history begins there."""
    (record,) = store.records(worker, "AND idx = ?", (begins,))
    return int(store.read_one(_SETTLED, (worker, begins))[0]) if isinstance(record.entry, PendingUpdate) else begins


def drop(
    store: Store, worker: int, name: str, begins: int, keys: needs.Keys, folder: Path | None, *, dry_run: bool
) -> Dropping:
    """Have the history begin at the snapshot of entry `begins`; for the holder of the lease. Raises DamagedError.

    Where a folder is given, the entries are there, on disk, before any is dropped. Raises StoreError.
    """
    upto = begins - 1
    keeps = needs.kept_entries(store, worker, upto, keys)
    done = Dropping(name, there(store, worker, upto) - len(keeps), upto)
    if dry_run:
        return done
    summary = summarize(store, worker, upto)
    gone = dropped.of(store, worker)
    copies = None if gone is None else gone.archive
    if folder is not None:
        archive.write(store, worker, name, folder, 1 if gone is None else gone.upto + 1, upto, summary.deleted)
        copies = str(folder)
    summary = replace(summary, last=upto)
    reach = _reach(store, worker, begins)
    store.transaction(lambda connection: dropped.put(connection, worker, summary, reach, copies))
    remove(store, worker, upto, keeps)
    return replace(done, archive=copies)


def there(store: Store, worker: int, upto: int) -> int:
    """How many of the entries 2 to `upto` there are."""
    (count,) = store.read_one(_LEFT, (worker, upto))
    return int(count)


def remove(store: Store, worker: int, upto: int, keeps: set[int]) -> int:
    """Remove the entries of the dropped part but for those that are kept; how many there were."""
    removed = 0
    for first in range(2, upto + 1, _AT_ONCE):
        last = min(first + _AT_ONCE - 1, upto)
        staying = ", ".join(str(index) for index in range(first, last + 1) if index in keeps)
        remains = f" AND idx NOT IN ({staying})" if staying else ""
        query = f"DELETE FROM entry WHERE worker = ? AND idx BETWEEN ? AND ?{remains}"  # noqa: S608 - numbers

        def work(connection: sqlite3.Connection, query: str = query, place: Any = (worker, first, last)) -> int:
            return connection.execute(query, place).rowcount

        removed += store.transaction(work)
    return removed


def loose(store: Store, worker: int) -> None:
    """Remove the states of snapshots that were dropped."""
    store.transaction(
        lambda connection: connection.execute(
            "DELETE FROM snapshot WHERE worker = ?1 AND idx <= (SELECT idx FROM dropped WHERE worker = ?1)", (worker,)
        )
    )
