"""Moving a worker to another build of its component.

Automatic: the whole history is replayed on the new build. If it does the same, the worker is on it; anything else, a
trap or a result that differs, is the update's failure, and the worker goes on where it was. Snapshot-based: the old
build's `save` gives bytes, the new build's `load` takes them, and the history before them is not replayed any more;
`load` runs again at each start, since instances do not outlive processes; what it called the first time is on record.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from durable_dsl.engine.diagnosis import place as diagnosis
from durable_dsl.engine.errors import EngineError, UsageError
from durable_dsl.engine.oplog.entries import FailedUpdate, PendingUpdate, SuccessfulUpdate
from durable_dsl.engine.oplog.summary import Update
from durable_dsl.engine.replay import snapshots
from durable_dsl.engine.replay.failures import tell
from durable_dsl.engine.signals import Closing, Divergence, Failure, NotGranted, Signal
from durable_dsl.engine.standing import reading
from durable_dsl.engine.traps import GuestTrap, UnknownExport

if TYPE_CHECKING:
    from durable_dsl.engine.oplog.store import Store
    from durable_dsl.engine.replay.session import Session
    from durable_dsl.engine.worker.driver import Driver

_SETTLED = "FROM entry WHERE worker = ? AND idx > ? AND kind IN ('successful-update', 'failed-update') ORDER BY idx"


def attempt(driver: Driver) -> Session | None:
    """Try the pending update: an instance of the new build with the worker's state, or None where it failed.

    Whatever the new build does once its history is replayed is the worker's own doing, and ends as it always does.
    """
    update = driver.summary.pending_update
    assert update is not None
    snapshot = update.mode == "snapshot-based"
    regions = driver.summary.skipped
    start = driver.summary.snapshot
    if snapshot:
        regions = regions.adding([(2, update.index)])
        start = update.index
    else:
        driver.snapshots.have_newest()
    settled = False
    before = driver.log.ends

    def settle() -> None:
        nonlocal settled
        settled = True
        driver.log.append(SuccessfulUpdate(update.version))
        driver.log.commit()
        driver.summary.version = update.version
        driver.summary.failures = {}
        driver.settled()

    try:
        session = driver.new_session(update.version, regions)
        if start is None:
            session.on_live = settle
            session.open()
        else:
            session.open()
            snapshots.load(session, start)
            if session.host.cursor.live:
                settle()
            else:
                session.on_live = settle
        driver.replay(session)
    except BaseException as end:
        if settled:
            raise
        driver.log.take_back(before)  # what the loading of a snapshot has called
        if isinstance(end, (Closing, NotGranted)) or not isinstance(end, (Signal, GuestTrap, EngineError)):
            raise  # nothing has come out yet
        failed(driver, update, _why(driver, end, start))
        return None
    return session


def failed(driver: Driver, update: Update, reason: str) -> None:
    """Record the failure; the worker is on its old build again."""
    driver.drop_session()
    if update.repairs:
        driver.status = "failed"
    refused(driver, update.version, reason)


def _why(driver: Driver, end: BaseException, start: int | None = None) -> str:
    """The reason of a failure; `start` is the entry of the snapshot that the history was replayed from."""
    if isinstance(end, (GuestTrap, Failure)):
        session = driver.current
        assert session is not None
        told = tell(end, session.host.output, session.component.roots)
        return f"{told.type}: {told.message}"
    if isinstance(end, Divergence) and driver.current is not None:
        return diagnosis.explained(end, driver.current, start, driver.summary)
    return str(end)


def save_snapshot(driver: Driver, version: int, key: str | None = None) -> bool:
    """Have the worker's build save its state and ask for the update; False where that failed, which is on record."""
    try:
        saved = snapshots.save(driver.session())
    except UnknownExport:
        reason = f"version {driver.summary.version} exports no save-snapshot"
    except NotGranted as refused_by:
        driver.drop_session()
        raise UsageError(f"worker {driver.worker.name!r} cannot save its snapshot: {refused_by}") from refused_by
    except (Signal, GuestTrap, EngineError) as end:
        reason = f"save-snapshot failed: {_why(driver, end)}"
        driver.drop_session()
    else:
        snapshot = base64.b64encode(saved).decode()
        driver.log.append(PendingUpdate(version, "snapshot-based", snapshot, key, replays=True))
        driver.log.commit()
        driver.drop_session()
        return True
    refused(driver, version, reason, key)
    return False


def refused(driver: Driver, version: int, reason: str, key: str | None = None) -> None:
    """Record that the update could not even be asked for."""
    driver.log.append(FailedUpdate(version, reason, key))
    driver.log.commit()
    driver.settled()


def outcome(store: Store, worker: int, version: int, after: int) -> Update | None:
    """What became of an update that was asked for when the oplog had `after` entries; None where that is open."""
    for index, kind, detail in store.read(f"SELECT idx, kind, detail {_SETTLED}", (worker, after)):
        members = json.loads(detail)
        if members["version"] == version:
            successful = kind == SuccessfulUpdate.kind
            return Update(index, version, "", "successful" if successful else "failed", members.get("details", ""))
    return None


def is_pending(store: Store, worker: int, version: int) -> bool:
    """Whether an update to this version was asked for and is not settled."""
    updates = reading.current(store, worker).updates
    return any(one.status == "pending" and one.version == version for one in updates)
