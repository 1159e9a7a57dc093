"""How the host of these tests looks ahead in a recorded history: as a server of Golem 1.1 does, quirks included."""

from __future__ import annotations

import pytest

from tests.conformance.golem.host import Clock, Host
from tests.conformance.golem.oplog import BATCHED, READ_LOCAL, WRITE_REMOTE, Entry, Oplog
from tests.conformance.golem.replay import Replay, concurrent, ends
from tests.conformance.golem.signals import Diverged, Failed

INVOKED, COMPLETED = Entry("ExportedFunctionInvoked"), Entry("ExportedFunctionCompleted")
BEGIN, NOOP, LOG, ERROR = Entry("BeginRemoteWrite"), Entry("NoOp"), Entry("Log", data=("stdout", b"x")), Entry("Error")


def step(begin, effect=BATCHED):
    return Entry("ImportedFunctionInvoked", "step", effect, begin)


def end(begin):
    return Entry("EndRemoteWrite", begin=begin)


def history(*entries):
    """An oplog whose third entry is the first of these."""
    oplog = Oplog()
    for entry in (Entry("Create"), INVOKED, *entries):
        oplog.add(entry)
    oplog.commit()
    return oplog


def begun(oplog, *, idempotent=True):
    """A host that has replayed the begin of a batch at index 3."""
    host = Host(oplog, clock=Clock(), environment={}, promises={}, closes_whole_bodies=False)
    host.idempotent = idempotent
    host.replay.take("ExportedFunctionInvoked")
    assert 3 == host.begin(BATCHED)
    return host


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([step(3), end(3), NOOP], True),
        ([step(3), end(4), NOOP], False),
        ([step(3), step(0, READ_LOCAL), end(3)], True),
        ([step(3), step(0, WRITE_REMOTE), end(3)], False),
        ([step(3), BEGIN, end(3), NOOP], True),
        ([step(3), BEGIN, step(5), end(3)], False),
        ([step(3), COMPLETED, INVOKED, end(3)], False),
        ([end(3)], False),
        ([end(3), NOOP], True),
    ],
)
def test_the_end_of_a_batch(entries, found):
    """Found, or given up at an effect beside it; the very last entry is not looked at where it is the only one."""
    oplog = history(BEGIN, *entries)
    replay = Replay(oplog)
    replay.take("ExportedFunctionInvoked")
    replay.take("BeginRemoteWrite")

    assert found is replay.look_ahead(ends("EndRemoteWrite", 3), unless=concurrent(3))


def test_an_unfinished_batch_deletes_what_comes_after_it():
    """Live from its begin on, and everything behind is gone, completed invocations too."""
    oplog = history(BEGIN, step(3), BEGIN, step(5), end(3), COMPLETED, INVOKED, COMPLETED)
    host = begun(oplog)

    assert host.live
    assert (4, 11) == oplog[11].region
    again = Replay(oplog)
    again.take("ExportedFunctionInvoked")
    again.take("BeginRemoteWrite")
    assert again.live


def test_a_batch_that_must_not_be_repeated():
    """Its end is looked for to the end, into deleted regions too; where it is missing the attempt fails."""
    deleted = Entry("Jump", region=(5, 7))
    finished = history(BEGIN, step(3), Entry("BeginAtomicRegion"), end(3), deleted, NOOP)
    assert not begun(finished, idempotent=False).live

    with pytest.raises(Failed, match="cannot retry"):
        begun(history(BEGIN, step(3), NOOP), idempotent=False)


def test_hints_and_deleted_regions_are_passed_over():
    """Nothing but hints to come means live; what was printed there is known, and replaced by the next such stretch."""
    replay = Replay(history(NOOP, LOG, Entry("NoOp"), Entry("Jump", region=(5, 6)), LOG, ERROR))
    replay.take("ExportedFunctionInvoked")
    index, _ = replay.take("NoOp")

    assert 3 == index
    assert replay.live
    assert {("stdout", b"x")} == replay.seen


def test_another_action_than_the_recorded_one():
    """Kind and name are compared."""
    for kind, name in (("NoOp", ""), ("ImportedFunctionInvoked", "other")):
        replay = Replay(history(step(0), NOOP))
        replay.take("ExportedFunctionInvoked")
        with pytest.raises(Diverged, match="entry 3"):
            replay.take(kind, name)
