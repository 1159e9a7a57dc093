"""What an oplog amounts to: status, regions, the invocation that is under way, failures, updates.

It is folded from the entries, all of them checked but the many calls and pieces of output, of which only the last
matters; what is kept of it is a cache (`standing/`). Entries taken back by a revert are left out of everything. Entries
that a jump has deleted still tell what happened, but are not replayed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from durable_dsl.engine.oplog.checksums import MANY
from durable_dsl.engine.oplog.entries import HINTS, PROGRESS
from durable_dsl.engine.oplog.log import Ends
from durable_dsl.engine.oplog.regions import Regions

if TYPE_CHECKING:
    from collections.abc import Iterable


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
_INVOKED = "exported-function-invoked"

#: idx, kind, function, key, detail of an entry.
Told: TypeAlias = tuple[int, str, Any, Any, Any]

#: In place of `last_progress` where a jump has deleted it: what was before has to be looked up.
UNKNOWN = -1

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
    #: What was deleted from the history: jumps, reverts, and what was before an update by snapshot.
    deleted: Regions = field(default_factory=Regions)
    underway: Underway | None = None
    #: The members of the last error entry, while it is what the worker's status rests on.
    error: dict[str, Any] | None = None
    #: Failures of the invocation under way, by retry point.
    failures: dict[int, int] = field(default_factory=dict)
    #: The last `suspend` entry, and what it waits for: a time, a promise.
    suspended_at: int | None = None
    suspended_until: int | None = None
    awaited: str | None = None
    #: The entry of the snapshot that the worker starts from: the newest, be it of an update or not.
    snapshot: int | None = None
    updates: list[Update] = field(default_factory=list)

    @property
    def ends(self) -> Ends:
        return Ends(self.last, self.last_action, self.last_progress)

    @property
    def skipped(self) -> Regions:
        """What replay steps over: what was deleted, and what is before the snapshot that it begins with."""
        return self.deleted if self.snapshot is None else self.deleted.adding([(2, self.snapshot)])

    @property
    def pending_update(self) -> Update | None:
        return next((update for update in self.updates if update.status == "pending"), None)


def fold(rows: list[Told], reverted: Regions | None = None, begun: Summary | None = None) -> Summary:
    """What entries amount to, after those of `begun`; `reverted` where it says more than they do."""
    if reverted is None:
        reverted = Regions(regions_of(rows, "revert"))
    start = Summary() if begun is None else begun
    ends = start.ends
    start.reverted, start.deleted = reverted, start.deleted.adding(reverted)
    folding = Fold(start)
    folding.add(row for row in rows if row[0] not in reverted) if reverted else folding.add(rows)
    summary = folding.summary()
    _find_ends(summary, rows, ends)
    return summary


class Fold:
    """Takes entries in, one after another; no `revert`, for what came before that is another history then."""

    def __init__(self, begun: Summary | None = None) -> None:
        self._summary = Summary() if begun is None else begun
        self._deleted = list(self._summary.deleted)

    def summary(self) -> Summary:
        """What all of them amount to; its `last_progress` may be `UNKNOWN`."""
        self._summary.deleted = Regions(self._deleted)
        return self._summary

    def add(self, rows: Iterable[Told]) -> None:
        """Raises ValueError, KeyError, TypeError for an entry of a later version."""
        summary = self._summary
        for index, kind, function, key, detail in rows:
            summary.last = index
            status = _STATUS.get(kind)
            # Beside invocations there are calls too: of what loads a snapshot.
            if status is not None and (status != "running" or summary.underway is not None or kind == _INVOKED):
                summary.status = status
            if kind in PROGRESS:
                summary.last_progress = index
            if kind not in HINTS:
                summary.last_action = index
            if kind not in MANY:
                self._tell(index, kind, function, key, json.loads(detail) if detail else {})

    def _tell(self, index: int, kind: str, function: Any, key: Any, members: dict[str, Any]) -> None:
        summary = self._summary
        match kind:
            case "create":
                summary.version = members["version"]
            case "exported-function-invoked":
                summary.underway = Underway(index, function, key)
                summary.failures, summary.error = {}, None
            case "exported-function-completed":
                summary.underway, summary.error, summary.failures = None, None, {}
            case "error":
                summary.status = "failed" if members["final"] else "retrying"
                summary.error = members
                point = members["retry_from"]
                summary.failures[point] = summary.failures.get(point, 0) + 1
            case "suspend":
                summary.suspended_at = index
                summary.suspended_until, summary.awaited = members.get("until"), members.get("promise")
            case "jump":
                self._delete(members["start"], members["end"])
            case "snapshot":
                summary.snapshot = index
            case "pending-update" | "successful-update" | "failed-update":
                self._update(index, kind, members)

    def _delete(self, start: int, end: int) -> None:
        if start <= end:
            self._deleted.append((start, end))
            if start <= self._summary.last_progress <= end:
                self._summary.last_progress = UNKNOWN

    def _update(self, index: int, kind: str, members: dict[str, Any]) -> None:
        summary = self._summary
        if kind == "pending-update":
            repairs = summary.status == "failed"
            summary.updates.append(Update(index, members["version"], members["mode"], repairs=repairs))
            if repairs:
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
            self._delete(2, update.index)
            summary.snapshot = update.index
        if summary.status in {"failed", "retrying"}:
            summary.status = "idle" if summary.underway is None else "running"


def regions_of(rows: Iterable[Any], kind: str) -> list[tuple[int, int]]:
    """What the entries of that kind say that they take out."""
    found = []
    for row in rows:
        if row[1] == kind:
            members = json.loads(row[4])
            if members["start"] <= members["end"]:  # a revert may have had nothing to take back
                found.append((members["start"], members["end"]))
    return found


def _find_ends(summary: Summary, rows: list[Told], before: Ends) -> None:
    """Where entries were left out, the last ones are found among all."""
    summary.last = rows[-1][0] if rows else before.last
    action = 0
    summary.last_progress = before.progress
    for row in reversed(rows):
        index, kind = row[0], row[1]
        if not action and kind not in HINTS:
            action = index
        if kind in PROGRESS and index not in summary.deleted:
            summary.last_progress = index
            break
    summary.last_action = action or before.action
