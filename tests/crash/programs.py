"""Programs of nested regions for Hypothesis, and where in the model an engine's crash lies."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.crash import recorder
from tests.crash.model import Model
from tests.crash.model_guest import Guest

LABELS = st.sampled_from("abcde")
_CALLS = {recorder.WRITE: "write", recorder.READ: "read"}
_KINDS = frozenset({
    "begin-atomic-region", "end-atomic-region", "no-op", "change-retry-policy", "jump", "begin-remote-write",
    "end-remote-write", "exported-function-invoked", "exported-function-completed", "error",
})  # fmt: skip

_EFFECT = st.tuples(st.sampled_from(["write", "write", "read"]), LABELS)
_FLAKY = st.tuples(st.just("flaky"), LABELS, st.integers(0, 3))
_COMMIT = st.tuples(st.just("commit"))
_REFUSE = st.tuples(st.just("refuse"), st.just("no"))


def _bodies(steps):
    return st.lists(steps, min_size=1, max_size=3)


def _regions(steps):
    plain = st.tuples(st.sampled_from(["atomic", "atomic", "once", "often"]), _bodies(steps))
    return plain | st.tuples(st.just("retry"), st.integers(0, 4), _bodies(steps))


#: What a zone and what an atomic region may hold: in a zone nothing that its answers decide, in a region no jump.
_IN_ZONE = st.recursive(_EFFECT, _regions, max_leaves=3)
_ZONE = st.tuples(st.just("nothing"), _bodies(_IN_ZONE))
_LEAF = _EFFECT | _EFFECT | _FLAKY | _COMMIT | _ZONE
_IN_REGION = st.recursive(
    _LEAF, lambda steps: _regions(steps) | st.tuples(st.just("try"), _bodies(steps)), max_leaves=5
)


def _anywhere(steps):
    again = st.tuples(st.just("again"), LABELS, st.integers(0, 2), _bodies(steps))
    outside = st.tuples(st.sampled_from(["once", "often", "try"]), _bodies(steps))
    return again | outside | st.tuples(st.just("retry"), st.integers(0, 4), _bodies(steps)) | _regions(_IN_REGION)


_STEP = st.recursive(_LEAF | _REFUSE | _regions(_IN_REGION), _anywhere, max_leaves=6)
PROGRAMS = st.lists(_STEP, min_size=1, max_size=4)

#: Programs that do the same whatever the world outside answers.
CALM = st.lists(
    st.recursive(_EFFECT | _COMMIT | _ZONE, lambda steps: _regions(steps) | _regions(steps), max_leaves=5),
    min_size=1,
    max_size=4,
)


def position(events):
    """How far a process of the engine's had come, in the model's steps, and whether a commit had followed."""
    steps, committed = 0, False
    for event in events:
        if event.place == "commit":
            committed = True
        elif event.name in _CALLS if event.place != "record" else event.type in _KINDS or event.name in _CALLS:
            steps, committed = steps + 1, False
    return steps, committed


def entries_of(records):
    """The program's own entries in the model's words, each with whether it is deleted."""
    gone = {index for one in records if one.kind == "jump" for index in range(one.entry.start, one.entry.end + 1)}
    begun = max(one.index for one in records if one.kind == "exported-function-invoked")
    found = []
    for one in records[begun - 1 :]:
        word = _CALLS.get(getattr(one.entry, "function", None)) if one.kind == "imported-function-invoked" else one.kind
        if word in _KINDS or word in {"write", "read"}:
            found.append((word, one.index in gone))
    return found


def outcome_of(outcome):
    """What the caller got, in the model's form; the type of a failure without its module."""
    if outcome.failure is not None:
        failure = outcome.failure
        unknown = failure.type == "NonIdempotentWriteUnfinished"
        return ("failed", failure.type.rpartition(".")[2], "" if unknown else failure.message)
    ((kind, text),) = outcome.value.items()
    return (kind, text)


def assert_agrees(program, run, log):
    """A run of the engine is what the model says: outcome, effects in order, entries."""
    model = Model(Guest)
    outcome = model.run(program, [position(crash.events) for crash in run.crashes])

    assert outcome == outcome_of(run.outcome), f"the model gives {outcome}, the engine {run.outcome}"
    assert model.log == log, f"effects: the model has {model.log}, the engine {log}"
    gone = model.deleted()
    entries = [(entry.kind, index in gone) for index, entry in enumerate(model.entries, 1)][1:]
    found = entries_of(run.records)
    assert entries == found, f"entries (deleted?): the model has {entries}, the engine {found}"
