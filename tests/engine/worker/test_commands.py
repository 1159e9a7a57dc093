"""Interrupt, resume, simulated crash, revert, fork, and updates to another build."""

from __future__ import annotations

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.errors import InvocationError, UpdateRefused, UsageError
from tests.engine.interfaces.test_golem import until
from tests.engine.programs import Shown, again, kinds, opened, program, worker
from tests.guests import guest

SECOND = ('return "first build"', 'return "second build"')
OTHER = ("host.generate_idempotency_key()\n        ENTRIES", "host.get_oplog_index()\n        ENTRIES")
FIXED = ("ENTRIES.append(amount)", "ENTRIES.append(amount or 1)")


def ledger(engine, name="l", **options):
    return engine.worker(name, engine.load(guest("ledger", **options)))


def test_interrupting_and_resuming(tmp_path):
    """The caller gets an error; resumed, the invocation goes on from its oplog and its key has the result."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        source = "key = host.generate_idempotency_key().low_bits; time.sleep(0.4); result = key"
        started = one.start("run", source, idempotency_key="k")
        until(lambda: any(kind == "monotonic_clock::now" for kind in kinds(one)))
        assert one.interrupt()
        with pytest.raises(InvocationError, match="interrupted"):
            started.wait(300)
        assert "interrupted" == one.status == worker(engine).summary().status
        one.resume()

        assert "idle" == one.status
        assert again(one, "k").isdigit()
        assert 1 == kinds(one).count("golem api::generate_idempotency_key")


def test_interrupting_what_is_suspended_or_idle(tmp_path):
    """A sleeper is stopped, an idle worker is not."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        assert not one.interrupt()
        started = one.start("run", "time.sleep(3600)")
        until(lambda: one.status == "suspended")
        assert one.interrupt()
        with pytest.raises(InvocationError, match="interrupted"):
            started.wait(300)


def test_a_new_invocation_resumes_an_interrupted_worker(tmp_path):
    """The old one is finished first."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        one.start("run", "time.sleep(0.3); state['first'] = 1", idempotency_key="k")
        until(lambda: "monotonic_clock::now" in kinds(one))
        one.interrupt()
        until(lambda: one.status == "interrupted")

        assert "{'first': 1}" == one.invoke("run", "result = state")


def test_a_simulated_crash_is_not_noticed(tmp_path):
    """The caller keeps waiting and gets the result; nothing is printed twice."""
    shown = Shown()
    with opened(tmp_path, clock=SystemClock(), output=shown) as engine:
        one = worker(engine)
        started = one.start("run", "print('one'); time.sleep(0.4); print('two'); result = 'done'")
        until(lambda: "monotonic_clock::now" in kinds(one))
        one.simulate_crash()

        assert "done" == started.wait(300)
        assert "one\ntwo\n" == shown.text
        assert "error" not in kinds(one)


def test_reverting_to_an_entry_un_fails_a_worker(tmp_path):
    """What was taken back is neither replayed nor anybody's result; the invocation goes on from there."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "state['kept'] = random.get_random_u64()")
        kept = one.oplog_index
        first = one.invoke("run", "result = state['kept']")
        with pytest.raises(InvocationError):
            one.invoke("run", "raise ValueError('boo')", idempotency_key="bad")
        one.revert(to=kept)

        assert "idle" == one.status
        assert first == one.invoke("run", "result = state['kept']")
        assert "again" == one.invoke("run", "result = 'again'", idempotency_key="bad")
    with opened(tmp_path) as engine:
        assert first == worker(engine).invoke("run", "result = state['kept']")


def test_reverting_invocations(tmp_path):
    """The last so many, from the end."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        for number in range(4):
            one.invoke("run", f"state.setdefault('n', []).append({number})")
        one.revert(last=2)

        assert "{'n': [0, 1]}" == one.invoke("run", "result = state")
        with pytest.raises(UsageError, match="has 3 invocations"):
            one.revert(last=9)
        with pytest.raises(UsageError, match="cannot go back to 0"):
            one.revert(to=0)


def test_a_fork_goes_on_by_itself(tmp_path):
    """The same history up to an entry, then its own."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "state['seen'] = [random.get_random_u64()]")
        at = one.oplog_index
        one.invoke("run", "state['seen'].append(1)")
        other = one.fork("copy", at)

        first = one.invoke("run", "result = state['seen'][0], len(state['seen'])")
        second = other.invoke("run", "result = state['seen'][0], len(state['seen'])")
        assert first.replace(", 2)", ", 1)") == second
        assert "w" == other.created.parent
        with pytest.raises(UsageError, match="already"):
            one.fork("copy")


