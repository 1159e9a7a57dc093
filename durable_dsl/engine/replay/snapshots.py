"""Calling the functions of a component that carry a worker's state over to another build."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.oplog.entries import PendingUpdate

if TYPE_CHECKING:
    from durable_dsl.engine.replay.session import Session

SAVE, LOAD = "golem:api/save-snapshot#save", "golem:api/load-snapshot#load"


def save(session: Session) -> bytes:
    """The state of the worker; raises UnknownExport where its build cannot save one."""
    saved: bytes = session.unrecorded(session.component.resolve(SAVE), [])
    return saved


def load(session: Session, index: int) -> None:
    """Give the build of `session` the state that the update at entry `index` has saved."""
    log = session.host.log
    record = next(log.store.records(log.worker, "AND idx = ?", (index,)))
    assert isinstance(record.entry, PendingUpdate)
    data = base64.b64decode(record.entry.snapshot or "")
    outcome: dict[str, Any] = session.unrecorded(session.component.resolve(LOAD), [data])
    if "err" in outcome:
        raise UsageError(f"load-snapshot refused the snapshot: {outcome['err']}")
