"""What waits in a worker's queue while the worker is updated, with success or without."""

from __future__ import annotations

import subprocess

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.errors import InvocationError, KeyInUse, UpdateRefused
from durable_dsl.engine.invocations.invocation import Invocation
from durable_dsl.engine.oplog.entries import PendingUpdate
from durable_dsl.engine.worker.updates import requests as update_requests
from tests.engine.interfaces.test_golem import until
from tests.engine.programs import ROOT, again, command, opened, program, run_command, worker
from tests.guests import guest

NEW = ("VERSION = 1", "VERSION = 2")
FIRST = {"fails": "result = VERSION", "succeeds": "result = 'the same'"}
FAILING = program("""
    host.generate_idempotency_key()
    for _ in range(1000):
        time.sleep(0.001)
    if VERSION == 1:
        raise ValueError("not on this build")
    result = "repaired"
""")


@pytest.mark.parametrize(("update", "build"), [("fails", 1), ("succeeds", 2)])
def test_the_queue_goes_on_after_an_update_in_the_middle(tmp_path, update, build):
    """On whichever build the worker is then; nothing is lost, nothing runs twice."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        one.invoke("run", FIRST[update])
        version = engine.load(guest("script", edit=NEW)).version  # compiled before it is waited for
        running = one.start("run", "host.generate_idempotency_key(); time.sleep(2); result = 'first'")
        until(lambda: one.running and one.oplog_index > 16)
        queued = [one.start("run", f"result = f'{name}{{VERSION}}'", idempotency_key=name) for name in "bc"]
        update_requests.request(one, version, "automatic")

        assert ["first", f"b{build}", f"c{build}"] == [job.wait(300) for job in (running, *queued)]
        assert 4 == sum(record.kind == "exported-function-completed" for record in one.oplog())


@pytest.mark.parametrize("update", ["fails", "succeeds"])
def test_the_queue_behind_a_failure_waits_for_the_repair(tmp_path, update):
    """An update that fails leaves it on disk; one that repairs the worker has it run."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", FIRST[update])
        jobs = [one.start("run", FAILING, idempotency_key="a")]
        jobs += [one.start("run", f"result = f'{name}{{VERSION}}'", idempotency_key=name) for name in "bc"]
        for job in jobs:
            with pytest.raises(InvocationError, match="not on this build"):
                job.wait(300)
        assert ["b", "c"] == [queued["idempotency_key"] for queued in one.describe(full=True)["pending"]]
        if update == "fails":
            with pytest.raises(UpdateRefused):
                worker(engine, edit=NEW)
            assert "failed" == one.status
            assert 2 == len(one.describe(full=True)["pending"])
            return
        worker(engine, edit=NEW).settle()

        assert [] == one.describe(full=True)["pending"]
        assert ["repaired", "b2", "c2"] == [again(one, name) for name in "abc"]


def test_the_queue_survives_a_kill_and_an_update_that_fails_then(tmp_path):
    """Asked for while the worker ran, tried by the next process: the invocation goes on, and then the queue."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", FIRST["fails"])
    said = "print('under way', file=sys.stderr); host.oplog_commit(1); time.sleep(30); result = VERSION"
    arguments = command(tmp_path, "run", str(guest("script")), "run", said, "--worker", "w", "--idempotency-key", "a")
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stderr is not None
    assert "under way\n" == process.stderr.readline()
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = engine.worker("w")
        until(lambda: one.status == "suspended")
        version = engine.load(guest("script", edit=NEW)).version
        process.kill()
        process.communicate()
        waits = one._queue
        export = one._build().resolve("run")
        for name in "bc":
            source = [f"result = f'{name}{{VERSION}}'"]
            waits.add(Invocation(export, source, f'["{source[0]}"]', name))
        with one.turn() as driver:
            driver.log.append(PendingUpdate(version, "automatic"))
            driver.log.commit()
    with opened(tmp_path) as engine:
        one = engine.worker("w")
        one.resume()
        one.settle()

        assert ["1", "b1", "c1"] == [again(one, name) for name in "abc"]
        assert ["failed"] == [update["status"] for update in one.describe(full=True)["updates"]]


def test_a_row_that_outlived_its_beginning_is_removed(tmp_path):
    """By the next process that runs the worker; what has not begun stays."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "result = 1", idempotency_key="begun")
        export = one._build().resolve("run")
        for key in ("begun", "waiting"):
            one._queue.add(Invocation(export, ["result = 2"], '["result = 2"]', key))
    with opened(tmp_path) as engine:
        one = worker(engine)
        assert "2" == again(one, "waiting")
        assert "1" == again(one, "begun")
        one.settle()
        assert [] == engine.store.read("SELECT key FROM queue")