def test_a_fork_in_the_middle_finishes_the_invocation(tmp_path):
    """Its caller's key has a result in the fork too."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        source = "a = random.get_random_u64(); b = random.get_random_u64(); result = a"
        whole = one.invoke("run", source, idempotency_key="k")
        middle = next(record.index for record in one.oplog() if getattr(record.entry, "function", "").endswith("u64"))
        other = one.fork("copy", middle)
        until(lambda: other.status == "idle")

        assert whole == again(other, "k")


@pytest.mark.guarantee("WORKER-1")
def test_a_build_that_does_the_same_takes_the_worker_over(tmp_path):
    """The history is replayed on it; what comes after runs on it."""
    with opened(tmp_path) as engine:
        one = ledger(engine)
        one.invoke("add", 5)
        same = ledger(engine, edit=SECOND)

        assert same is one
        assert (1, "idle") == (one.version, one.status)
        assert ["pending-update", "successful-update"] == kinds(one)[4:6]
        assert "second build" == one.invoke("pause")
        assert 7 == one.invoke("add", 2)
    with opened(tmp_path) as engine:
        assert 8 == engine.worker("l").invoke("add", 1)


@pytest.mark.guarantee("WORKER-1")
def test_a_build_that_does_something_else_is_refused(tmp_path):
    """With the difference; the worker is unchanged on its build."""
    with opened(tmp_path) as engine:
        one = ledger(engine)
        one.invoke("add", 5)
        with pytest.raises(UpdateRefused, match=r"recorded golem api::generate_idempotency_key.*attempted no-op"):
            ledger(engine, edit=OTHER)

        assert (0, "idle") == (one.version, one.status)
        assert "failed" == one.describe(full=True)["updates"][0]["status"]
        assert 6 == one.invoke("add", 1)


def test_a_fixed_build_repairs_a_failed_worker(tmp_path):
    """Its invocation goes on where it failed."""
    with opened(tmp_path) as engine:
        one = ledger(engine, edit=("ENTRIES.append(amount)", "ENTRIES.append(1 // amount)"))
        one.invoke("add", 1)
        with pytest.raises(InvocationError, match="ZeroDivisionError"):
            one.invoke("add", 0, idempotency_key="k")
        ledger(engine, edit=FIXED).settle()

        assert "idle" == one.status
        assert 2 == one.invoke("add", 0, idempotency_key="k")


def test_a_running_worker_is_updated_in_the_middle(tmp_path):
    """A sleeper replays on the new build and sleeps on."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = ledger(engine)
        started = one.start("pause", idempotency_key="k")
        until(lambda: one.status == "suspended")
        component = engine.load(guest("ledger", edit=SECOND))
        from durable_dsl.engine.worker.updates import requests as update_requests

        update_requests.request(one, component.version, "automatic")
        until(lambda: one.version == 1)
        assert "exported-function-completed" not in kinds(one)
        one.interrupt()
        with pytest.raises(InvocationError):
            started.wait(300)


def test_a_snapshot_carries_the_state_over(tmp_path):
    """Even to a build whose history would differ; later processes load it again."""
    with opened(tmp_path) as engine:
        one = ledger(engine)
        one.invoke("add", 5)
        one.update(engine.load(guest("ledger", edit=OTHER)), snapshot=True)

        assert 1 == one.version
        assert 7 == one.invoke("add", 2)
    with opened(tmp_path) as engine:
        one = engine.worker("l")
        assert [5, 2] == one.invoke("entries")
        assert ["no-op", "exported-function-completed"] == kinds(one)[-4:-2]


def test_a_snapshot_outlives_an_automatic_update(tmp_path):
    """A build that was moved to by replay starts from the same snapshot, in later processes too."""
    with opened(tmp_path) as engine:
        one = ledger(engine)
        one.invoke("add", 5)
        one.update(engine.load(guest("ledger", edit=SECOND)), snapshot=True)
        one.invoke("add", 2)
        one.update(engine.load(guest("ledger")))

        assert 10 == one.invoke("add", 3)
    with opened(tmp_path) as engine:
        one = engine.worker("l")
        assert 0 == one.version
        assert [5, 2, 3] == one.invoke("entries")


