"""What the running side of a worker begins with: its lease, and what its oplog amounts to; and how its end is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.engine.directory.lease import Lease, OpenFilesError
from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.standing import reading
from durable_dsl.engine.standing.whole import summarize

if TYPE_CHECKING:
    from durable_dsl.engine.oplog.store import Store
    from durable_dsl.engine.oplog.summary import Summary
    from durable_dsl.engine.worker.handle import Worker


def amounts_to(store: Store, worker: int) -> Summary:
    """What the oplog amounts to. All of it is checked, but for what is before a snapshot: that is not replayed."""
    found = reading.current(store, worker)
    return summarize(store, worker) if found.snapshot is None else found


def lease_of(worker: Worker) -> Lease:
    """The lease; where the process has too many files open, idle workers are let go of first."""
    engine = worker.engine
    try:
        return Lease(engine.leases, worker.id, worker.name)
    except OpenFilesError:
        if not engine.idle.let_go_of_all():
            raise
    return Lease(engine.leases, worker.id, worker.name)


def closed(*, deleted: bool) -> InvocationError:
    """What becomes of an invocation whose engine is closed, or whose worker is deleted."""
    if deleted:
        return InvocationError("WorkerDeleted", "the worker was deleted", "", "deleted")
    said = "the engine was closed; the invocation goes on when the worker is opened again"
    return InvocationError("EngineClosed", said, "", "running")
