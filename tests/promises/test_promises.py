"""Promises: the same host calls in plain Python and as a component, and durable in the engine."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from durable_dsl.engine import Engine
from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.errors import UsageError
from durable_dsl.testing import trace
from durable_dsl.values.promise_ids import PromiseId
from tests.components import built_once
from tests.conformance.recording_host import RecordingHost

APP = Path(__file__).parent / "app"
WAITING = "test:promises/waiting"
CREATE, AWAIT, POLL, COMPLETE = "create-promise", "await-promise", "poll-promise", "complete-promise"
TYPED = [CREATE, COMPLETE, COMPLETE, AWAIT, POLL]

#: Function, its argument, host calls, and what the result begins with.
CALLS = [
    ("immediate", "bytes", TYPED, r"True False b'\x00\x01' b'\x00\x01'"),
    ("immediate", "str", TYPED, "True False 'ünder' 'ünder'"),
    ("immediate", "int", TYPED, "True False 7 7"),
    ("immediate", "dict", TYPED, "True False {'a': [1, None]} {'a': [1, None]}"),
    ("immediate", "enum", TYPED, "True False <Kind.LARGE: 'large'> <Kind.LARGE: 'large'>"),
    ("immediate", "record", TYPED, "True False Decision(approved=True, by='ann')"),
    ("immediate", "zero", [CREATE, POLL], "PromiseTimeout: nobody completed the promise"),
    ("immediate", "short", [CREATE, POLL, POLL], "PromiseTimeout: nobody completed the promise"),
    ("immediate-async", "record", [CREATE, COMPLETE, AWAIT, POLL], "Decision(approved=True, by='ann')"),
    ("immediate-async", "zero", [CREATE, POLL], "PromiseTimeout"),
    ("immediate-async", "short", [CREATE, POLL, POLL], "PromiseTimeout"),
    ("refused", "region", [CREATE, COMPLETE, "mark-begin-operation", "mark-end-operation"], "RegionError: the promise"),
    ("refused", "data", [CREATE, COMPLETE, AWAIT], "PromiseValueError: the promise"),
    ("refused", "value", [CREATE], "PromiseValueError: this is not a Decision to complete the promise with"),
    ("refused", "type", [], "TypeError: set has no JSON form"),
    ("refused", "id", [], "PromiseValueError: 'nonsense' is not the id of a promise"),
]


@pytest.fixture(scope="session")
def component(tmp_path_factory):
    return built_once(APP, tmp_path_factory)


@pytest.fixture(scope="session")
def recorded(component):
    return RecordingHost(component, "golem:api/host@1.1.5")


@pytest.fixture(scope="session")
def plain():
    spec = importlib.util.spec_from_file_location("waiting", APP / "waiting.py")
    module = sys.modules["waiting"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ManualClock(SkippingClock):
    """Time that stands still but for `advance`."""

    def __init__(self, start=1_700_000_000_000_000_000):
        self.time = start

    def now(self):
        return self.time

    def advance(self, nanoseconds):
        self.time += nanoseconds

    def wait(self, condition, until, *, outside=False, again=None):
        condition.wait(0.002)


class Output:
    """What guests print, and the promise that they print the id of."""

    def __init__(self):
        self.text = ""
        self._lock = threading.Condition()

    def __call__(self, _level, data):
        with self._lock:
            self.text += data.decode()
            self._lock.notify_all()

    def promise(self):
        with self._lock:
            assert self._lock.wait_for(lambda: self.text.endswith("\n"), 20)
        return self.text.strip()


def until(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it did not come about")


@pytest.mark.parametrize(("function", "argument", "expected", "result"), CALLS)
def test_plain_python(plain, function, argument, expected, result):
    """The host calls that plain Python would make."""
    with trace() as calls:
        got = getattr(plain, function.replace("-", "_"))(argument)
        got = asyncio.run(got) if asyncio.iscoroutine(got) else got

    assert expected == [call.name for call in calls]
    assert got.startswith(result)


@pytest.mark.parametrize(("function", "argument", "expected", "result"), CALLS)
def test_component(recorded, function, argument, expected, result):
    """The same host calls, from the component."""
    names, _, got = recorded.call(WAITING, function, argument)

    assert expected == names
    assert got.startswith(result)


def test_what_is_wrong_is_named(plain):
    """The place in the value, what was expected and what was there."""
    said = plain.refused("data")

    assert said.endswith('was completed with what is not a Decision: approved: expected true or false, got "yes"')


@pytest.mark.parametrize(
    ("function", "seconds"), [("decide", 7_200.0), ("decide", 1e8), ("decide-async", 7_200.0), ("decide-async", 1e8)]
)
def test_a_wait_costs_the_same_whatever_its_length(component, tmp_path, function, seconds):
    """One sleep: the engine ends it when the promise is completed, so nobody need look in between."""
    with Engine.open(tmp_path, clock=SkippingClock(), output=Output()) as engine:
        worker = engine.worker("w", engine.load(component))

        assert worker.invoke(function, seconds).startswith("nobody answered")
        kinds = [getattr(record.entry, "function", None) or record.kind for record in worker.oplog()]
        assert 1 == kinds.count("suspend")
        assert 40 > len([kind for kind in kinds if kind != "golem random::get_random_bytes"])


def test_several_waits_at_once_cost_one(component, tmp_path):
    """Promises, a time-out around them and a sleep beside them; the answer comes from outside, after months."""
    output, clock = Output(), ManualClock()
    with Engine.open(tmp_path, clock=clock, output=output) as engine:
        worker = engine.worker("w", engine.load(component))
        started = worker.start("several", 1e8)
        until(lambda: output.text.count("\n") == 2)
        promise = output.text.splitlines()[1]
        until(lambda: worker.status == "suspended")
        clock.advance(10**7 * 10**9)
        before = worker.oplog_index
        assert engine.complete_promise(promise, "late")

        assert "late after 1 nap" == started.wait(300)
        assert 20 > worker.oplog_index - before
        assert 20 > len([each for each in worker.oplog() if each.kind == "suspend"])


@pytest.mark.parametrize("function", ["decide", "decide-async"])
def test_an_answer_before_the_deadline(component, tmp_path, function):
    """By its id and a value, which ends the pause between two looks at once."""
    output, clock = Output(), ManualClock()
    with Engine.open(tmp_path, clock=clock, output=output) as engine:
        worker = engine.worker("w", engine.load(component))
        started = worker.start(function, 86_400.0)
        promise = output.promise()
        for _ in range(2000):  # until it pauses for so long that it is suspended
            if worker.status == "suspended":
                break
            clock.advance(1_000_000_000)
            time.sleep(0.005)
        at = clock.now()
        assert engine.complete_promise(promise, {"approved": True, "by": "ann"})

        assert started.wait(300).startswith("Decision(approved=True, by='ann')")
        assert at == clock.now()
        assert not engine.complete_promise(promise, {"approved": False})


@pytest.mark.guarantee("PROMISE-2")
def test_the_deadline_stays_where_it_was(component, tmp_path):
    """The worker is down for a while in between: the time goes on, and does not start anew."""
    output, clock = Output(), ManualClock()
    begun = clock.now()
    with Engine.open(tmp_path, clock=clock, output=output) as engine:
        worker = engine.worker("w", engine.load(component))
        worker.start("decide", 100.0, idempotency_key="k")
        output.promise()
        for _ in range(20):
            clock.advance(1_000_000_000)
            time.sleep(0.01)
    clock.advance(50_000_000_000)
    with Engine.open(tmp_path, clock=clock, output=Output()) as engine:
        again = engine.worker("w").start("decide", 100.0, idempotency_key="k")
        while not again.done:
            clock.advance(500_000_000)
            time.sleep(0.005)

        assert "nobody answered" == again.wait(300)
        assert 95 <= (clock.now() - begun) / 1e9 <= 110


def test_a_worker_answers_another(component, tmp_path):
    """The id is all that it needs."""
    output = Output()
    with Engine.open(tmp_path, output=output) as engine:
        loaded = engine.load(component)
        started = engine.worker("asking", loaded).start("decide", 0.0)
        promise = output.promise()

        assert engine.worker("answering", loaded).invoke("approve", promise, True)
        assert "Decision(approved=True, by='a worker')" == started.wait(300)
        assert not engine.worker("answering", loaded).invoke("approve", promise, False)


def test_tasks_of_one_worker(component, tmp_path):
    """Two promises and a timer at once; one is completed by the worker itself."""
    output = Output()
    with Engine.open(tmp_path, output=output) as engine:
        worker = engine.worker("w", engine.load(component))
        started = worker.start("both")
        promise = output.promise()
        assert engine.complete_promise(promise, "hello")

        assert "hello 2" == started.wait(300)


def verb(*words):
    command = [sys.executable, "-m", "durable_dsl", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_line_answers_while_nothing_runs(component, tmp_path):
    """The process that waited was killed; the command completes the promise, runs the worker on and ends."""
    data = ("--data", tmp_path)
    waiting = verb("run", component, "decide", "3600", "--worker", "w", "--idempotency-key", "k", *data)
    promise = waiting.stderr.readline().strip()
    waiting.kill()
    waiting.communicate()
    answer = verb("worker", "complete-promise", promise, '{"approved": true, "by": "ops"}', *data)
    _, said = answer.communicate(timeout=300)
    again = verb("run", component, "decide", "3600", "--worker", "w", "--idempotency-key", "k", *data)
    out, _ = again.communicate(timeout=300)

    assert (0, True) == (answer.returncode, "completed" in said)
    assert "Decision(approved=True, by='ops')" == json.loads(out)


def test_the_command_line_answers_one_question_at_a_time(component, tmp_path):
    """A worker that waits for the next answer does not keep the command."""
    data = ("--data", tmp_path)
    call = ("run", component, "twice", "--worker", "w", "--idempotency-key", "k", *data)
    waiting = verb(*call)
    promise = waiting.stderr.readline().strip()
    while '"suspend"' not in verb("worker", "oplog", "w", "--json", *data).communicate(timeout=300)[0]:
        pass  # until then its output is not on disk, and would be shown again
    waiting.kill()
    waiting.communicate()
    said = []
    for by in ("ann", "bob"):
        answer = verb("worker", "complete-promise", promise, json.dumps({"approved": True, "by": by}), *data)
        said.append(answer.communicate(timeout=300)[1])
        promise = said[0].splitlines()[0]

    assert "waits for something else" in said[0]
    assert "waits" not in said[1]
    assert "ann bob" == json.loads(verb(*call).communicate(timeout=300)[0])


def test_the_command_line_answers_a_running_process(component, tmp_path):
    """Named by worker and index; the process that waits goes on by itself."""
    data = ("--data", tmp_path)
    waiting = verb("run", component, "decide", "0", "--worker", "w", *data)
    index = PromiseId.parse(waiting.stderr.readline().strip()).index
    while '"suspended"' not in verb("worker", "show", "w", "--json", *data).communicate(timeout=300)[0]:
        pass
    answer = verb("worker", "complete-promise", "w", *data, index, '{"approved": false}')
    answer.communicate(timeout=300)
    out, _ = waiting.communicate(timeout=300)

    assert (0, 0) == (answer.returncode, waiting.returncode)
    assert "Decision(approved=False, by='nobody')" == json.loads(out)


def test_promises_are_named_in_words_that_help(component, tmp_path):
    """Ids of other components, of nothing, and values that cannot be."""
    output = Output()
    with Engine.open(tmp_path, output=output) as engine:
        engine.worker("w", engine.load(component)).start("decide", 0.0)
        promise = PromiseId.parse(output.promise())
        foreign = str(promise).replace(str(promise.component), "00000000-0000-0000-0000-000000000001")
        for given, said in [
            (("nonsense", b""), "is not the id of a promise"),
            ((foreign, b""), "of another component"),
            ((str(promise), {1, 2}), "cannot hold {1, 2}"),
            ((str(promise)[:-1] + "999", b""), "has no promise"),
            ((f"{promise.component}/missing/3", b""), "no worker 'missing'"),
        ]:
            with pytest.raises(UsageError, match=said):
                engine.complete_promise(*given)


def test_the_command_line_says_what_it_takes(tmp_path):
    """An index that is none, and one value too many."""
    for words, said in [
        (("w", "x"), "is not the id of a promise, and no INDEX follows it"),
        (("w", "3", "a", "b"), "more than one VALUE"),
    ]:
        process = verb("worker", "complete-promise", *words, "--data", tmp_path)
        _, err = process.communicate(timeout=300)

        assert (2, True) == (process.returncode, said in err)