@pytest.mark.guarantee("WORKER-2")
def test_a_snapshot_that_cannot_be_loaded_changes_nothing(tmp_path):
    """The reason is in the update; the worker goes on where it was."""
    with opened(tmp_path) as engine:
        one = ledger(engine)
        one.invoke("add", 5)
        broken = engine.load(guest("ledger", edit=("json.loads(bytes)", "json.loads(b'{')")))
        with pytest.raises(UpdateRefused, match="refused the snapshot"):
            one.update(broken, snapshot=True)

        assert 6 == one.invoke("add", 1)


def test_updating_to_the_same_version_is_refused(tmp_path):
    """There is nothing to do."""
    with opened(tmp_path) as engine:
        one = ledger(engine)
        with pytest.raises(UsageError, match="on version 0 already"):
            one.update(engine.load(guest("ledger")))


def test_a_component_without_snapshots_says_so(tmp_path):
    """FailedUpdate with the reason; nothing else changes."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "")
        other = engine.load(guest("script", edit=("VERSION = 1", "VERSION = 2")))
        with pytest.raises(UpdateRefused, match="exports no save-snapshot"):
            one.update(other, snapshot=True)


def test_replay_on_a_new_build_uses_its_code(tmp_path):
    """After the update the new build's constants are seen."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", program("random.get_random_u64()"))
        assert "2" == worker(engine, edit=("VERSION = 1", "VERSION = 2")).invoke("run", "result = VERSION")


def test_a_failed_worker_that_cannot_be_repaired_stays_as_it_is(tmp_path):
    """The failed attempt is not made once more, and the difference is told."""
    source = """
        host.generate_idempotency_key()
        if VERSION == 2:
            random.get_random_bytes(3)
        host.get_oplog_index()
        raise ValueError(VERSION)
    """
    with opened(tmp_path) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError):
            one.invoke("run", program(source), idempotency_key="k")
        entries = kinds(one)
        with pytest.raises(UpdateRefused, match=r"recorded no-op, attempted golem random::get_random_bytes 3"):
            worker(engine, edit=("VERSION = 1", "VERSION = 2"))

        assert ("failed", 0) == (one.status, one.version)
        assert [*entries, "pending-update", "failed-update"] == kinds(one)
    with opened(tmp_path) as engine:
        one = engine.worker("w")
        assert "failed" == one.status
        with pytest.raises(InvocationError, match="1"):
            again(one, "k")


def test_forking_where_nothing_goes_on(tmp_path):
    """A fork of a failed worker is a failed worker; there is no entry 0; a name that is taken leaves nothing behind."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError):
            one.invoke("run", "raise ValueError(1)")
        assert "failed" == one.fork("copy").status
        with pytest.raises(UsageError, match="cannot be forked at 0"):
            one.fork("none", 0)
        with pytest.raises(UsageError, match="there is a worker 'copy' already"):
            one.fork("copy")
        assert ["copy", "w"] == [found.name for found in engine.workers()]


def test_what_another_worker_takes_back_is_taken_back_once(tmp_path):
    """It may ask again after a crash; what was done since stays."""
    from durable_dsl.engine.worker import commands

    with opened(tmp_path) as engine:
        one = worker(engine)
        for number in range(3):
            one.invoke("run", f"state['n'] = {number}")
        for _ in range(2):
            commands.revert_invocations(one, 1, "key")
        assert "1" == one.invoke("run", "result = state['n']")
        one.invoke("run", "state['n'] = 7")
        for again in (commands.revert_invocations, commands.revert):
            again(one, 1, "key")
        assert "7" == one.invoke("run", "result = state['n']")


def test_an_update_behind_one_that_is_wanted_again(tmp_path):
    """A revert has taken back what became of the first: it is tried again, and what becomes of it is not the answer."""
    with opened(tmp_path) as engine:
        one = ledger(engine)
        one.invoke("add", 1)
        second, third = (engine.load(guest("ledger", edit=edit)) for edit in (SECOND, OTHER))
        one.update(second, snapshot=True)
        asked = next(record.index for record in one.oplog() if record.kind == "pending-update")
        one.revert(to=asked + 3)  # in the middle of what loads the snapshot
        one.update(third)

        settled = [record.entry.version for record in one.oplog() if record.kind == "successful-update"]
        assert ([second.version] * 2 + [third.version], third.version) == (settled, one.version)
        assert [1] == one.invoke("entries")
