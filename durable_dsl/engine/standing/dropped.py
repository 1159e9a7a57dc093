"""The beginning of an oplog that was dropped: what it amounted to stands for it, in a row of `dropped`.

Entry 1 stays, and of the others up to there only what results by key are answered from. Unlike what is kept in
`standing`, it cannot be made anew: where it is damaged, so is its worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import HistoryDropped
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.standing import form

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.oplog.store import Store
    from durable_dsl.engine.oplog.summary import Summary


@dataclass(frozen=True, slots=True)
class Dropped:
    """Entries 2 to `upto`; `archive` names the folder with their copies, where there are some.

    `reach` is the first entry that the worker can go back to: that of the snapshot which its history begins with, or of
    the success of the update that this was made for, since the build before has no history any more.
    """

    upto: int
    reach: int
    summary: Summary
    archive: str | None


def of(store: Store, worker: int) -> Dropped | None:
    """What was dropped of a worker's oplog; raises DamagedError."""
    row = store.select_one("dropped", "WHERE worker = ?", (worker,))
    if row is None:
        return None
    try:
        summary = form.decoded(row["folded"])
    except (ValueError, KeyError, TypeError) as error:  # of a later version
        raise store.damage(worker, row["idx"], "dropped") from error
    return Dropped(row["idx"], row["reach"], summary, row["archive"])


def put(connection: sqlite3.Connection, worker: int, summary: Summary, reach: int, archive: str | None) -> None:
    """Have `summary` stand for all entries that it comes from, in a transaction that is open."""
    row = {"worker": worker, "idx": summary.last, "reach": reach, "archive": archive}
    tables.insert(connection, "dropped", conflict="REPLACE", **row, folded=form.encoded(summary))


def copy(connection: sqlite3.Connection, worker: int, target: int) -> None:
    """Give `target`, a copy of `worker`, what stands for the dropped part; in a transaction that is open."""
    row = tables.one(connection, "dropped", "WHERE worker = ?", (worker,))
    if row is not None:
        tables.insert(connection, "dropped", **{**row, "worker": target})


def check_reach(connection: sqlite3.Connection, worker: int, name: str, index: int, what: str) -> None:
    """Raise HistoryDropped where `what` needs an entry that was dropped, or the snapshot after them taken back."""
    row = tables.one(connection, "dropped", "WHERE worker = ?", (worker,))
    if row is not None and index < row["reach"]:
        raise HistoryDropped(name, f"{what} {index}", row["idx"], row["reach"], row["archive"])
