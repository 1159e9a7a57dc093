"""What must hold after a crash and its recovery. Each check is a function that gives what is wrong, or None."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from durable_dsl.testing.crash.promises import (
    UNKNOWN_WRITE,
    deleted_indices,
    open_regions,
    open_writes,
    repeats_allowed,
    unjudged_units,
    write_unknown,
)
from durable_dsl.testing.crash.stage import records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from durable_dsl.testing.crash.points import Event
    from durable_dsl.testing.crash.run import Run

#: Bounds for the number of effects of one label: exactly, or least and most.
Bounds = int | tuple[int, int]
_COMMITTED = frozenset({"write-remote", "write-remote-batched"})


def disk_before_answer(events: Iterable[Event]) -> str | None:
    """A write is on disk before its guest has the answer; its begin, where it has one, before it is done."""
    begun: Event | None = None
    for event in events:
        if event.worker:
            continue
        if event.place == "record":
            begun = event if event.type == "begin-remote-write" else None
        if event.zone:
            continue
        if event.place == "answer" and event.type in _COMMITTED and event.on_disk < event.index:
            return f"at {event.point} ({event.meaning}) entry {event.index} had to be on disk, {event.on_disk} was"
        if event.place == "before" and begun is not None and begun.name == event.name and event.on_disk < begun.index:
            return f"at {event.point} ({event.meaning}) its begin had to be on disk, up to {event.on_disk} was"
    return None


def finished(run: Run) -> str | None:
    """Recovery itself did not break, and the worker stands where its outcome says."""
    if run.fault:
        return f"recovery broke:\n{run.fault}"
    if run.outcome is None:
        return "recovery ended without a result"
    expected = "idle" if run.outcome.failure is None else "failed"
    status = run.outcome.status
    return None if status in {expected, "exited"} else f"the worker is {status}, not {expected}"


def same_outcome(run: Run, learned: Run, same: Callable[[object, object], bool]) -> str | None:
    """The caller gets what it would have got without a crash; or that a write's outcome is unknown, where it is."""
    outcome, expected = run.outcome, learned.outcome
    assert outcome is not None
    assert expected is not None
    unknown = any(map(write_unknown, run.crashes))
    if refused(run) or unknown:
        if refused(run) and unknown:
            return None
        return (
            f"a non-idempotent write was begun and its outcome is not known, but the caller got {outcome}"
            if unknown
            else f"the caller got {outcome}, though no non-idempotent write was under way"
        )
    if same(expected.value, outcome.value):
        return None
    return f"the result is {outcome}, without a crash it is {expected}"


def refused(run: Run) -> bool:
    """Whether the worker failed rather than send a write again."""
    failure = None if run.outcome is None else run.outcome.failure
    return failure is not None and failure.type == UNKNOWN_WRITE


def promised_effects(run: Run, learned: Run, expect: Mapping[str, Bounds]) -> str | None:
    """No effect is lost, and none is done again that the regions do not allow to be."""
    for label, bounds in expect.items():
        least, most = (bounds, bounds) if isinstance(bounds, int) else bounds
        if not least <= run.effects[label] <= most:
            said = str(least) if least == most else f"{least} to {most}"
            return f"{label!r} was done {_times(run.effects[label])}, expected {said}"
    usual = Counter({label: count for label, count in learned.effects.items() if label not in expect})
    found = Counter({label: count for label, count in run.effects.items() if label not in expect})
    lost = usual - found
    if lost and not refused(run):
        return f"effects are missing: {dict(lost)} of {dict(usual)}"
    more = found - usual
    allowed = sum(map(repeats_allowed, run.crashes)) + _repeats_elsewhere(run, learned)
    if more.total() > allowed:
        said = f"the regions allow {allowed} to be repeated" if allowed else "nothing may be repeated here"
        return f"effects were repeated: {dict(more)} more than the usual {dict(usual)}; {said}"
    return None


