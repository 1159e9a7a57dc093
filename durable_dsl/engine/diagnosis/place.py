"""Where in the source a host call was made that the oplog does not allow.

The call itself ends the guest, which then has no chance to say where it stands. So the history is replayed once more,
on an instance that is thrown away and looked into (`dry_run.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.engine.diagnosis.dry_run import DryBuild, DryRun
from durable_dsl.engine.errors import EngineError
from durable_dsl.engine.signals import Divergence, UnfinishedWrite

if TYPE_CHECKING:
    from durable_dsl.engine.oplog.summary import Summary
    from durable_dsl.engine.replay.session import Session
    from durable_dsl.engine.replay.surroundings import Owner


def place_of(failed: Session, snapshot: int | None) -> str | None:
    """Where the guest of `failed` made the call that ended it, as "orders.py:31 (place)"; None where nobody knows.

    `snapshot` is the entry of the snapshot that the worker starts from, if it does.
    """
    cursor = failed.host.cursor
    build = DryBuild(failed.component)
    run = DryRun(failed.host.worker, build, cursor.regions, cursor.target, snapshot=snapshot, goes_on=True)
    end = run.run()
    return run.place if isinstance(end, (Divergence, UnfinishedWrite)) else None


def recorded_at(worker: Owner, build: DryBuild, summary: Summary, index: int) -> str | None:
    """Where the build that `worker` is on makes the call that entry `index` records."""
    run = DryRun(worker, build, summary.skipped, summary.last, snapshot=summary.snapshot, at=index)
    end = run.run()
    return run.place if isinstance(end, Divergence) and end.index == index else None


def explained(end: Divergence, failed: Session, snapshot: int | None, summary: Summary) -> str:
    """A divergence of another build than the one that `summary` says the worker is on, with the lines of both."""
    said = str(end)
    attempted = place_of(failed, snapshot)
    if attempted is not None:
        said = f"{said}; called at {attempted}"
    worker = failed.host.worker
    try:
        old = DryBuild(worker.engine.component_of(worker.component, summary.version))
    except EngineError:  # the old build is not at hand: that changes nothing for the update
        return said
    recorded = recorded_at(worker, old, summary, end.index)
    return said if recorded is None else f"{said}, recorded at {recorded} of version {summary.version}"
