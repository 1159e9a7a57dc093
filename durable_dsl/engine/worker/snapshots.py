"""Snapshots between invocations, so that a worker's start does not cost more the longer it has lived.

One is due after so many invocations, so much time or so many bytes of oplog as the build says. The state is saved, a
new instance takes it over, and goes on as the worker; so what lives on is what a later start begins with, whatever
`save` leaves out. Only what was loaded once is put on record. Where that fails the worker goes on from its history, as
if nothing had been tried, and the next attempt comes when the next one would have been due.

A state that is damaged or gone is made anew: the history is replayed from the snapshot before it, on the build that
saved it, and saved again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import DamagedError, EngineError, StoreError
from durable_dsl.engine.oplog.cursor import Cursor
from durable_dsl.engine.oplog.entries import PendingUpdate, Record, Snapshot
from durable_dsl.engine.replay import snapshots
from durable_dsl.engine.replay.failures import tell
from durable_dsl.engine.replay.open_effects import NotStarted
from durable_dsl.engine.signals import Closing, Failure, Interrupt, NotGranted, Signal
from durable_dsl.engine.traps import GuestTrap, UnknownExport

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.replay.session import Session
    from durable_dsl.engine.worker.driver import Driver

_SINCE = (
    "SELECT sum(kind = 'exported-function-completed'),"
    " sum(length(coalesce(request, '')) + length(coalesce(response, '')) + length(coalesce(detail, '')))"
    " FROM entry WHERE worker = ? AND idx > ?"
)
_BASES = "AND idx <= ? AND kind IN ('snapshot', 'pending-update')"
_HOW_MANY = "SELECT count(*) FROM entry WHERE worker = ? AND idx > ? AND idx < ?"
#: How many invocations, and entries, are between two looks at how many bytes there are.
_INVOCATIONS, _ENTRIES = 16, 256


@dataclass(frozen=True, slots=True)
class Policy:
    """When the next snapshot is due: after so many invocations, nanoseconds or bytes; whichever comes first."""

    invocations: int | None = None
    nanoseconds: int | None = None
    bytes: int | None = None

    @classmethod
    def of(cls, facts: dict[str, Any] | None) -> Policy | None:
        """What the build says; None where no snapshots are to be taken, as of components that others have built."""
        said = (facts or {}).get("snapshots")
        return cls(**said) if said else None


class Snapshots:
    """Those of one worker; used by whoever has its turn."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        #: Since the last one, or the last attempt.
        self._invocations = 0
        self._bytes = 0
        self._time = 0
        #: What of the oplog `_bytes` says.
        self._counted_to = 0
        self._counted_at = 0

    def begin(self) -> None:
        """The worker starts; see what there is since the last one."""
        driver = self._driver
        base = driver.summary.snapshot or 1
        store, worker = driver.log.store, driver.log.worker
        invocations, size = store.read_one(_SINCE, (worker, base))
        self._since(driver.log.committed, invocations or 0, size or 0, self._record(base).time)

    def _since(self, index: int, invocations: int, size: int, time: int) -> None:
        self._invocations, self._bytes, self._time = invocations, size, time
        self._counted_to, self._counted_at = index, invocations

    def completed(self) -> None:
        """An invocation has ended well."""
        self._invocations += 1

    def take_if_due(self) -> None:
        """Between invocations. Nothing that comes of it concerns the one that is over."""
        session = self._driver.current
        if session is None:
            return
        policy = Policy.of(session.component.facts)
        if session.host.asides.continued or (policy is not None and self._is_due(policy)):
            if session.keeps is None:
                self.take()
            else:  # as the page says; it may pass
                self._since(self._driver.log.committed, 0, 0, self._driver.log.time())

    def _is_due(self, policy: Policy) -> bool:
        if policy.invocations is not None and self._invocations >= policy.invocations:
            return True
        if policy.nanoseconds is not None and self._driver.log.time() - self._time >= policy.nanoseconds:
            return True
        return policy.bytes is not None and self._size() >= policy.bytes

    def _size(self) -> int:
        log = self._driver.log
        if self._invocations - self._counted_at >= _INVOCATIONS or log.committed - self._counted_to >= _ENTRIES:
            _, more = log.store.read_one(_SINCE, (log.worker, self._counted_to))
            self._bytes += more or 0
            self._counted_to, self._counted_at = log.committed, self._invocations
        return self._bytes

    def take(self) -> str | None:
        """Take one now; why there is none, where that is so."""
        driver = self._driver
        old = driver.session()
        self._since(driver.log.committed, 0, 0, driver.log.time())
        failed = old.keeps
        if failed is None and driver.summary.pending_update is not None:
            failed = "an update is under way"
        if failed is None:
            try:
                failed = self._replace(old)
            except StoreError as error:  # what is not on disk yet is written with the next entries
                failed = str(error)
        if failed is not None and not driver.worker.engine.closed:
            driver.worker.warn(f"no snapshot was taken: {failed}")
        return failed

    def _replace(self, old: Session) -> str | None:
        """Have a new instance go on with the state of `old`, which nothing is done with any more."""
        driver, log = self._driver, self._driver.log
        data: bytes | None = None
        try:
            data = snapshots.save(old)
        except UnknownExport:
            if not old.host.asides.continued:  # else what lives on is in the arguments of its next invocation
                return f"version {driver.summary.version} has no function under @save_snapshot"
        except (Signal, GuestTrap, EngineError) as end:
            said = _said(old, end)
            driver.drop_session()
            return f"the state could not be saved: {said}"
        before, base = log.ends, driver.summary.snapshot
        modes = snapshots.modes_of(old.host)
        size = None if data is None else len(data)
        index = log.append(Snapshot(driver.summary.version, size, modes))
        fresh = driver.new_session(driver.summary.version, driver.summary.skipped.adding([(2, index)]))
        try:
            fresh.open()
            if data is not None:
                snapshots.give(fresh, data, index)
        except (Signal, GuestTrap, EngineError) as end:
            said = _said(fresh, end)
            log.take_back(before)
            driver.drop_session()
            return f"the state could not be loaded again: {said}"
        finally:
            old.close()
        snapshots.restore_modes(fresh.host, modes)

        def keep(connection: sqlite3.Connection) -> None:
            if data is not None:
                snapshots.put(connection, log.worker, index, data, beside=base)

        log.at_next_commit(keep)
        driver.reload()
        return None

    # Where the newest one is damaged

    def have_newest(self) -> None:
        """See that the state that the worker begins with is there; raises DamagedError where it cannot be made anew."""
        driver = self._driver
        index = driver.summary.snapshot
        if index is None:
            return
        if self._is_there(self._record(index)):
            return
        base, missing = None, []
        for record in reversed(self._bases(index)):
            if self._is_there(record):
                base = record.index
                break
            missing.append(record)
        for record in reversed(missing):
            driver.worker.warn(
                f"the snapshot at entry {record.index} is damaged or gone; "
                f"it is made anew from the history since {'its beginning' if base is None else f'entry {base}'}"
            )
            self._make_anew(base, record)
            base = record.index

    def _record(self, index: int) -> Record:
        log = self._driver.log
        return next(log.store.records(log.worker, "AND idx = ?", (index,)))

    def _bases(self, last: int) -> list[Record]:
        """The snapshots up to this one, in order."""
        driver = self._driver
        summary = driver.summary
        updated = {one.index for one in summary.updates if one.status == "successful"}
        return [
            record
            for record in driver.log.store.records(driver.log.worker, _BASES, (last,))
            if record.index not in summary.reverted
            and (isinstance(record.entry, Snapshot) or (record.index in updated and _carries_state(record)))
        ]

    def _is_there(self, record: Record) -> bool:
        if not isinstance(record.entry, Snapshot) or record.entry.size is None:
            return True
        try:
            snapshots.saved_at(self._driver.log.store, self._driver.log.worker, record.index)
        except DamagedError:
            return False
        return True

    def _make_anew(self, base: int | None, record: Record) -> None:
        """Replay from `base` to a snapshot, as it was when that was taken, and save the state once more."""
        driver, log = self._driver, self._driver.log
        assert isinstance(record.entry, Snapshot)
        start, last = base or 1, record.index - 1
        (there,) = log.store.read_one(_HOW_MANY, (log.worker, start, record.index))
        if there != last - start:
            raise log.store.damage(log.worker, record.index, "snapshot")
        regions = driver.summary.deleted if base is None else driver.summary.deleted.adding([(2, base)])
        cursor = Cursor(log.store, log.worker, last, regions)
        session = driver.new_session(record.entry.version, regions, cursor)
        session.host.open_effects = NotStarted()
        try:
            session.open()
            if base is not None:
                snapshots.load(session, base)
            session.replay()
            data = snapshots.save(session)
        except (Closing, Interrupt, NotGranted, StoreError):
            raise
        except (Signal, GuestTrap, EngineError) as end:
            said = _said(session, end)
            driver.worker.warn(f"the snapshot could not be made anew: {said}")
            raise log.store.damage(log.worker, record.index, "snapshot") from end
        finally:
            driver.drop_session()
        log.store.transaction(lambda connection: snapshots.put(connection, log.worker, record.index, data, beside=base))


def _carries_state(record: Record) -> bool:
    return isinstance(record.entry, PendingUpdate) and record.entry.mode == "snapshot-based"


def _said(session: Session, end: BaseException) -> str:
    """What ended the guest of `session`."""
    if not isinstance(end, (GuestTrap, Failure)):
        return str(end)
    told = tell(end, session.host.output, session.component.roots)
    return f"{told.type}: {told.message}"
