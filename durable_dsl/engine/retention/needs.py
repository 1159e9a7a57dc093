"""What must stay, whatever its age: what somebody may still ask for by a key, and what a worker has yet to do.

A caller that was killed in the middle of an invocation asks its callee once more, with the key that it had. So results
since the oldest invocation began that is under way anywhere in the directory stay too, and where that cannot be told,
because some worker is damaged, all of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.oplog.checksums import IS_TELLING
from durable_dsl.engine.standing.whole import taken_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_dsl.engine.oplog.store import Store
    from durable_dsl.engine.oplog.summary import Summary
    from durable_dsl.engine.retention.policy import Retention
    from durable_dsl.engine.standing import listing

_ALWAYS = -1
_AT = "SELECT time FROM entry WHERE worker = ? AND idx = ?"
_WENT_ON = "SELECT coalesce(max(idx), 0) FROM entry WHERE worker = ? AND kind = 'successful-update'"
_WAITING = "SELECT key FROM queue WHERE worker = ? UNION SELECT key FROM schedule WHERE worker = ?"
_LAST_KEYED = "SELECT max(time) FROM entry WHERE worker = ? AND key IS NOT NULL"
_BUSY = (
    "SELECT 1 FROM queue WHERE worker = ?1 UNION ALL SELECT 1 FROM schedule WHERE worker = ?1"
    " UNION ALL SELECT 1 FROM control WHERE worker = ?1 AND (action LIKE 'update %' OR action LIKE 'cancel %')"
    " UNION ALL SELECT 1 FROM promise WHERE worker = ?1 AND state = 'pending' LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Until when results are past their time: those that are no older stay."""

    before: int
    #: The same for those who were killed while they called: since the oldest of them began.
    callers: int

    @classmethod
    def of(cls, store: Store, retention: Retention, now: int, workers: list[listing.Listed]) -> Keys:
        """Results are asked for by those who call now, and by workers whose invocations are under way."""
        before = _ALWAYS if retention.results is None else now - retention.results
        callers = now
        for one in workers:
            if one.summary is None:
                callers = _ALWAYS
            elif one.summary.underway is not None and not _is_over(one, retention, now):
                found = store.read_one(_AT, (one.id, one.summary.underway.index))
                callers = min(callers, found[0] if found else _ALWAYS)
        return cls(min(before, callers), callers)


def _is_over(one: listing.Listed, retention: Retention, now: int) -> bool:
    """Whether nobody will have an invocation go on: the worker has ended itself, or failed so long ago that it goes."""
    assert one.summary is not None
    if one.summary.status == "failed":
        return retention.failed is not None and one.changed <= now - retention.failed
    return one.summary.status == "exited"


def kept_entries(store: Store, worker: int, upto: int, keys: Keys) -> set[int]:
    """The entries 2 to `upto` that answer for a key: its own, and the end of its invocation. Raises DamagedError."""
    reverted = taken_back(store, worker, upto)
    waiting = {key for (key,) in store.read(_WAITING, (worker, worker))}
    (went_on,) = store.read_one(_WENT_ON, (worker,))
    condition = f"AND idx BETWEEN 2 AND ? AND {IS_TELLING}"

    def kept(rows: Iterator[Any]) -> set[int]:
        found: set[int] = set()
        wanted = False  # the end of the invocation that has begun last
        for index, time, kind, *_, key, detail in rows:
            stays = key is not None and (time >= keys.before or key in waiting)
            if kind == "exported-function-invoked":
                wanted = stays
            elif wanted and _ends(index, kind, detail, went_on):
                stays, wanted = True, False
            if stays:
                found.add(index)
        return found

    return store.over(worker, condition, (upto,), kept, without=reverted, apart=False)


def _ends(index: int, kind: str, detail: str | None, went_on: int) -> bool:
    """Whether an entry is the outcome of the invocation before it; a failure is none where an update repaired it."""
    if kind == "error":
        return bool(json.loads(detail or "{}")["final"]) and index > went_on
    return kind in {"exported-function-completed", "exited"}


def is_busy(store: Store, worker: int, summary: Summary) -> bool:
    """Whether a worker has something to do, or waits for something, or somebody waits for it."""
    begun = summary.underway is not None and summary.status not in {"failed", "exited"}
    return begun or summary.pending_update is not None or store.read_one(_BUSY, (worker,)) is not None


def last_key(store: Store, worker: int) -> int:
    """When the last entry with a key was written; 0 where there is none."""
    (found,) = store.read_one(_LAST_KEYED, (worker,))
    return found if isinstance(found, int) else 0
