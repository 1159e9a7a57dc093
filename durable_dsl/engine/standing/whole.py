"""Reading all of an oplog that there is, for what it amounts to.

Every entry is checked but the many calls and pieces of output, of which only the last matters. What was dropped from
the beginning is stood for by what it amounted to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import DamagedError
from durable_dsl.engine.oplog.checksums import IS_TELLING, MANY
from durable_dsl.engine.oplog.entries import HINTS, PROGRESS
from durable_dsl.engine.oplog.regions import Regions
from durable_dsl.engine.oplog.summary import Summary, fold, regions_of
from durable_dsl.engine.standing import dropped

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from durable_dsl.engine.oplog.store import Store
    from durable_dsl.engine.oplog.summary import Told

#: The bounds of what may stand as an index in a damaged file: SQLite sorts all numbers and texts between them.
BEFORE_ALL, AFTER_ALL = -(1 << 63), b"\xff"
_WITHIN = "idx > ? AND idx <= ?"
_MANY = ", ".join(repr(kind) for kind in sorted(MANY))
#: What a summary reads: there may be very many calls and pieces of output.
_LAST_OF_MANY = f"SELECT max(idx) FROM entry WHERE worker = ? AND {_WITHIN} AND kind IN ({_MANY}) GROUP BY kind"  # noqa: S608 - fixed
_TOLD = f"AND {_WITHIN} AND ({IS_TELLING} OR idx IN ({_LAST_OF_MANY}))"
_REVERTS = "SELECT idx FROM entry INDEXED BY entry_revert WHERE worker = ? AND kind = 'revert' ORDER BY idx DESC"
_COUNTED = f"SELECT count(*), max(idx) FROM entry WHERE worker = ? AND {_WITHIN}"  # noqa: S608
_AFTER_GAPS = (
    f"SELECT idx FROM entry AS after WHERE worker = ? AND {_WITHIN} AND idx > 1 AND idx > ? + 1 AND NOT EXISTS"  # noqa: S608
    " (SELECT 1 FROM entry WHERE worker = after.worker AND idx = after.idx - 1)"
)
_LAST_ACTION = (
    f"SELECT coalesce(max(idx), 0) FROM entry WHERE worker = ? AND {_WITHIN}"  # noqa: S608 - fixed texts
    f" AND kind NOT IN ({', '.join(repr(kind) for kind in sorted(HINTS))})"
)
_PROGRESS_BEFORE = (
    "SELECT idx FROM entry WHERE worker = ? AND idx < ?"  # noqa: S608 - fixed texts
    f" AND kind IN ({', '.join(repr(kind) for kind in sorted(PROGRESS))}) ORDER BY idx DESC LIMIT 1"
)
_BEFORE = "SELECT coalesce(max(idx), 0) FROM entry WHERE worker = ? AND idx < ?"


def summarize(store: Store, worker: int, upto: int | None = None) -> Summary:
    """What it amounts to, or did at entry `upto`, whatever was taken back later.

    Raises DamagedError where an entry that counts is damaged, or is not there.
    """
    begun = dropped.of(store, worker)
    start = Summary() if begun is None else begun.summary
    within = (BEFORE_ALL if begun is None else start.last, AFTER_ALL if upto is None else upto)
    ends = start.ends
    reverted = taken_back(store, worker, upto).adding(start.reverted)
    _find_gap(store, worker, within, ends.last, reverted)
    rows = told(store, worker, _TOLD, (*within, worker, *within), reverted)
    if any(row[1] in {"jump", "revert"} for row in rows):  # the last call may be one that was deleted
        rows = told(store, worker, f"AND {_WITHIN}", within, reverted)
    try:
        summary = fold(rows, reverted, start)
    except (ValueError, KeyError, TypeError) as error:  # an old checksum, or an entry of a later version
        raise store.damage(worker, rows[-1][0]) from error
    if reverted:
        summary.last_action = max(ends.action, store.read_one(_LAST_ACTION, (worker, *within))[0])
    return summary


def taken_back(store: Store, worker: int, upto: int | None = None) -> Regions:
    """What was reverted, by entries up to `upto`. One revert may have taken back another that is damaged."""
    regions = Regions()
    for (index,) in store.read(_REVERTS, (worker,)):
        if upto is not None and isinstance(index, int) and index > upto:
            continue
        try:
            found = told(store, worker, "AND idx = ?", (index,), ())
        except DamagedError:
            if isinstance(index, int) and index in regions:
                continue
            raise
        regions = regions.adding(regions_of(found, "revert"))
    return regions


def _find_gap(store: Store, worker: int, within: tuple[Any, Any], before_all: int, reverted: Regions) -> None:
    """Entries are counted without a gap; one that is not there was damaged in its index."""
    count, last = store.read_one(_COUNTED, (worker, *within))
    if last is None or (isinstance(last, int) and count == last - before_all):
        return
    for (after,) in store.read(_AFTER_GAPS, (worker, *within, before_all)):
        before = max(before_all, store.read_one(_BEFORE, (worker, after))[0])
        if not isinstance(after, int) or any(index not in reverted for index in (before + 1, after - 1)):
            raise store.damage(worker, before + 1)


def told(
    store: Store, worker: int, condition: str, parameters: tuple[Any, ...], without: Container[int] = ()
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
