"""What an oplog amounts to: status, regions, the invocation that is under way, failures, updates.

Nothing of this is stored; it is folded from the entries, without their requests and responses. Entries taken back by a
revert are left out of everything. Entries that a jump has deleted still tell what happened, but are not replayed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.oplog.entries import HINTS, PROGRESS
from durable_dsl.engine.oplog.log import Ends
from durable_dsl.engine.oplog.regions import Regions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_dsl.engine.oplog.store import Store

_STATUS = {
    "create": "idle",
    "exported-function-completed": "idle",
    "suspend": "suspended",
    "interrupted": "interrupted",
    "exited": "exited",
    "exported-function-invoked": "running",
    "imported-function-invoked": "running",
    "no-op": "running",
    "jump": "running",
    "change-retry-policy": "running",
    "begin-remote-write": "running",
    "end-remote-write": "running",
    "begin-atomic-region": "running",
    "end-atomic-region": "running",
    "log": "running",
}
#: idx, kind, function, key, detail. There may be very many calls and pieces of output; of these only the last matters.
_TELLING = (
    "SELECT idx, kind, function, key, detail FROM entry WHERE worker = ?"
    " AND kind NOT IN ('imported-function-invoked', 'log') ORDER BY idx"
)
_ALL = (
    "SELECT idx, kind, function, key, CASE WHEN kind IN ('imported-function-invoked', 'log') THEN NULL ELSE detail END"
    " FROM entry WHERE worker = ? ORDER BY idx"
)
_MANY = frozenset({"imported-function-invoked", "log"})
_LAST_OF_MANY = (
    "SELECT max(idx), kind, NULL, NULL, NULL FROM entry WHERE worker = ?"
    " AND kind IN ('imported-function-invoked', 'log') GROUP BY kind"
)


#: A worker in one of these runs nothing any more, unless it is reverted or updated.
OVER = frozenset({"failed", "exited"})


@dataclass(slots=True)
class Underway:
    """The invocation that has begun and not completed."""

    index: int
    function: str
    key: str


@dataclass(slots=True)
class Update:
    """An update that was asked for. `status` is pending, successful or failed."""

    index: int
    version: int
    mode: str
    status: str = "pending"
    details: str = ""
    #: Whether the worker had failed before: a failed update leaves it so.
    repairs: bool = False


@dataclass(slots=True)
class Summary:
    """The fold's result."""

    status: str = "idle"
    version: int = 0
    last: int = 0
    last_action: int = 0
    last_progress: int = 0
    reverted: Regions = field(default_factory=Regions)
    #: What replay steps over: jumps, reverts, and the history before a snapshot that was loaded.
    deleted: Regions = field(default_factory=Regions)
    underway: Underway | None = None
    #: The members of the last error entry, while it is what the worker's status rests on.
    error: dict[str, Any] | None = None
    #: Failures of the invocation under way, by retry point.
    failures: dict[int, int] = field(default_factory=dict)
    suspended_until: int | None = None
    #: The entry of the snapshot that the worker starts from, if it was ever updated by one.
    snapshot: int | None = None
    updates: list[Update] = field(default_factory=list)

    @property
    def ends(self) -> Ends:
        return Ends(self.last, self.last_action, self.last_progress)

    @property
    def pending_update(self) -> Update | None:
        return next((update for update in self.updates if update.status == "pending"), None)


def summarize(store: Store, worker: int) -> Summary:
    rows = store.read(_TELLING, (worker,))
    try:
        if any(row[1] in {"jump", "revert"} for row in rows):  # the last call may be one that was deleted
            return fold(store.read(_ALL, (worker,)))
        return fold(sorted([*rows, *store.read(_LAST_OF_MANY, (worker,))]))
    except (ValueError, KeyError, TypeError):  # no entry of ours: a damaged one
        store.rows(worker)  # says which
        raise


def fold(rows: list[Any]) -> Summary:
    """Fold rows of `_TELLING`'s form."""
    reverted = Regions(_regions(rows, "revert"))
    kept = [row for row in rows if row[0] not in reverted] if reverted else rows
    summary = Summary(reverted=reverted)
    snapshots: list[tuple[int, int]] = []
    for index, kind, function, key, detail in kept:
        status = _STATUS.get(kind)
        if status is not None:
            summary.status = status
        if kind in _MANY:
            continue
        members = json.loads(detail) if detail else {}
        if kind == "create":
            summary.version = members["version"]
        elif kind == "exported-function-invoked":
            summary.underway = Underway(index, function, key)
            summary.failures, summary.error = {}, None
        elif kind == "exported-function-completed":
            summary.underway, summary.error, summary.failures = None, None, {}
        elif kind == "error":
            summary.status = "failed" if members["final"] else "retrying"
            summary.error = members
            point = members["retry_from"]
            summary.failures[point] = summary.failures.get(point, 0) + 1
        elif kind == "suspend":
            summary.suspended_until = members.get("until")
        elif kind in {"pending-update", "successful-update", "failed-update"}:
            _update(summary, snapshots, index, kind, members)
    summary.deleted = Regions([*_regions(kept, "jump"), *reverted, *snapshots])
    _find_ends(summary, rows)
    return summary


def _update(summary: Summary, snapshots: list[tuple[int, int]], index: int, kind: str, members: dict[str, Any]) -> None:
    if kind == "pending-update":
        summary.updates.append(Update(index, members["version"], members["mode"], repairs=summary.status == "failed"))
        if summary.status == "failed":
            summary.status = "retrying"
        return
    update = summary.pending_update
    if update is None:  # a snapshot could not even be saved: there was no pending entry
        update = Update(index, members["version"], "snapshot-based")
        summary.updates.append(update)
    if kind == "failed-update":
        update.status, update.details = "failed", members["details"]
        if update.repairs:
            summary.status = "failed"
        return
    update.status = "successful"
    summary.version = update.version
    summary.failures = {}
    if update.mode == "snapshot-based":
        snapshots.append((2, update.index))
        summary.snapshot = update.index
    if summary.status in {"failed", "retrying"}:
        summary.status = "idle" if summary.underway is None else "running"


def _regions(rows: Iterable[Any], kind: str) -> list[tuple[int, int]]:
    found = []
    for row in rows:
        if row[1] == kind:
            members = json.loads(row[4])
            found.append((members["start"], members["end"]))
    return found


def _find_ends(summary: Summary, rows: list[Any]) -> None:
    summary.last = rows[-1][0] if rows else 0
    for row in reversed(rows):
        index, kind = row[0], row[1]
        if not summary.last_action and kind not in HINTS:
            summary.last_action = index
        if kind in PROGRESS and index not in summary.deleted:
            summary.last_progress = index
            break
