"""A worker's state as bytes: calling the functions of a component that save and load it, and where it is kept.

The state that an update by snapshot carries over stands in its oplog entry. What is saved between invocations stands in
a row of its own, for it may be large, and only the newest counts: two are kept, the older one for where the newer is
damaged.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.oplog.entries import PendingUpdate, Snapshot
from durable_dsl.engine.replay.host import SMART
from durable_dsl.engine.replay.retries import RetryPolicy

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.oplog.store import Store
    from durable_dsl.engine.replay.host import Host
    from durable_dsl.engine.replay.session import Session

SAVE, LOAD = "golem:api/save-snapshot#save", "golem:api/load-snapshot#load"
_AT = "WHERE worker = ? AND idx = ?"


def save(session: Session) -> bytes:
    """The state of the worker; raises UnknownExport where its build cannot save one."""
    saved: bytes = session.unrecorded(session.component.resolve(SAVE), [])
    return saved


def load(session: Session, index: int) -> None:
    """Give the build of `session` the state that entry `index` stands for; raises DamagedError where it is not there.

    Raises UsageError where the build refuses it.
    """
    log = session.host.log
    record = next(log.store.records(log.worker, "AND idx = ?", (index,)))
    if isinstance(record.entry, PendingUpdate):
        give(session, base64.b64decode(record.entry.snapshot or ""), index if record.entry.replays else None)
        return
    assert isinstance(record.entry, Snapshot)
    if record.entry.size is not None:
        give(session, saved_at(log.store, log.worker, index), index)
    restore_modes(session.host, record.entry.modes)


def give(session: Session, data: bytes, index: int | None) -> None:
    """Have the build take over the state of entry `index`; raises UsageError where it refuses it.

    What it calls meanwhile is recorded behind that entry: the seed of its random numbers, say, must be the same at the
    next start. Without an index it is performed each time.
    """
    export = session.component.resolve(LOAD)
    outcome: dict[str, Any] = (
        session.unrecorded(export, [data]) if index is None else session.recorded(export, [data], index)
    )
    if "err" in outcome:
        raise UsageError(f"load-snapshot refused the snapshot: {outcome['err']}")


# What the host keeps of a worker beside its memory


def modes_of(host: Host) -> dict[str, Any] | None:
    """The modes that an earlier invocation has set and left; None where all are as they are at first."""
    modes: dict[str, Any] = {}
    if host.level != SMART:
        modes["level"] = host.level
    if not host.idempotent:
        modes["idempotent"] = False
    if host.policy is not None:
        modes["policy"] = host.policy.to_wit()
    return modes or None


def restore_modes(host: Host, modes: dict[str, Any] | None) -> None:
    """Set what `modes_of` gave."""
    for name, value in (modes or {}).items():
        if name == "level":
            host.set_level(value)
        elif name == "idempotent":
            host.idempotent = value
        else:
            host.policy = RetryPolicy.from_wit(value)


# The rows


def saved_at(store: Store, worker: int, index: int) -> bytes:
    """The state that entry `index` stands for; raises DamagedError where it is damaged, or not there."""
    row = next(iter(store.select("snapshot", _AT, (worker, index))), None)
    if row is None:
        raise store.damage(worker, index, "snapshot")
    data: bytes = row["data"]
    return data


def put(connection: sqlite3.Connection, worker: int, index: int, data: bytes, *, beside: int | None) -> None:
    """Keep a state, that of entry `beside`, and no other of this worker; in a transaction that is open."""
    others = "DELETE FROM snapshot WHERE worker = ? AND idx IS NOT ?"
    connection.execute(others, (worker, beside))
    tables.insert(connection, "snapshot", worker=worker, idx=index, data=data)


def copy(connection: sqlite3.Connection, worker: int, target: int, last: int) -> None:
    """Give `target` a copy of what there is of another worker's, up to an entry; a damaged one stays behind."""
    damaged: list[tables.Row] = []
    rows = tables.select(connection, "snapshot", "WHERE worker = ? AND idx <= ?", (worker, last), damaged=damaged)
    for row in list(rows):
        tables.insert(connection, "snapshot", worker=target, idx=row["idx"], data=row["data"])