def _repeats_elsewhere(run: Run, learned: Run) -> int:
    """How many units more were done in persist-nothing zones, and by called workers, than without a crash."""
    first, *others = [*(crash.events for crash in run.crashes), run.events]
    later = sum(map(unjudged_units, others))
    if refused(run):  # what comes further on was never come to
        return later
    return max(0, unjudged_units(first) + later - unjudged_units(learned.events))


def regions_done_again(run: Run) -> str | None:
    """Of an atomic region that a crash left open nothing is replayed: all of it is deleted from the history."""
    assert run.outcome is not None
    if run.outcome.failure is not None:
        return None
    deleted = deleted_indices(run.records)
    for crash in run.crashes:
        begin = min(open_regions(crash.records), default=None)
        if begin is None:
            continue
        replayed = [row[1] for row in crash.entries if row[1] > begin and row[1] not in deleted]
        if replayed:
            return f"region {begin} was open, but what was on disk of it was not done again: entries {replayed}"
    return None


def nothing_left_open(run: Run) -> str | None:
    """Every atomic region and every remote write in the history has its end; one invocation, one completion."""
    assert run.outcome is not None
    if run.outcome.failure is not None:
        return None
    records = run.records
    requests = [record.index for record in open_writes(records)]
    open_ = open_regions(records) + requests
    if open_:
        hint = "; a request ends when its response is read to the end, or dropped" if requests else ""
        return f"what entries {', '.join(map(str, open_))} begin was never ended{hint}"
    deleted = deleted_indices(records)
    kinds = Counter(record.kind for record in records if record.index not in deleted)
    begun, done = kinds["exported-function-invoked"], kinds["exported-function-completed"]
    return None if begun == done else f"{begun} invocations are in the history, and {done} completions"


def prefix_unchanged(run: Run) -> str | None:
    """What was on disk at a crash is there byte for byte afterwards, deleted or not, and in its place."""
    for number, crash in enumerate(run.crashes):
        following = run.crashes[number + 1] if number + 1 < len(run.crashes) else run
        for before, after in ((crash.entries, following.entries), (crash.payloads, following.payloads)):
            kept = set(after)
            changed = [row for row in before if row not in kept]
            if changed:
                return f"{changed[0][1]!r} is not what it was at the crash: {changed[0]}"
        indices = [row[1] for row in following.entries]
        if indices != list(range(1, len(indices) + 1)):
            return f"the indices have gaps: {indices}"
    return None


def committed_survived(run: Run) -> str | None:
    """What the engine took for committed when the process died is in the file, and no more than was added."""
    for crash in run.crashes:
        last = crash.entries[-1][1]
        commits = [event.index for event in crash.events if event.place == "commit" and not event.worker]
        reported = max(commits, default=0)
        if last < reported:
            return f"entries up to {reported} had been committed, the file ends with {last}"
    return None


def replay_changes_nothing(run: Run) -> str | None:
    """Another engine replays the finished history to its end and adds nothing, but for a snapshot that was due."""
    if run.replay_fault:
        return f"the finished history cannot be replayed: {run.replay_fault}"
    before = len(run.entries)
    added = [record.kind for record in records_of(run.replayed[before:])]
    snapshot = added[:1] == ["snapshot"] and "exported-function-invoked" not in added
    if run.replayed[:before] != run.entries or (added and not snapshot):
        return f"replaying the finished history changed it: {len(run.entries)} entries became {len(run.replayed)}"
    return None


def wrong_with(
    run: Run, learned: Run, *, same: Callable[[object, object], bool], expect: Mapping[str, Bounds] | None
) -> str | None:
    """The first thing that is wrong with a run, or None. Without `expect` effects are not judged."""
    return (
        finished(run)
        or same_outcome(run, learned, same)
        or (None if expect is None else promised_effects(run, learned, expect))
        or regions_done_again(run)
        or nothing_left_open(run)
        or prefix_unchanged(run)
        or committed_survived(run)
        or replay_changes_nothing(run)
        or next(filter(None, (disk_before_answer(crash.events) for crash in run.crashes)), None)
        or disk_before_answer(run.events)
    )


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def equal(expected: object, actual: object) -> bool:
    """The default of what counts as the same result."""
    return expected == actual
