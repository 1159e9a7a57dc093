"""A worker that another process holds: two engines on one directory are as two processes."""

from __future__ import annotations

import subprocess
import time

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.errors import InvocationError, LeaseError
from durable_dsl.engine.invocations.invocation import Invocation
from durable_dsl.engine.signals import Interrupt
from durable_dsl.engine.worker import control, watcher
from tests.engine.programs import ROOT, command, opened, worker
from tests.guests import guest


@pytest.fixture
def elsewhere(tmp_path):
    """Start a program in worker `w` in another process, under the key `k`; returns when it is under way."""
    started = []

    def start(source):
        said = f"print('under way', file=sys.stderr)\n{source}"
        arguments = command(tmp_path, "run", str(guest("script")), "run", said, "--worker", "w")
        process = subprocess.Popen(
            [*arguments, "--idempotency-key", "k"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        started.append(process)
        assert process.stderr is not None
        assert "under way\n" == process.stderr.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_an_idle_holder_lets_go_when_asked(tmp_path):
    """Whoever wants to call the worker gets it, and finds what the other one left."""
    with opened(tmp_path) as engine, opened(tmp_path) as other:
        one = worker(engine)
        one.invoke("run", "state['n'] = 1")
        assert one.held
        assert "1" == worker(other).invoke("run", "result = state['n']")
        assert not one.held


def test_a_busy_holder_is_not_disturbed(tmp_path, elsewhere):
    """Another invocation is refused, and says which process has the worker; so it is without waiting for `start`."""
    process = elsewhere("time.sleep(9)")
    with opened(tmp_path) as engine:
        one = worker(engine)
        with pytest.raises(LeaseError, match=f"in use by another process .process {process.pid}."):
            one.start("run", "result = 2")
        with pytest.raises(LeaseError):
            one.invoke("run", "result = 2", idempotency_key="another")


def test_an_invocation_that_runs_there_is_joined(tmp_path, elsewhere):
    """The same key gets the same result, however long it takes, and nothing runs twice."""
    said = elsewhere("host.oplog_commit(1); time.sleep(1.5); result = 'there'").args[6]
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        assert "there" == one.invoke("run", said, idempotency_key="k")
        assert 1 == sum(record.kind == "exported-function-invoked" for record in one.oplog())


def test_an_invocation_of_which_nothing_is_on_disk_is_joined(tmp_path, elsewhere):
    """Whoever asks for the worker makes it known."""
    said = elsewhere("result = f'there {sum(range(3 * 10**7))}'").args[6]
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        assert not one.accepted("k")
        assert one.invoke("run", said, idempotency_key="k").startswith("there")
        assert 1 == sum(record.kind == "exported-function-invoked" for record in one.oplog())


def test_an_invocation_that_waits_for_a_replay_is_joined(tmp_path):
    """It has not begun, and has no place in the queue: it gets one when another process asks."""
    with opened(tmp_path) as engine, opened(tmp_path) as other:
        one = worker(engine)
        with one.turn():
            job = Invocation(one._build().resolve("run"), ["result = 1"], '["result = 1"]', "k")
            one._backlog.add(job)
            assert not worker(other).accepted("k")
            with pytest.raises(LeaseError):
                worker(other).start("run", "result = 1", idempotency_key="k")
            assert one.make_known()
            assert worker(other).accepted("k")
            assert job.queued


def test_an_invocation_that_dies_there_is_continued_here(tmp_path, elsewhere):
    """Who waits for it takes it over."""
    process = elsewhere("host.oplog_commit(1); time.sleep(20); result = 'went on'")
    with opened(tmp_path, clock=SystemClock()) as engine:
        job = worker(engine)
        with pytest.raises(LeaseError):
            job.start("run", process.args[6], idempotency_key="k")
        process.kill()
    with opened(tmp_path) as engine:
        assert "went on" == worker(engine).invoke("run", process.args[6], idempotency_key="k")


def test_what_was_asked_of_a_process_that_is_gone_is_forgotten(tmp_path):
    """An interrupt that nobody carried out does not meet a later invocation."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        control.ask(engine, one.id, "interrupt")
        assert "1" == one.invoke("run", "time.sleep(0.3); result = 1")
        control.ask(engine, one.id, "interrupt")  # of one that is idle
        while engine.store.read("SELECT 1 FROM control"):
            time.sleep(0.01)
        assert "2" == one.invoke("run", "time.sleep(0.3); result = 2")


def test_what_several_processes_ask_is_done_in_order(tmp_path, monkeypatch):
    """Nothing that is asked takes the place of what was asked before; the same twice in a row is done once."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        done = []
        monkeypatch.setattr(watcher, "_carried_out", lambda _worker, action: not done.append(action))
        monkeypatch.setattr(watcher.update_requests, "carry_out", lambda _worker, _asked, action: done.append(action))
        with one.turn():
            engine._watcher.close()
            for action in ("update automatic 1 5", "release", "release", "interrupt", "cancel k", "release"):
                control.ask(engine, one.id, action)
            watcher.look(engine)
    assert ["update automatic 1 5", "release", "interrupt", "cancel k", "release"] == done


def test_what_is_not_done_yet_holds_back_what_was_asked_later(tmp_path, monkeypatch):
    """And is tried again at the next look."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        done, ready = [], False

        def carried_out(_worker, action):
            done.append(action)
            return ready or action != "release"

        monkeypatch.setattr(watcher, "_carried_out", carried_out)
        with one.turn():
            engine._watcher.close()
            for action in ("release", "interrupt"):
                control.ask(engine, one.id, action)
            watcher.look(engine)
            ready = True
            watcher.look(engine)
    assert ["release", "release", "interrupt"] == done


def test_an_update_that_was_asked_of_a_process_that_is_gone_is_still_wanted(tmp_path):
    """Only what was asked of what ran there is forgotten."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        for action in ("interrupt", "update automatic 7 1", "release"):
            control.ask(engine, one.id, action)
        control.forget(engine, one.id)
        assert [("update automatic 7 1",)] == engine.store.read("SELECT action FROM control")


def test_what_waits_in_another_process_is_taken_back_there(tmp_path, elsewhere):
    """The process that is busy with the worker does it; what has begun there is let alone."""
    process = elsewhere("host.oplog_commit(1); time.sleep(60)")
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        export = one._build().resolve("run")
        one._queue.add(Invocation(export, ["result = 3"], '["result = 3"]', "waits"))

        assert one.cancel("waits")
        assert not one.cancel("waits")
        assert not one.cancel("k")
        assert [] == engine.store.read("SELECT 1 FROM queue")
        assert process.poll() is None


def test_what_the_holder_has_begun_is_not_taken_back(tmp_path):
    """Its first entry is not on disk, and its place in the queue is: only the holder knows."""
    with opened(tmp_path, clock=SystemClock()) as engine, opened(tmp_path, clock=SystemClock()) as other:
        one = worker(engine)
        first = one.start("run", "time.sleep(0.2)")
        second = one.start("run", f"result = sum(range({3 * 10**7}))", idempotency_key="second")
        first.wait(300)
        while one.oplog()[-1].kind == "exported-function-completed":
            time.sleep(0.001)
        assert [("second",)] == engine.store.read("SELECT key FROM queue")
        assert not worker(other).cancel("second")
        assert str(sum(range(3 * 10**7))) == second.wait(300)


def test_a_holder_that_tells_the_caller(tmp_path):
    """Whoever waits over there for an invocation that is taken back here is told."""
    with opened(tmp_path, clock=SystemClock()) as engine, opened(tmp_path, clock=SystemClock()) as other:
        one = worker(engine)
        first = one.start("run", "time.sleep(1); result = 1")
        second = one.start("run", "result = 2", idempotency_key="second")
        assert worker(other).cancel("second")
        with pytest.raises(InvocationError, match="taken back before it began"):
            second.wait(300)
        assert "1" == first.wait(300)


def test_a_signal_that_comes_too_late_ends_nothing(tmp_path):
    """The invocation was done when it came; the next one is another."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        job = one.start("run", "time.sleep(0.1); state['n'] = 1")
        job.when_done(lambda: one.signal(Interrupt()))
        job.wait(300)
        one.settle()
        assert "1" == one.invoke("run", "result = state['n']")
        with pytest.raises(InvocationError, match="1"):
            one.invoke("run", "raise ValueError(1)")
        assert "failed" == one.status


def test_the_queue_on_disk_holds_what_has_not_begun(tmp_path):
    """A row goes when its invocation begins."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        first = one.start("run", "time.sleep(0.4)")
        second = one.start("run", "result = 2", idempotency_key="second")
        assert [("second",)] == engine.store.read("SELECT key FROM queue")
        first.wait(300)
        assert "2" == second.wait(300)
        assert [] == engine.store.read("SELECT key FROM queue")


def test_a_worker_that_was_deleted_says_so(tmp_path):
    """Also to whoever held it before."""
    with opened(tmp_path) as engine, opened(tmp_path) as other:
        one = worker(engine)
        other.delete_worker(one.name)
        with pytest.raises(ValueError, match="worker 'w' was deleted"):
            one.invoke("run", "result = 1")
