"""`fork` of golem:api: a worker copies itself, and both go on."""

from __future__ import annotations

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.errors import InvocationError
from tests.engine.outside import leave
from tests.engine.programs import again, kinds, opened, program, wait_for
from tests.guests import guest

FORKS = program("""
    key = host.generate_idempotency_key().low_bits
    which = host.fork("copy").name
    name = host.get_self_metadata().worker_id.worker_name
    result = which, name, key, state.get("n")
""")


def steerer(engine, name="w"):
    return engine.worker(name, engine.load(guest("steerer")))


def results(engine, key="k"):
    engine.settle()
    return {one.name: eval(again(one, key)) for one in engine.workers()}


def test_both_go_on_with_their_own_result(tmp_path):
    """All that was done before is the copy's too; what comes after is each one's own."""
    with opened(tmp_path) as engine:
        one = steerer(engine)
        one.invoke("run", "state['n'] = 7")
        one.invoke("run", FORKS, idempotency_key="k")
        found = results(engine)
        key = found["w"][2]
        assert {"w": ("ORIGINAL", "w", key, 7), "copy": ("FORKED", "copy", key, 7)} == found
        copy = engine.reach("copy")
        assert kinds(copy) == kinds(one)
        assert "copy" == copy.invoke("run", "state['n'] = 8; result = host.get_self_metadata().worker_id.worker_name")
        assert "7" == one.invoke("run", "result = state['n']")
    with opened(tmp_path) as engine:
        assert found == results(engine)
        assert "8" == engine.worker("copy").invoke("run", "result = state['n']")


def test_replay_gives_each_its_own_result(tmp_path):
    """Whatever is thrown away: there is no second copy."""
    with opened(tmp_path) as engine:
        steerer(engine).invoke("run", FORKS, idempotency_key="k")
        found = results(engine)
        for one in engine.workers():
            one.simulate_crash()
            assert "['copy', 'w']" == one.invoke("run", "result = ['copy', 'w']")
        assert found == results(engine)
        assert ["copy", "w"] == [one.name for one in engine.workers()]


def test_the_copy_has_copies_of_promises(tmp_path):
    """Whoever completes one by its id completes it for both."""
    text = """
        promise = host.create_promise()
        which = host.fork("copy").name
        result = which, host.await_promise(promise)
    """
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = steerer(engine)
        started = one.start("run", program(text), idempotency_key="k")
        index = next(record.index for record in iter_until(one, "no-op"))
        wait_for(lambda: {"suspended"} == {each.status for each in engine.workers()} and len(engine.workers()) == 2)
        engine.complete_promise(f"{one.component_id}/w/{index}", b"v")
        assert "('ORIGINAL', b'v')" == started.wait(20)
        assert {"w": ("ORIGINAL", b"v"), "copy": ("FORKED", b"v")} == results(engine)


def iter_until(one, kind):
    wait_for(lambda: any(record.kind == kind for record in one.oplog()))
    return [record for record in one.oplog() if record.kind == kind]


def test_at_most_once_calls_before_and_the_fork_itself(tmp_path):
    """With idempotence mode off the copy is not taken for one that has an unfinished call."""
    text = """
        host.set_idempotence_mode(False)
        which = host.fork("copy").name
        host.set_idempotence_mode(True)
        result = which
    """
    with opened(tmp_path) as engine:
        steerer(engine).invoke("run", program(text) + "\nresult = repr(which)", idempotency_key="k")
        assert {"w": "ORIGINAL", "copy": "FORKED"} == results(engine)
        assert kinds(engine.reach("w")) == kinds(engine.reach("copy"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("host.mark_begin_operation(); host.fork('copy')", "in an open atomic region"),
        (
            "host.set_oplog_persistence_level(host.PersistenceLevel_PersistNothing()); host.fork('copy')",
            "where nothing is recorded",
        ),
        ("host.fork('w')", "there is a worker 'w' already"),
        ("host.fork('')", "a worker's name is empty"),
    ],
)
def test_where_a_worker_cannot_fork_itself(tmp_path, text, said):
    """It fails, says why, and leaves no copy."""
    with opened(tmp_path) as engine:
        with pytest.raises(InvocationError, match=said):
            steerer(engine).invoke("run", text)
        assert ["w"] == [one.name for one in engine.workers()]


class At:
    """A probe that leaves what is on disk at one place of a call, once."""

    def __init__(self, name, place, data, left):
        self.name, self.place, self.data, self.left = name, place, data, left

    def called(self, place, host, name, _type):
        if (place, name) == (self.place, self.name) and host.worker.name == "w" and not self.left.exists():
            leave(self.data, self.left)

    def added(self, *_):
        """Places of calls are enough."""

    committed = added


@pytest.mark.parametrize(("place", "copies"), [("before", 0), ("answer", 1)])
def test_killed_around_a_fork(tmp_path, place, copies):
    """Either nothing of it is there, and it is made; or all of it, and it is not made again."""
    data, left = tmp_path / "data", tmp_path / "left"
    with opened(data) as engine:
        engine.store.probe = At("golem::api::fork", place, data, left)
        steerer(engine).invoke("run", FORKS, idempotency_key="k")
        key = results(engine)["w"][2]
    with opened(left) as engine:
        assert 1 + copies == len(engine.workers())
        engine.reach("w").invoke("run", FORKS, idempotency_key="k")
        if copies:
            engine.reach("copy").resume()
        found = results(engine)
        assert {"w": ("ORIGINAL", "w"), "copy": ("FORKED", "copy")} == {name: each[:2] for name, each in found.items()}
        assert found["w"][2] == found["copy"][2] == key
