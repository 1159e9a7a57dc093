"""Waits and times of any length: nothing that a guest or a server can ask for is more than the engine can wait."""

from __future__ import annotations

import json
import time

import pytest

from durable_dsl.engine import clock
from durable_dsl.engine.clock import LAST, SkippingClock, SystemClock
from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.http import wire as http_client_wire
from durable_dsl.engine.oplog.view import as_json
from durable_dsl.engine.replay.session import Session
from durable_dsl.engine.replay.suspension import Places
from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.programs import opened, program, run_command, worker
from tests.foreign.waiting import until

FOREVER = 10**19
HOUR = 3_600 * 10**9
MONTH = 30 * 86_400 * 10**9
MOST = 2**64 - 1


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture
def engine(tmp_path, server):
    with opened(tmp_path, clock=SystemClock(), allow_http=[server.authority]) as engine:
        yield engine


def test_a_response_beside_a_timer_of_centuries(engine, server):
    """As clients in Rust wait that have no time-out; the response comes late, and so does its body."""
    for path in ("slow/0.3", "dripping/0.3"):
        source = f"""
            def wait(thing):
                with thing.subscribe() as ready, monotonic_clock.subscribe_duration({FOREVER}) as timer:
                    return poll.poll([ready, timer])

            with send("get", URL + "/{path}") as future:
                waited = [future.get(), wait(future)]
                with future.get().value.value as response, response.consume() as body:
                    with body.stream() as stream:
                        got = b""
                        while len(got) < 4:
                            waited.append(wait(stream))
                            got += stream.read(100)
            result = waited[:3], got[:4]
        """
        got = worker(engine, path.replace("/", "-")).invoke("run", http_program(server.url, source))

        assert got.startswith("([None, [0], [0]], ")


def test_a_sleep_of_centuries_can_be_interrupted_and_shown(engine, tmp_path):
    """It is on record with a time that every program can write down."""
    one = worker(engine)
    started = one.start("run", program(f"monotonic_clock.subscribe_duration({FOREVER}).block()"))
    until(lambda: one.status == "suspended")
    assert one.interrupt()
    with pytest.raises(InvocationError) as stopped:
        started.wait(300)
    shown = run_command(tmp_path, "worker", "oplog", "w", "--json")

    assert ("Interrupted", "interrupted") == (stopped.value.type, one.status)
    suspended = [entry for entry in json.loads(shown.stdout) if entry["kind"] == "suspend"]
    assert [LAST] == [entry["until"] for entry in suspended]


def test_where_time_is_skipped_centuries_pass(tmp_path):
    """And entries are written after them."""
    with opened(tmp_path, clock=SkippingClock()) as engine:
        source = f"""
            for _ in range(3):
                monotonic_clock.subscribe_duration({FOREVER}).block()
                host.generate_idempotency_key()
            result = wall_clock.now().seconds
        """
        one = worker(engine)

        assert LAST // 10**9 == int(one.invoke("run", program(source))) // 10 * 10
        assert all(as_json(record)["time"] for record in one.oplog())


@pytest.mark.parametrize("length", [MONTH, MOST])
def test_time_outs_of_a_month_and_more(engine, server, length):
    """In each phase of a request."""
    source = f"""
        def patient():
            options = http.RequestOptions()
            options.set_connect_timeout({length})
            options.set_first_byte_timeout({length})
            options.set_between_bytes_timeout({length})
            return options

        result = [fetch("post", URL + path, b"data", options=patient()) for path in ("/slow/0.1", "/dripping/0.1")]
    """
    got = worker(engine).invoke("run", http_program(server.url, source))

    assert "[(200, b'slow'), (200, b'dropdrop')]" == got


def test_a_retry_in_centuries(engine):
    """The worker waits for it, and can be stopped."""
    one = worker(engine)
    source = f"""
        host.set_retry_policy(host.RetryPolicy(5, {MOST}, {MOST}, 2.0))
        raise ValueError("not today")
    """
    started = one.start("run", program(source))
    until(lambda: one.status == "retrying")
    assert one.interrupt()
    with pytest.raises(InvocationError):
        started.wait(300)

    assert "interrupted" == one.status


def test_retries_in_centuries_where_time_is_skipped(tmp_path):
    """Each of them comes."""
    with opened(tmp_path, clock=SkippingClock()) as engine:
        source = f"""
            host.set_retry_policy(host.RetryPolicy(3, {MOST}, {MOST}, 2.0))
            raise ValueError("not today")
        """
        one = worker(engine)
        with pytest.raises(InvocationError, match="not today"):
            one.invoke("run", program(source))

        assert 4 == sum(record.kind == "error" for record in one.oplog())


def test_a_caller_may_wait_for_centuries(engine):
    """Python's own functions cannot."""
    assert "7" == worker(engine).start("run", "result = 7").wait(1e12)


def test_files_of_another_age(engine):
    """Their times are set as far as the file system counts, and can be read."""
    source = """
        open("/old", "w").close()
        os.utime("/old", (2**33, 2**33))
        far = os.stat("/old").st_mtime
        try:
            os.utime("/old", ns=(2**63 - 1, 2**63 - 1))
        except OSError as refused:
            result = far, refused.errno
        else:
            result = far, os.stat("/old").st_mtime
    """
    assert "(8589934592.0, 9000000000.0)" == worker(engine).invoke("run", program(source))


