"""What the regions promise about effects, worked out for one crash from the oplog that it left.

A *unit* is something with an effect outside that is done as one: a host call that is not local, or a batch (an HTTP
request with its response). After a crash

    in an atomic region that is open on disk     every unit in it is done again
    in a persist-nothing zone                    every unit, whenever the history is replayed
    elsewhere, recorded on disk                  never again; but a read after the begin of an unfinished batch may be
    elsewhere, not recorded on disk              once more; never under `non_idempotent`, where a begin on disk without
                                                 an end makes the worker fail instead

So a crash allows so many units to be repeated, and a run may have as many effects more than one without a crash: all
labels together, since nobody can tell which label belongs to which call. That it has at least as many is all that can
be asked for, since not all that a call does is counted; that an open region is done again as a whole shows in the
oplog. Workers that are called have promises of their own: what they do is taken as it comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_dsl.engine.oplog.entries import Record
    from durable_dsl.testing.crash.points import Event
    from durable_dsl.testing.crash.run import Crash

#: The type of the failure where nobody knows whether a write was done that may not be done again.
UNKNOWN_WRITE = "NonIdempotentWriteUnfinished"
_LOCAL = "read-local"
_READ = "read-remote"
_WRITE = "write-remote"
_BATCHED = "write-remote-batched"


@dataclass(slots=True)
class Unit:
    """A host call with an effect. `index` is its record's, `guarded` that it was done under `non_idempotent`."""

    name: str
    type: str
    zone: bool
    guarded: bool
    index: int | None = None


def repeats_allowed(crash: Crash) -> int:
    """How many units outside of zones may be done again because of this crash."""
    left = crash.records
    deleted = deleted_indices(left)
    region = min(open_regions(left), default=None)
    unfinished = {begin.index for begin in open_writes(left) if not _at_most_once(begin)}
    batch = min(unfinished, default=None)
    repeated = 0
    for unit in _units(crash.events):
        if unit.zone or unit.type == _BATCHED:
            continue
        if unit.index is None or unit.index > left[-1].index:
            repeated += region is not None or not unit.guarded
        elif unit.index not in deleted:
            in_region = region is not None and unit.index > region
            repeated += in_region or (batch is not None and unit.index > batch and unit.type == _READ)
    for begin in left:
        if begin.kind == "begin-remote-write" and begin.index not in deleted:
            repeated += begin.index in unfinished or (region is not None and begin.index > region)
    return repeated


def unjudged_units(events: Iterable[Event]) -> int:
    """How many units were done in persist-nothing zones, or by workers that were called."""
    events = list(events)
    others = sum(event.worker != 0 and event.place == "before" and event.type != _LOCAL for event in events)
    return others + sum(unit.zone for unit in _units(events))


def write_unknown(crash: Crash) -> bool:
    """Whether a write under `non_idempotent`, outside atomic regions, was begun and nobody knows how it ended."""
    left = crash.records
    region = min(open_regions(left), default=None)
    return any(_at_most_once(begin) and (region is None or begin.index < region) for begin in open_writes(left))


def deleted_indices(records: Iterable[Record]) -> set[int]:
    """What jumps have taken out of the history."""
    found: set[int] = set()
    for record in records:
        if record.kind == "jump":
            found.update(range(record.entry.start, record.entry.end + 1))  # type: ignore[attr-defined]
    return found


def open_regions(records: list[Record]) -> list[int]:
    """Begin indices of the atomic regions that are in the history and have no end there."""
    return [begin.index for begin in _without_end(records, "begin-atomic-region", "end-atomic-region")]


def open_writes(records: list[Record]) -> list[Record]:
    """The begun remote writes that are in the history and have no end there."""
    return _without_end(records, "begin-remote-write", "end-remote-write")


def _without_end(records: list[Record], begin: str, end: str) -> list[Record]:
    deleted = deleted_indices(records)
    kept = [record for record in records if record.index not in deleted]
    ended = {record.entry.begin for record in kept if record.kind == end}  # type: ignore[attr-defined]
    return [record for record in kept if record.kind == begin and record.index not in ended]


def _at_most_once(begin: Record) -> bool:
    return bool(getattr(begin.entry, "at_most_once", None))


def _units(events: Iterable[Event]) -> list[Unit]:
    units: list[Unit] = []
    for event in events:
        if event.worker:
            continue
        if event.place == "before" and event.type != _LOCAL:
            guarded = event.type == _WRITE and not event.idempotent and not event.zone
            units.append(Unit(event.name, event.type, event.zone, guarded))
        elif event.place == "record" and event.type == "imported-function-invoked":
            for unit in reversed(units):
                if unit.name == event.name and unit.index is None:
                    unit.index = event.index
                    break
        elif event.place == "answer" and units and units[-1].index is None and not units[-1].zone:
            units[-1].index = event.index  # recorded in one transaction with its effect
    return units
