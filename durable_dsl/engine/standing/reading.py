"""What the oplog of a worker on disk amounts to, from what is kept of it and the entries since.

Entries before that are not read again: whether one of them is damaged is found by whoever reads it. Where nothing is
kept that counts, the whole oplog is read, and what that took long for is kept.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import DamagedError, StoreError
from durable_dsl.engine.oplog.regions import Regions
from durable_dsl.engine.oplog.summary import UNKNOWN, Fold, Summary
from durable_dsl.engine.standing import form
from durable_dsl.engine.standing.whole import last_progress, summarize, taken_back, told

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.oplog.store import Store

#: A reader that has read so many entries keeps what they amount to.
_WORTH = 4096
_KEPT = (
    "SELECT idx, entry, folder, folded, crc, (SELECT crc FROM entry WHERE worker = ? AND idx = standing.idx)"
    " FROM standing WHERE worker = ?"
)


def current(store: Store, worker: int) -> Summary:
    """Raises DamagedError where what has to be read is damaged."""
    kept = store.read_one(_KEPT, (worker, worker))
    begun = None if kept is None else form.read(worker, *kept)
    read = 0 if begun is None else begun.last
    found = None if begun is None else continued(store, worker, begun)
    if found is None:
        found, read = summarize(store, worker), 0
    if found.last - read >= _WORTH:
        keep(store, {worker: found})
    return found


def continued(store: Store, worker: int, begun: Summary) -> Summary | None:
    """With the entries since; None where these do not tell what came of it, or are damaged."""
    try:
        rows = told(store, worker, "AND idx > ?", (begun.last,))
        if any(row[0] != at or row[1] == "revert" for at, row in enumerate(rows, begun.last + 1)):
            return None
        fold = Fold(begun)
        fold.add(rows)
        found = fold.summary()
        if found.last_progress == UNKNOWN:
            found.last_progress = last_progress(store, worker, found.deleted)
    except (DamagedError, ValueError, KeyError, TypeError):  # reading all of it tells what that means
        return None
    return found


def keep(store: Store, summaries: dict[int, Summary]) -> None:
    """For the next reader; as far as that can be done, for who only reads may not be able to write."""

    def work(connection: sqlite3.Connection) -> None:
        for worker, summary in summaries.items():
            form.write(connection, worker, summary, form.encoded(summary))

    with suppress(StoreError):
        store.transaction(work)


def deleted_from(store: Store, worker: int) -> Regions:
    """What replay steps over, as far as that can be read."""
    with suppress(DamagedError):
        return current(store, worker).deleted
    with suppress(DamagedError):
        return taken_back(store, worker)
    return Regions()