def test_a_wait_in_pieces_takes_as_long(engine, server, monkeypatch):
    """What is longer than the system can wait at a time is waited for to its end, and so is a server."""
    monkeypatch.setattr(clock, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(http_client_wire, "LONGEST_WAIT", 0.05)
    source = """
        monotonic_clock.subscribe_duration(300_000_000).block()
        options = http.RequestOptions()
        options.set_first_byte_timeout(5_000_000_000)
        result = fetch("get", URL + "/slow/0.3", options=options)
    """
    started = time.monotonic()

    assert "(200, b'slow')" == worker(engine).invoke("run", http_program(server.url, source))
    assert 0.6 <= time.monotonic() - started


@pytest.fixture
def instances(monkeypatch):
    """Grows by one for each instance that is made."""
    made = []
    original = Session.open

    def counted(session):
        made.append(session)
        original(session)

    monkeypatch.setattr(Session, "open", counted)
    return made


HOURLY = f"""
for _ in range(30):
    monotonic_clock.subscribe_duration({HOUR}).block()
    state["rounds"] = state.get("rounds", 0) + 1
result = state
"""


@pytest.mark.parametrize(("keeps", "expected"), [(30.0, 1), (0.0, 31)])
def test_a_loop_of_long_sleeps_needs_one_instance(tmp_path, instances, keeps, expected):
    """Each of them is on record all the same; and where no instance is kept, each is followed by a replay."""
    with opened(tmp_path) as engine:
        engine.keep_idle = keeps
        one = worker(engine)

        assert "{'rounds': 30}" == one.invoke("run", HOURLY)
        assert expected == len(instances)
        assert 30 == sum(record.kind == "suspend" for record in one.oplog())


ASK = """
promise = host.create_promise()
result = host.await_promise(promise)
"""


def test_an_instance_is_kept_no_longer_than_an_idle_one(tmp_path, instances):
    """The worker goes on without, and what it waits for wakes it."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        engine.keep_idle = 0.2
        one = worker(engine)
        started = one.start("run", ASK)
        until(lambda: one.status == "suspended")
        until(lambda: one._driver.current is None)
        assert one.status == "suspended"
        engine.complete_promise("w", promise_of(engine), b"yes")

        assert ("b'yes'", 2) == (started.wait(300), len(instances))
        assert 1 == sum(record.kind == "suspend" for record in one.oplog())


def promise_of(engine, number=0):
    """The index of the promise that a worker has on disk."""
    until(lambda: len(engine.store.read("SELECT idx FROM promise")) > number)
    return engine.store.read("SELECT idx FROM promise ORDER BY worker, idx")[number][0]


def test_few_instances_are_kept(tmp_path):
    """What is more than that is released at once, as all were that need no instance."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        engine.places = Places(1)
        first, second = worker(engine, "first"), worker(engine, "second")
        waiting = [first.start("run", ASK)]
        until(lambda: first.status == "suspended")
        waiting.append(second.start("run", ASK))
        until(lambda: second.status == "suspended" and second._driver.current is None)
        assert first._driver.current is not None
        for number, name in enumerate(("first", "second")):
            engine.complete_promise(name, promise_of(engine, number), b"yes")

        assert ["b'yes'", "b'yes'"] == [each.wait(300) for each in waiting]


def test_nobody_is_woken_for_nothing(tmp_path, instances):
    """A call that waits for its turn, or a resume, does not have a sleeping worker replay its history."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        engine.keep_idle = 0.0
        one = worker(engine)
        first = one.start("run", ASK)
        until(lambda: one.status == "suspended")
        second = one.start("run", "result = 2")
        for _ in range(5):
            one.wake()
        time.sleep(0.3)
        assert 1 == len(instances)
        engine.complete_promise("w", promise_of(engine), b"yes")

        assert ("b'yes'", "2", 2) == (first.wait(300), second.wait(300), len(instances))


LATE = {
    "a sleep without an instance": f"monotonic_clock.subscribe_duration({HOUR}).block(); result = 1",
    "a sleep in place": "monotonic_clock.subscribe_duration(9 * 10**9).block(); result = 1",
    "a promise": ASK,
    "a retry": f"host.set_retry_policy(host.RetryPolicy(1, {HOUR}, {HOUR}, 1.0)); raise ValueError('later')",
}


@pytest.mark.guarantee("TIMEOUT-1")
@pytest.mark.parametrize("keeps", [30.0, 0.0], ids=["kept", "released"])
@pytest.mark.parametrize("what", ["a sleep without an instance", "a sleep in place", "a promise", "a retry"])
def test_the_time_limit_bounds_all_that_an_invocation_waits_for(tmp_path, what, keeps):
    """It is interrupted, not failed, and goes on where it was."""
    with opened(tmp_path, clock=SystemClock(), timeout=0.5) as engine:
        engine.keep_idle = keeps
        one = worker(engine)
        started = time.monotonic()
        with pytest.raises(InvocationError, match=r"longer than 0\.5 s") as late:
            one.invoke("run", LATE[what], idempotency_key="k")

        assert 8 > time.monotonic() - started
        assert ("TimeLimit", "interrupted", "interrupted") == (late.value.type, late.value.status, one.status)
    with opened(tmp_path, timeout=60) as engine:
        for (index,) in engine.store.read("SELECT idx FROM promise"):
            engine.complete_promise("w", index, b"1")
        if what == "a retry":
            with pytest.raises(InvocationError, match="later"):
                engine.worker("w").invoke("run", LATE[what], idempotency_key="k")
        else:
            assert engine.worker("w").invoke("run", LATE[what], idempotency_key="k") in {"1", "b'1'"}


def test_each_invocation_has_all_of_the_time_limit(tmp_path):
    """What was done before, and is replayed, takes nothing of it."""
    with opened(tmp_path, clock=SystemClock(), timeout=1.5) as engine:
        for _ in range(3):
            assert "None" == worker(engine).invoke("run", "monotonic_clock.subscribe_duration(800_000_000).block()")
    with opened(tmp_path, clock=SystemClock(), timeout=1.5) as engine:
        assert "7" == worker(engine).invoke("run", "result = 7")
