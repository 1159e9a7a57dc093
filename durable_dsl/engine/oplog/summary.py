"""What an oplog amounts to: status, regions, the invocation that is under way, failures, updates.

It is folded from the entries, all of them checked but the many calls and pieces of output, of which only the last
matters; what is kept of it is a cache (`standing/`). Entries taken back by a revert are left out of everything. Entries
that a jump has deleted still tell what happened, but are not replayed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from durable_dsl.engine.errors import DamagedError
from durable_dsl.engine.oplog.checksums import IS_TELLING, MANY
from durable_dsl.engine.oplog.entries import HINTS, PROGRESS
from durable_dsl.engine.oplog.log import Ends
from durable_dsl.engine.oplog.regions import Regions

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

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
_INVOKED = "exported-function-invoked"
_MANY = ", ".join(repr(kind) for kind in sorted(MANY))
#: What a summary reads: there may be very many calls and pieces of output.
_LAST_OF_MANY = f"SELECT max(idx) FROM entry WHERE worker = ? AND kind IN ({_MANY}) GROUP BY kind"  # noqa: S608 - fixed
_TOLD = f"AND ({IS_TELLING} OR idx IN ({_LAST_OF_MANY}))"
_REVERTS = "SELECT idx FROM entry INDEXED BY entry_revert WHERE worker = ? AND kind = 'revert' ORDER BY idx DESC"
_COUNTED = "SELECT count(*), max(idx) FROM entry WHERE worker = ?"
_AFTER_GAPS = (
    "SELECT idx FROM entry AS after WHERE worker = ? AND idx > 1 AND NOT EXISTS"
    " (SELECT 1 FROM entry WHERE worker = after.worker AND idx = after.idx - 1)"
)
_LAST_ACTION = (
    "SELECT coalesce(max(idx), 0) FROM entry WHERE worker = ?"  # noqa: S608 - fixed texts
    f" AND kind NOT IN ({', '.join(repr(kind) for kind in sorted(HINTS))})"
)
_PROGRESS_BEFORE = (
    "SELECT idx FROM entry WHERE worker = ? AND idx < ?"  # noqa: S608 - fixed texts
    f" AND kind IN ({', '.join(repr(kind) for kind in sorted(PROGRESS))}) ORDER BY idx DESC LIMIT 1"
)
_BEFORE = "SELECT coalesce(max(idx), 0) FROM entry WHERE worker = ? AND idx < ?"

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


def summarize(store: Store, worker: int) -> Summary:
    """Raises DamagedError where an entry that counts is damaged, or is not there."""
    reverted = taken_back(store, worker)
    _find_gap(store, worker, reverted)
    rows = told(store, worker, _TOLD, (worker,), reverted)
    if any(row[1] in {"jump", "revert"} for row in rows):  # the last call may be one that was deleted
        rows = told(store, worker, "", (), reverted)
    try:
        summary = fold(rows, reverted)
    except (ValueError, KeyError, TypeError) as error:  # an old checksum, or an entry of a later version
        raise store.damage(worker, rows[-1][0]) from error
    if reverted:
        summary.last_action = store.read_one(_LAST_ACTION, (worker,))[0]
    return summary


def taken_back(store: Store, worker: int) -> Regions:
    """What was reverted. One revert may have taken back another that is damaged."""
    regions = Regions()
    for (index,) in store.read(_REVERTS, (worker,)):
        try:
            found = told(store, worker, "AND idx = ?", (index,), ())
        except DamagedError:
            if isinstance(index, int) and index in regions:
                continue
            raise
        regions = regions.adding(_regions(found, "revert"))
    return regions


def _find_gap(store: Store, worker: int, reverted: Regions) -> None:
    """Entries are counted from 1 without a gap; one that is not there was damaged in its index."""
    count, last = store.read_one(_COUNTED, (worker,))
    if count == (last or 0):
        return
    for (after,) in store.read(_AFTER_GAPS, (worker,)):
        before = store.read_one(_BEFORE, (worker, after))[0]
        if not isinstance(after, int) or any(index not in reverted for index in (before + 1, after - 1)):
            raise store.damage(worker, before + 1)


def told(
    store: Store, worker: int, condition: str, parameters: tuple[int, ...], without: Container[int] = ()
) -> list[Told]:
    """What entries tell a fold; raises DamagedError."""

    def telling(rows: Iterable[Any]) -> list[Told]:
        return [(row[0], row[2], row[3], row[8], None if row[2] in MANY else row[9]) for row in rows]

    return store.over(worker, condition, parameters, telling, without=without, apart=False)


def last_progress(store: Store, worker: int, deleted: Regions) -> int:
    """The last entry that counts as progress and is not deleted; 0 where there is none. Raises DamagedError."""
    before = 1 << 62
    while True:
        rows = store.rows(worker, f"AND idx = ({_PROGRESS_BEFORE})", (worker, before))
        if not rows:
            return 0
        index: int = rows[0][0]
        start = next((start for start, end in deleted if start <= index <= end), None)
        if start is None:
            return index
        before = start


def fold(rows: list[Told], reverted: Regions | None = None) -> Summary:
    """What entries amount to; `reverted` where it says more than they do."""
    if reverted is None:
        reverted = Regions(_regions(rows, "revert"))
    folding = Fold(Summary(reverted=reverted, deleted=reverted))
    folding.add(row for row in rows if row[0] not in reverted) if reverted else folding.add(rows)
    summary = folding.summary()
    _find_ends(summary, rows)
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


def _regions(rows: Iterable[Any], kind: str) -> list[tuple[int, int]]:
    found = []
    for row in rows:
        if row[1] == kind:
            members = json.loads(row[4])
            if members["start"] <= members["end"]:  # a revert may have had nothing to take back
                found.append((members["start"], members["end"]))
    return found


def _find_ends(summary: Summary, rows: list[Told]) -> None:
    """Where entries were left out, the last ones are found among all."""
    summary.last = rows[-1][0] if rows else 0
    summary.last_action = summary.last_progress = 0
    for row in reversed(rows):
        index, kind = row[0], row[1]
        if not summary.last_action and kind not in HINTS:
            summary.last_action = index
        if kind in PROGRESS and index not in summary.deleted:
            summary.last_progress = index
            break
