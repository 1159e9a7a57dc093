"""Waits and times of any length: nothing that a guest or a server can ask for is more than the engine can wait."""

from __future__ import annotations

import json
import time

import pytest

from durable_dsl.engine import clock, http_client_wire
from durable_dsl.engine.clock import LAST, SkippingClock, SystemClock
from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.oplog.view import as_json
from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.programs import opened, program, run_command, worker
from tests.foreign.waiting import until

FOREVER = 10**19
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
        started.wait(10)
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
        started.wait(10)

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