@pytest.mark.guarantee("KEY-3")
def test_a_key_names_one_invocation(tmp_path):
    """Another function or other arguments are refused while it runs, waits, is done, and by a later process."""
    with opened(tmp_path, clock=SystemClock()) as engine, opened(tmp_path, clock=SystemClock()) as other:
        one = worker(engine)
        running = one.start("run", "time.sleep(1); result = 1", idempotency_key="runs")
        waiting = one.start("run", "result = 2", idempotency_key="waits")
        for key in ("runs", "waits"):
            with pytest.raises(KeyInUse, match=f"idempotency key '{key}' is that of another invocation of worker 'w'"):
                one.start("run", "result = 3", idempotency_key=key)
        assert waiting is one.start("run", "result = 2", idempotency_key="waits")
        assert ["1", "2"] == [job.wait(300) for job in (running, waiting)]
        for asked in (one, worker(other)):
            with pytest.raises(KeyInUse, match=r'run\("result = 2"\); this one is attempt\("result = 2"\)'):
                asked.invoke("attempt", "result = 2", idempotency_key="waits")
        assert 2 == sum(record.kind == "exported-function-invoked" for record in one.oplog())


def test_what_waits_can_be_taken_back(tmp_path):
    """It never runs, who waits for it is told, and its key is free; what runs or is done cannot be."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        running = one.start("run", "time.sleep(1); result = 1", idempotency_key="runs")
        waiting = one.start("run", "result = 2", idempotency_key="waits")
        assert one.cancel("waits")
        assert not one.cancel("waits")
        assert not one.cancel("runs")
        with pytest.raises(InvocationError, match="taken back before it began"):
            waiting.wait(300)
        assert "1" == running.wait(300)
        assert not one.cancel("runs")
        assert [] == engine.store.read("SELECT key FROM queue")
        assert "3" == one.invoke("run", "result = 3", idempotency_key="waits")


PROMISE = program("""
    promise = host.create_promise()
    print(promise.oplog_idx, file=sys.stderr)
    result = host.await_promise(promise).decode()
""")


@pytest.fixture
def left_behind(tmp_path):
    """A directory in which `pk` waits for a promise and `qk` in the queue, and no process is there any more."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        one.start("run", PROMISE, idempotency_key="pk")
        until(lambda: one.status == "suspended")
        one.start("run", "result = 'q'", idempotency_key="qk")
        return tmp_path, next(record.index for record in one.oplog() if record.kind == "no-op")


@pytest.mark.guarantee("TURN-2")
def test_what_an_earlier_process_accepted_is_run_by_whoever_asks_for_it(left_behind):
    """Also where the worker was only woken by its promise."""
    data, index = left_behind
    with opened(data, clock=SystemClock()) as engine:
        one = engine.worker("w")
        engine.complete_promise("w", index, b"given")
        until(lambda: one.status == "idle")
        assert "q" == one.start("run", "result = 'q'", idempotency_key="qk").wait(300)
        assert "given" == one.invoke("run", PROMISE, idempotency_key="pk")


@pytest.mark.guarantee("TURN-2")
def test_what_an_earlier_process_accepted_is_not_lost_by_letting_the_worker_go(left_behind):
    """What was read from the queue is read again by whoever opens the worker next, this process too."""
    data, index = left_behind
    with opened(data, clock=SystemClock()) as engine:
        one = engine.worker("w")
        with one.turn():
            pass
        assert one.release_if_idle()
        engine.complete_promise("w", index, b"given")
        assert "q" == one.start("run", "result = 'q'", idempotency_key="qk").wait(300)


def test_an_interrupt_leaves_what_waits_for_the_next_who_wants_it(left_behind):
    """A resumed invocation that is interrupted again does not go on because something else waits."""
    data, _ = left_behind
    with opened(data, clock=SystemClock()) as engine:
        one = engine.worker("w")
        one.resume_in_background()
        until(lambda: one.running and one.status == "suspended")
        assert one.interrupt()
        one.settle()
        assert "interrupted" == one.status
        assert ["qk"] == [queued["idempotency_key"] for queued in one.describe(full=True)["pending"]]


def test_what_an_earlier_process_accepted_can_be_taken_back(left_behind):
    """By the command line too, which runs nothing."""
    data, _ = left_behind
    assert 0 == run_command(data, "worker", "cancel", "w", "qk").returncode
    done = run_command(data, "worker", "cancel", "w", "qk")
    assert (1, True) == (done.returncode, "no invocation with the key 'qk' waits" in done.stderr)
    with opened(data) as engine:
        assert ("suspended", []) == (engine.worker("w").status, engine.worker("w").describe(full=True)["pending"])
