"""What is done to a worker from outside: interrupt, simulated crash, revert, fork, update.

These work on a worker that this process runs, on one that nobody runs, and, where that makes sense, on one that
another process runs: that one is asked through the data directory (`watcher.py`).
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from durable_dsl.engine import permissions, promises, updating
from durable_dsl.engine.background import in_background
from durable_dsl.engine.errors import DamagedError, LeaseError, UsageError
from durable_dsl.engine.identity import Identity
from durable_dsl.engine.lease import Lease
from durable_dsl.engine.oplog.entries import Create, Interrupted, PendingUpdate, Revert
from durable_dsl.engine.oplog.summary import OVER
from durable_dsl.engine.signals import Interrupt, Restart

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from concurrent.futures import Future

    from durable_dsl.engine.driver import Driver
    from durable_dsl.engine.oplog.summary import Update
    from durable_dsl.engine.worker import Worker

#: In seconds: how often whoever waits for an update looks, and asks again where another process has the worker.
_LOOKS_AGAIN = 0.05
_ASKS_AGAIN = 0.25
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
        worker.engine.ask(worker.id, "interrupt")
        return True


def simulate_crash(worker: Worker) -> None:
    """Throw the instance away in the middle of what it does; replay goes on from the oplog at once."""
    try:
        with worker.turn_unless(lambda driver: driver.signal(Restart())) as driver:
            if driver is not None:
                driver.drop_session()
    except LeaseError:
        worker.engine.ask(worker.id, "simulate-crash")


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
            if index == last:  # but for a value that the worker has not seen
                worker.engine.store.transaction(taken_back)
                return
            driver.log.append(Revert(index + 1, last, key))
            driver.log.at_next_commit(taken_back)
            driver.reload()
    except DamagedError as damage:
        if not 1 <= index < damage.index:  # it would be as damaged as it is
            raise
        _revert_unread(worker, index, taken_back)


def _revert_unread(worker: Worker, index: int, taken_back: Callable[[sqlite3.Connection], None]) -> None:
    """The same to a worker that cannot be opened, because an entry after `index` is damaged."""
    store = worker.engine.store
    with closing(Lease(worker.engine.leases, worker.id, worker.name)):
        last = store.last_index(worker.id)
        _check_reach(worker, index, last)
        reverted = store.writes(worker.id, [(last + 1, worker.engine.clock.now(), Revert(index + 1, last))])

        def work(connection: sqlite3.Connection) -> None:
            reverted(connection)
            taken_back(connection)

        store.transaction(work)


def _check_reach(worker: Worker, index: int, last: int) -> None:
    if not 1 <= index <= last:
        raise UsageError(f"worker {worker.name!r} has entries 1 to {last}, it cannot go back to {index}")


def _is_reverted(worker: Worker, key: str | None) -> bool:
    query = "SELECT 1 FROM entry WHERE worker = ? AND key = ? AND kind = 'revert'"
    return key is not None and worker.engine.store.read_one(query, (worker.id, key)) is not None


def revert_invocations(worker: Worker, count: int, key: str | None = None) -> None:
    """Take back the last `count` invocations; under a `key` once."""
    with worker.turn() as driver:
        if _is_reverted(worker, key):
            return
        reverted = driver.summary.reverted
        begun = [
            record.index
            for record in worker.engine.store.records(worker.id, "AND kind = 'exported-function-invoked'")
            if record.index not in reverted
        ]
    if not 1 <= count <= len(begun):
        raise UsageError(f"worker {worker.name!r} has {len(begun)} invocations, it cannot take back {count}")
    revert(worker, begun[-count] - 1, key)


def fork(worker: Worker, name: str, index: int) -> None:
    """Make a new worker with the entries 1 to `index` of this one, its promises as they were, nothing of its queue."""
    worker.engine.store.transaction(lambda connection: insert_fork(connection, worker, name, index))


def insert_fork(connection: sqlite3.Connection, worker: Worker, name: str, index: int) -> None:
    """The same in a transaction that is open."""
    engine = worker.engine
    (last,) = connection.execute("SELECT max(idx) FROM entry WHERE worker = ?", (worker.id,)).fetchone()
    if not 1 <= index <= last:
        raise UsageError(f"worker {worker.name!r} has entries 1 to {last}, it cannot be forked at {index}")
    created = worker.created
    origins = Identity.of(worker.name, created).forked_at(index)
    copy = Create(created.component, created.version, created.args, created.env, worker.name, origins=origins)
    target = engine.catalogue.insert_worker(connection, name, copy, engine.clock.now())
    if target is None:
        raise UsageError(f"there is a worker {name!r} already", "give the new one another name")
    permissions.copy(connection, permissions.worker_owner(worker.id), permissions.worker_owner(target))
    engine.store.copy_entries(connection, worker.id, target, 2, index)
    promises.copy(connection, worker.id, target, index, last)


def request_update(worker: Worker, version: int, mode: str) -> None:
    """Ask for an update and let it happen, at once or, by a snapshot, as soon as what is under way has ended."""
    if worker.status == "exited":
        return
    _check(worker, version)
    _ask_for_update(worker, version, mode, worker.engine.store.last_index(worker.id))


def update(worker: Worker, version: int, mode: str = "automatic") -> Update:
    """Move the worker to another version, and say what became of that; what is under way then goes on by itself."""
    _check(worker, version)
    if mode != "automatic" and worker.status in OVER:
        raise UsageError(f"a worker that is {worker.status} cannot save a snapshot")
    before = worker.engine.store.last_index(worker.id)
    asked: Future[None] | None = None
    asks_again = 0.0
    while True:
        done = asked is not None and asked.done()  # looked at first: what it settled is found then
        outcome = updating.outcome(worker.engine.store, worker.id, version, before)
        if outcome is not None:
            return outcome
        if asked is None or (done and time.monotonic() >= asks_again):
            if asked is not None:
                asked.result()
            asked = _ask_for_update(worker, version, mode, before, tells=False)
            asks_again = time.monotonic() + _ASKS_AGAIN
        worker.pause(_LOOKS_AGAIN)


def _check(worker: Worker, version: int) -> None:
    summary = worker.summary()
    worker.engine.catalogue.build(worker.component, version)
    if summary.version == version:
        raise UsageError(f"worker {worker.name!r} is on version {version} already")
    if any(one.status == "pending" and one.version == version for one in summary.updates):
        raise UsageError(f"an update of worker {worker.name!r} to version {version} is under way already")


def _ask_for_update(worker: Worker, version: int, mode: str, before: int, *, tells: bool = True) -> Future[None]:
    """In this process, or in the one that holds the worker; seen through in a thread. It was asked for at `before`."""

    def restarted(driver: Driver) -> bool:
        if mode != "automatic":
            return False
        if updating.is_pending(driver.log.store, worker.id, version):
            return True
        if not driver.signal(Restart()):
            return False
        _note(driver, version)  # before it is seen: an instance is dropped under the condition
        return True

    def settled() -> bool:
        return updating.outcome(worker.engine.store, worker.id, version, before) is not None

    def work() -> None:
        try:
            while not settled():
                with worker.turn_unless(restarted) as driver:
                    if driver is not None:
                        if not settled():
                            _carry_out(worker, driver, version, mode)
                        return
                worker.wait_while_running(settled)
        except LeaseError:
            worker.engine.ask(worker.id, f"update {mode} {version} {before}")

    worker.while_running(restarted)  # at once, or what waits in the queue would come before
    return in_background(worker, work, tells=tells)


def carry_out_update(worker: Worker, action: str) -> None:
    """Another process has asked for it, as `update MODE VERSION BEFORE`."""
    _, mode, version, before = action.split()
    _ask_for_update(worker, int(version), mode, int(before))


def _note(driver: Driver, version: int) -> None:
    """On disk: the update is asked for; once, however often it is."""
    if not updating.is_pending(driver.log.store, driver.worker.id, version):
        driver.log.append(PendingUpdate(version, "automatic"))
        driver.log.commit()


def _carry_out(worker: Worker, driver: Driver, version: int, mode: str) -> None:
    """With the turn: try it, and continue what had not ended on whichever build the worker is on then."""
    if mode == "automatic":
        _note(driver, version)
        driver.drop_session()
    else:
        failed = worker.run(driver)  # a snapshot is taken between invocations
        if failed is not None or driver.status in OVER:
            updating.refused(driver, version, str(failed or f"a worker that is {driver.status} cannot save a snapshot"))
        if failed is not None or driver.status in OVER or not updating.save_snapshot(driver, version):
            driver.reload()
            return
    if worker.run(driver) is None:
        worker.take_up_queue(driver)
