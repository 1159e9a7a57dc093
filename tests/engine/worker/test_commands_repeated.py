"""A worker that steers others, killed between what it does to them and the record of that: done once, and not refused.

What is on disk at a place of the call is what a process leaves that is killed there. Then the other worker does
something more before the first one goes on, and finds what it did.
"""

from __future__ import annotations

import pytest

from durable_dsl.engine.clock import SystemClock
from tests.engine.outside import leave
from tests.engine.programs import opened, program, wait_for
from tests.guests import guest

SECOND = ("VERSION = 1", "VERSION = 2")
#: What is done to the worker `target`, and under which name that is recorded.
STEERS = {
    "update": ("golem::api::update-worker", "host.update_worker(other('target'), 1, host.UpdateMode.AUTOMATIC)"),
    "update by snapshot": (
        "golem::api::update-worker",
        "host.update_worker(other('target'), 1, host.UpdateMode.SNAPSHOT_BASED)",
    ),
    "fork": ("golem::api::fork-worker", "host.fork_worker(other('target'), other('copy'), LAST)"),
    "revert": ("golem::api::revert-worker", "host.revert_worker(other('target'), TO(LAST))"),
    "revert of something": ("golem::api::revert-worker", "host.revert_worker(other('target'), TO(FIRST))"),
    "revert of a call": ("golem::api::revert-worker", "host.revert_worker(other('target'), CALLS(1))"),
    "completing a promise": ("golem_complete_promise", "result = host.complete_promise(PROMISE, b'v')"),
    "deleting a promise": ("golem_delete_promise", "host.delete_promise(PROMISE)"),
}
PLACES = ("before", "effect", "answer")
#: How often each worker has been called, is what its oplog and its memory must agree on.
COUNT = "state['n'] = state.get('n', 0) + 1; result = state['n'], VERSION"


class Killed:
    """A probe that leaves what is on disk when `steerer` is at one place of a call, once."""

    def __init__(self, name, place, data, left):
        self.name, self.place, self.data, self.left = name, place, data, left

    def called(self, place, host, name, _type):
        wanted = (self.place, self.name, "steerer")
        if (place, name, host.worker.name) == wanted and not self.left.exists():
            self.settle(host)
            leave(self.data, self.left)

    def settle(self, host):
        """Have what goes on by itself go on, as far as it goes."""
        if self.place != "before":
            host.worker.engine.reach("target").settle()

    def added(self, *_):
        """Places of calls are enough."""

    committed = added


def text_of(engine, way):
    target = engine.reach("target")
    last, promise = target.oplog_index, next(one.index for one in target.oplog() if one.kind == "no-op")
    first = next(one.index for one in target.oplog() if one.kind == "exported-function-completed")
    return program(f"""
        FIRST, LAST, PROMISE = {first}, {last}, host.PromiseId(other("target"), {promise})
        TO, CALLS = host.RevertWorkerTarget_RevertToOplogIndex, host.RevertWorkerTarget_RevertLastInvocations
        result = None
        {STEERS[way][1]}
        result = "steered", result
    """)


def count(engine, name):
    return eval(engine.reach(name).invoke("run", COUNT))


def all_is_done(engine):
    """Also what waits for its turn in `control`."""
    wait_for(lambda: not engine.store.read("SELECT 1 FROM control"))
    engine.settle()


def seen_of(engine, way):
    """What can be seen of what was done."""
    target = engine.reach("target")
    kinds = [record.kind for record in target.oplog()]
    return {
        "updates": [(one.version, one.status) for one in target.summary().updates],
        "reverts": kinds.count("revert"),
        "workers": sorted(one.name for one in engine.workers()),
        "promises": engine.store.read("SELECT state, count(*) FROM promise GROUP BY state ORDER BY state"),
    }


@pytest.mark.guarantee("EFFECT-2")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", STEERS)
def test_killed_while_another_worker_is_steered(tmp_path, way, place):
    """It is steered once, and what it has done since stays."""
    data, left = tmp_path / "data", tmp_path / "left"
    name = STEERS[way][0]
    with opened(data, clock=SystemClock()) as engine:
        build = engine.load(guest("steerer"))
        engine.load(guest("steerer", edit=SECOND))
        target = engine.worker("target", build)
        target.invoke("run", "host.create_promise()")
        for _ in range(2):
            target.invoke("run", COUNT)
        text = text_of(engine, way)
        engine.store.probe = Killed(name, place, data, left)
        answer = engine.worker("steerer", build).invoke("run", text, idempotency_key="k")
        all_is_done(engine)
        expected, version = count(engine, "target")
        seen = seen_of(engine, way)
    if not left.exists():
        assert "fork" in way or "promise" in way
        assert place == "effect"  # it is recorded in the transaction that does it
        return
    with opened(left, clock=SystemClock()) as engine:
        pending = [one.version for one in engine.reach("target").summary().updates]
        before = count(engine, "target")
        engine.reach("target").settle()
        assert answer == engine.reach("steerer").invoke("run", text, idempotency_key="k")
        all_is_done(engine)
        after = count(engine, "target")
        assert seen == seen_of(engine, way)
        assert version == after[1]
        if place != "before" or "revert" not in way:
            assert after[0] == before[0] + 1 == expected + 1
        if way == "update":
            assert ([] if place == "before" else [1]) == pending  # on disk before the guest goes on


@pytest.mark.parametrize("mode", ["AUTOMATIC", "SNAPSHOT_BASED"])
def test_a_worker_that_updates_itself(tmp_path, mode):
    """The invocation goes on, and the update is asked for once."""
    text = program(f"""
        state["n"] = 5
        mine = host.get_self_metadata().worker_id
        host.update_worker(mine, 1, host.UpdateMode.{mode})
        result = host.generate_idempotency_key() is not None
    """)
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = engine.worker("w", engine.load(guest("steerer")))
        engine.load(guest("steerer", edit=SECOND))
        assert "True" == one.invoke("run", text)
        wait_for(lambda: one.version == 1)
        engine.settle()
        assert [(1, "successful")] == [(update.version, update.status) for update in one.summary().updates]
        assert "(6, 2)" == one.invoke("run", COUNT)


def test_a_snapshot_that_was_asked_for_is_taken_by_the_next_process(tmp_path):
    """Whoever asked is told that it is asked for; the worker was busy then, and the process died."""
    data, left = tmp_path / "data", tmp_path / "left"
    with opened(data, clock=SystemClock()) as engine:
        build = engine.load(guest("steerer"))
        engine.load(guest("steerer", edit=SECOND))
        target = engine.worker("target", build)
        job = target.start("run", "state['n'] = 1; time.sleep(1)", idempotency_key="t")
        wait_for(lambda: target.status == "running")
        text = "host.update_worker(other('target'), 1, host.UpdateMode.SNAPSHOT_BASED); result = 1"
        assert "1" == engine.worker("steerer", build).invoke("run", text)
        leave(data, left)
        job.wait(20)
        engine.settle()
    with opened(left, clock=SystemClock()) as engine:
        assert 0 == engine.reach("target").version
        engine.reach("target").resume()
        wait_for(lambda: engine.reach("target").version == 1)
        engine.settle()
        assert "(2, 2)" == engine.reach("target").invoke("run", COUNT)
        wait_for(lambda: not engine.store.read("SELECT 1 FROM control"))
