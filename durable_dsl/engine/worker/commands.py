"""What is done to a worker from outside: interrupt, simulated crash, revert, fork; updates are in `updates`.

These work on a worker that this process runs, on one that nobody runs, and, where that makes sense, on one that
another process runs: that one is asked through the data directory (`control.py`).
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from durable_dsl.engine.directory import promises
from durable_dsl.engine.directory.identity import Identity
from durable_dsl.engine.directory.lease import Lease
from durable_dsl.engine.errors import DamagedError, HistoryDropped, LeaseError, UsageError
from durable_dsl.engine.grants import permissions
from durable_dsl.engine.oplog.entries import Create, Interrupted, Revert
from durable_dsl.engine.oplog.store import HAS_KEY
from durable_dsl.engine.replay import snapshots
from durable_dsl.engine.signals import Interrupt, Restart
from durable_dsl.engine.standing import dropped
from durable_dsl.engine.worker import control

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from durable_dsl.engine.worker.handle import Worker

_ACTIVE = frozenset({"running", "suspended", "retrying"})


def interrupt(worker: Worker) -> bool:
    """Stop what runs, sleeps or waits for a retry; False if there is nothing to stop. It can be resumed."""
    try:
        with worker.turn_unless(lambda driver: driver.signal(Interrupt())) as driver:
            if driver is None:
                return True
            if driver.status not in _ACTIVE:
                return False
            driver.drop_session()
            driver.log.append(Interrupted())
            driver.log.commit()
            driver.status = "interrupted"
            return True
    except LeaseError:
        control.ask(worker.engine, worker.id, "interrupt")
        return True


def simulate_crash(worker: Worker) -> None:
    """Throw the instance away in the middle of what it does; replay goes on from the oplog at once."""
    try:
        with worker.turn_unless(lambda driver: driver.signal(Restart())) as driver:
            if driver is not None:
                driver.drop_session()
    except LeaseError:
        control.ask(worker.engine, worker.id, "simulate-crash")


def revert(worker: Worker, index: int, key: str | None = None) -> None:
    """Take back everything after entry `index`: for replay, for results, for promises, for the worker's status.

    Under a `key`, as another worker has it, that is done once.
    """

    def taken_back(connection: sqlite3.Connection) -> None:
        promises.take_back(connection, worker.id, index)

    try:
        with worker.turn() as driver:
            if _is_reverted(worker, key):
                return
            last = driver.log.last
            _check_reach(worker, index, last)
            driver.drop_session()
            if index == last and key is None:  # but for a value that the worker has not seen
                worker.engine.store.transaction(taken_back)
                return
            driver.log.append(Revert(index + 1, last, key))
            driver.log.at_next_commit(taken_back)
            driver.reload()
    except DamagedError as damage:
        if not 1 <= index < damage.index:  # it would be as damaged as it is
            raise
        _revert_unread(worker, index, key, taken_back)


def _revert_unread(
    worker: Worker, index: int, key: str | None, taken_back: Callable[[sqlite3.Connection], None]
) -> None:
    """The same to a worker that cannot be opened, because an entry after `index` is damaged."""
    store = worker.engine.store
    with closing(Lease(worker.engine.leases, worker.id, worker.name)):
        if _is_reverted(worker, key):
            return
        last = store.last_index(worker.id)
        _check_reach(worker, index, last)
        reverted = store.writes(worker.id, [(last + 1, worker.engine.clock.now(), Revert(index + 1, last, key))])

        def work(connection: sqlite3.Connection) -> None:
            reverted(connection)
            taken_back(connection)

        store.transaction(work)


def _check_reach(worker: Worker, index: int, last: int) -> None:
    if not 1 <= index <= last:
        raise UsageError(f"worker {worker.name!r} has entries 1 to {last}, it cannot go back to {index}")
    worker.engine.store.reading(
        lambda connection: dropped.check_reach(connection, worker.id, worker.name, index, "going back to entry")
    )


def _is_reverted(worker: Worker, key: str | None) -> bool:
    query = f"SELECT 1 FROM entry WHERE worker = ? AND {HAS_KEY} AND kind = 'revert'"  # noqa: S608 - fixed texts
    return key is not None and worker.engine.store.read_one(query, (worker.id, key)) is not None


def revert_invocations(worker: Worker, count: int, key: str | None = None) -> None:
    """Take back the last `count` invocations; under a `key` once."""
    with worker.turn() as driver:
        if _is_reverted(worker, key):
            return
        reverted = driver.summary.reverted
        gone = dropped.of(worker.engine.store, worker.id)
        begun = [
            record.index
            for record in worker.engine.store.records(
                worker.id, "AND idx > ? AND kind = 'exported-function-invoked'", (0 if gone is None else gone.upto,)
            )
            if record.index not in reverted
        ]
    if gone is not None and count > len(begun):
        raise HistoryDropped(worker.name, f"taking back {count} invocations", gone.upto, gone.reach, gone.archive)
    if not 1 <= count <= len(begun):
        raise UsageError(f"worker {worker.name!r} has {len(begun)} invocations, it cannot take back {count}")
    revert(worker, begun[-count] - 1, key)


def fork(worker: Worker, name: str, index: int) -> None:
    """Make a new worker with the entries 1 to `index` of this one, its promises as they were, nothing of its queue."""
    worker.engine.store.transaction(lambda connection: insert_fork(connection, worker, name, index))


def insert_fork(connection: sqlite3.Connection, worker: Worker, name: str, index: int) -> int:
    """The same in a transaction that is open; the new worker's number."""
    engine = worker.engine
    (last,) = connection.execute("SELECT max(idx) FROM entry WHERE worker = ?", (worker.id,)).fetchone()
    if not 1 <= index <= last:
        raise UsageError(f"worker {worker.name!r} has entries 1 to {last}, it cannot be forked at {index}")
    dropped.check_reach(connection, worker.id, worker.name, index, "forking it at entry")
    created = worker.created
    origins = Identity.of(worker.name, created).forked_at(index)
    copy = Create(created.component, created.version, created.args, created.env, worker.name, origins=origins)
    target = engine.catalogue.insert_worker(connection, name, copy, engine.clock.now())
    if target is None:
        raise UsageError(f"there is a worker {name!r} already", "give the new one another name")
    permissions.copy(connection, permissions.worker_owner(worker.id), permissions.worker_owner(target))
    engine.store.copy_entries(connection, worker.id, target, 2, index)
    promises.copy(connection, worker.id, target, index, last)
    snapshots.copy(connection, worker.id, target, index)
    dropped.copy(connection, worker.id, target)
    return target
