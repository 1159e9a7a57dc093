"""Requests that were under way when the process died: what is sent again, and what never is."""

from __future__ import annotations

import sqlite3
import subprocess
import time

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.errors import InvocationError
from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.programs import ROOT, command, killed_when, opened, parsed, run_command, worker
from tests.engine.tampering import change_entry
from tests.guests import guest


@pytest.fixture
def server():
    with serving() as running:
        yield running


def run_arguments(server, text):
    source = http_program(server.url, f"def at(place):\n    print(place, file=sys.stderr)\n\n{text}")
    common = ("--worker", "w", "--idempotency-key", "k", "--allow-http", server.authority)
    return ("run", str(guest("script")), "run", source, *common)


def killed_at_the_gate(data, server, text):
    """Runs the program in a process that is killed, as by `kill -9`, where it says so."""
    process = subprocess.Popen(
        command(data, *run_arguments(server, text)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    killed_when(process, "at the gate")
    server.gate.set()


def again(data, server, text):
    """The same command once more."""
    return parsed(run_command(data, *run_arguments(server, text), "--json"))


def oplog_kinds(data):
    with opened(data) as engine:
        return [record.kind for record in worker(engine).oplog()]


NOT_SEEN = """
host.set_idempotence_mode({idempotent})
future = send("post", URL + "/gated", b"body")
host.generate_idempotency_key()
at("at the gate")
time.sleep(0.3)
result = b"".join(pieces(answer(future)))
"""


def test_a_request_of_which_nothing_was_seen_is_sent_again(tmp_path, server):
    """Although other things were done since: they are answered from the oplog, and nothing is deleted."""
    text = NOT_SEEN.format(idempotent=True)
    killed_at_the_gate(tmp_path, server, text)

    assert "b'first halfother half'" == again(tmp_path, server, text)["result"]
    assert 2 == server.requests["POST /gated"]
    assert [b"body", b"body"] == server.bodies
    assert "jump" not in oplog_kinds(tmp_path)


def test_with_idempotence_off_it_is_never_sent_again(tmp_path, server):
    """Whether the server has done it is not known: the worker has failed, at once and for good."""
    text = NOT_SEEN.format(idempotent=False)
    killed_at_the_gate(tmp_path, server, text)

    for _ in range(2):
        said = again(tmp_path, server, text)
        assert ("NonIdempotentWriteUnfinished", "failed") == (said["error"]["type"], said["status"])
        assert "POST" in said["error"]["message"]
        assert "/gated" in said["error"]["message"]
    assert 1 == server.requests["POST /gated"]
    assert 1 == oplog_kinds(tmp_path).count("error")


SEEN = """
future = send("get", URL + "/gated")
with answer(future) as response, response.consume() as body, body.stream() as stream:
    got = b""
    while len(got) < 10:
        got += stream.blocking_read(10)
    {between}
    at("at the gate")
    try:
        while True:
            got += stream.blocking_read(100)
    except Err as end:
        kind = type(end.value).__name__
        if kind != "StreamError_Closed":
            kind = code(Err(http.http_error_code(end.value.value)))
    result = got, kind
"""


def test_a_response_that_was_being_read_is_asked_for_again(tmp_path, server):
    """What had come is deleted from the history, and the guest reads it all anew."""
    text = SEEN.format(between="")
    killed_at_the_gate(tmp_path, server, text)

    assert "(b'first halfother half', 'StreamError_Closed')" == again(tmp_path, server, text)["result"]
    assert 2 == server.requests["GET /gated"]
    assert 1 == oplog_kinds(tmp_path).count("jump")


def test_but_not_where_something_else_was_done_since(tmp_path, server):
    """That must not be done twice: the guest gets an error from the stream, and goes on."""
    text = SEEN.format(between="host.generate_idempotency_key()")
    killed_at_the_gate(tmp_path, server, text)

    assert "(b'first half', 'ConnectionTerminated')" == again(tmp_path, server, text)["result"]
    assert 1 == server.requests["GET /gated"]
    assert "jump" not in oplog_kinds(tmp_path)


def test_nor_where_a_region_was_closed_since(tmp_path, server):
    """A closed atomic region is an effect."""
    text = SEEN.format(between="host.mark_end_operation(host.mark_begin_operation()); host.oplog_commit(1)")
    killed_at_the_gate(tmp_path, server, text)

    assert "(b'first half', 'ConnectionTerminated')" == again(tmp_path, server, text)["result"]


def test_a_request_begun_since_and_unanswered_is_no_obstacle(tmp_path, server):
    """It would be sent again in any case."""
    text = SEEN.format(between='other = send("get", URL + "/slow/0.2"); time.sleep(0.1)')
    killed_at_the_gate(tmp_path, server, text)

    assert "(b'first halfother half', 'StreamError_Closed')" == again(tmp_path, server, text)["result"]
    assert (2, 2) == (server.requests["GET /gated"], server.requests["GET /slow/0.2"])


def test_unless_it_must_not_be_sent_twice(tmp_path, server):
    """One begun with idempotence off is an effect; the worker fails there, and not before it has read on."""
    once = 'host.set_idempotence_mode(False); other = send("get", URL + "/slow/0.2"); time.sleep(0.1)'
    text = SEEN.format(between=once)
    killed_at_the_gate(tmp_path, server, text)

    assert "NonIdempotentWriteUnfinished" == again(tmp_path, server, text)["error"]["type"]
    assert (1, 1) == (server.requests["GET /gated"], server.requests["GET /slow/0.2"])


def test_a_response_of_which_all_has_come_needs_no_more(tmp_path, server):
    """Although the guest did not know yet that it was all, and did something else meanwhile."""
    text = SEEN.replace("/gated", "/bytes/10").format(between="host.generate_idempotency_key()")
    killed_at_the_gate(tmp_path, server, text)

    expected = bytes(range(10)), "StreamError_Closed"
    assert str(expected) == again(tmp_path, server, text)["result"]
    assert 1 == server.requests["GET /bytes/10"]


def test_a_response_that_was_read_is_not_asked_for_again(tmp_path, server):
    """All of it is in the oplog."""
    text = """
found = fetch("get", URL + "/bytes/300000")[1]
at("at the gate")
time.sleep(0.3)
result = len(found), sum(found)
"""
    killed_at_the_gate(tmp_path, server, text)

    data = bytes(at % 251 for at in range(300000))
    assert str((len(data), sum(data))) == again(tmp_path, server, text)["result"]
    assert 1 == server.requests["GET /bytes/300000"]


def test_a_response_that_broke_off_ends_as_it_did(tmp_path, server):
    """What is asked of its end after the crash says the failure that a read before the crash was given."""
    text = """
body = answer(send("get", URL + "/cut")).consume()
stream = body.stream()
def read():
    try:
        while True:
            stream.blocking_read(100)
    except Err as end:
        return type(http.http_error_code(end.value.value)).__name__
first = read()
host.generate_idempotency_key()
at("at the gate")
time.sleep(0.3)
second = read()
stream.__exit__(None, None, None)
with http.IncomingBody.finish(body) as future:
    result = first, second, type(future.get().value.value).__name__
"""
    killed_at_the_gate(tmp_path, server, text)

    assert str(("ErrorCode_HttpResponseIncomplete",) * 3) == again(tmp_path, server, text)["result"]


def test_killed_in_the_middle_of_a_request_body(tmp_path, server):
    """The body is no part of the oplog: replay writes it again, and the server gets it whole."""
    text = """
request = made("post", URL + "/echo")
body = request.body()
future = outgoing_handler.handle(request, None)
with body.write() as stream:
    for at_ in range(64):
        stream.blocking_write_and_flush(bytes([at_]) * 4096)
        if at_ == 40:
            host.generate_idempotency_key()
            at("at the gate")
            time.sleep(0.3)
http.OutgoingBody.finish(body, None)
got = b"".join(pieces(answer(future)))
result = len(got), sum(got)
"""
    killed_at_the_gate(tmp_path, server, text)

    assert str((64 * 4096, 4096 * sum(range(64)))) == again(tmp_path, server, text)["result"]


# Within one process


def crashed(server, data, text, later):
    """A first invocation, the loss of the instance, and a second one that sees the state of the first."""
    with opened(data, clock=SystemClock(), allow_http=[server.authority]) as engine:
        worker(engine).invoke("run", http_program(server.url, text))
    with opened(data, clock=SystemClock(), allow_http=[server.authority]) as engine:
        return worker(engine).invoke("run", http_program(server.url, later))


def test_a_response_may_be_kept_for_a_later_invocation(tmp_path, server):
    """Across a restart too: it is rebuilt from the oplog."""
    found = crashed(server, tmp_path, 'state["kept"] = fetch("get", URL + "/bytes/10")', "result = state['kept']")

    assert "(200, b'\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\t')" == found
    assert 1 == server.requests["GET /bytes/10"]


OPEN = 'state["open"] = send("get", URL + "/slow/0.2")\nanswer_of = state["open"]\n{}'


@pytest.mark.parametrize("looked", ["", "answer_of.get()"])
def test_a_request_left_open_by_a_finished_invocation_is_not_sent_again(tmp_path, server, looked):
    """Its invocation has completed: asking for more gives an error, the history stays as it is."""
    later = """
        try:
            result = b"".join(pieces(answer(state["open"])))
        except Err as problem:
            result = code(problem)
    """
    found = crashed(server, tmp_path, OPEN.format(looked), later)

    assert "ConnectionTerminated" == found
    # Not even once, where the engine was closed before the connection stood.
    assert server.requests["GET /slow/0.2"] <= 1


def test_in_the_same_process_it_can_be_read_on(tmp_path, server):
    """The connection lives as long as the instance."""
    with opened(tmp_path, clock=SystemClock(), allow_http=[server.authority]) as engine:
        one = worker(engine)
        one.invoke("run", http_program(server.url, OPEN.format("")))
        found = one.invoke("run", http_program(server.url, 'result = b"".join(pieces(answer(state["open"])))'))

    assert "b'slow'" == found


def test_an_interrupt_reaches_a_guest_that_waits_for_a_response(tmp_path, server):
    """At once; the request is given up, and sent again by whoever resumes the worker."""
    with opened(tmp_path, clock=SystemClock(), allow_http=[server.authority]) as engine:
        one = worker(engine)
        source = http_program(server.url, 'result = fetch("get", URL + "/slow/2")')
        job = one.start("run", source, idempotency_key="k")
        assert server.arrived.wait(300)
        started = time.monotonic()
        one.interrupt()
        with pytest.raises(InvocationError, match="interrupted"):
            job.wait(300)
        assert time.monotonic() - started < 1.8
        one.resume()

        assert "(200, b'slow')" == one.invoke("run", source, idempotency_key="k")
    assert 2 == server.requests["GET /slow/2"]


def test_the_time_limit_reaches_it_too(tmp_path, server):
    """A response that does not come is no way around `timeout`."""
    with opened(tmp_path, clock=SystemClock(), allow_http=[server.authority], timeout=0.3) as engine:
        with pytest.raises(InvocationError, match=r"longer than 0\.3 s"):
            worker(engine).invoke("run", http_program(server.url, 'fetch("get", URL + "/slow/2")'))


def test_awaiting_a_promise_with_a_request_open(tmp_path, server):
    """The instance is kept, and the request with it: releasing it would mean to ask again."""
    text = """
        future = send("get", URL + "/gated")
        response = answer(future)
        stream = response.consume().stream()
        first = stream.blocking_read(10)
        promise = host.create_promise()
        host.oplog_commit(1)
        given = host.await_promise(promise)
        rest = b""
        while len(rest) < 10:
            rest += stream.blocking_read(10)
        result = first, given, rest
    """
    with opened(tmp_path, clock=SystemClock(), allow_http=[server.authority]) as engine:
        one = worker(engine)
        job = one.start("run", http_program(server.url, text))
        while (row := engine.store.read_one("SELECT idx FROM promise")) is None:
            time.sleep(0.01)
        engine.complete_promise(one.name, row[0], b"go")
        server.gate.set()

        assert "(b'first half', b'go', b'other half')" == job.wait(300)
    assert 1 == server.requests["GET /gated"]


def test_a_failure_in_the_middle_of_a_response(tmp_path, server):
    """While the guest holds it, the retry asks again; all attempts are failures of one retry point."""
    text = """
        response = answer(send("get", URL + "/bytes/100"))
        body = response.consume()
        stream = body.stream()
        stream.blocking_read(10)
        raise ValueError("cannot read this")
    """
    with opened(tmp_path, allow_http=[server.authority]) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError, match="cannot read this"):
            one.invoke("run", http_program(server.url, text))
        begin = next(record.index for record in one.oplog() if record.kind == "begin-remote-write")
        points = {record.entry.retry_from for record in one.oplog() if record.kind == "error"}

    assert (4, {begin}) == (server.requests["GET /bytes/100"], points)


def test_a_recorded_failure_is_not_tried_again(tmp_path, server):
    """A retry without a region only replays it."""
    with opened(tmp_path, allow_http=[server.authority]) as engine:
        with pytest.raises(InvocationError) as raised:
            worker(engine).invoke("run", http_program(server.url, 'fetch("get", URL + "/hangup")'))

    assert ("componentize_py_types.Err", "failed") == (raised.value.type, raised.value.status)
    assert 1 == server.requests["GET /hangup"]


def test_going_back_to_a_point_within_a_request(tmp_path, server):
    """The begin is kept, what was seen is deleted: it is sent again."""
    text = """
        future = send("post", URL + "/event", b"1")
        marker = host.get_oplog_index()
        got = b"".join(pieces(answer(future)))
        if step(1):
            host.set_oplog_index(marker)
        result = got
    """
    server.trues = {"1": 1}
    with opened(tmp_path, allow_http=[server.authority]) as engine:
        assert "b'noted'" == worker(engine).invoke("run", http_program(server.url, text))

    assert ["1", "1"] == server.events


def test_another_request_than_the_recorded_one_is_a_divergence(tmp_path, server):
    """Method, address and headers are compared where the request begins."""
    with opened(tmp_path, allow_http=[server.authority]) as engine:
        worker(engine).invoke("run", http_program(server.url, 'fetch("get", URL + "/echo", headers=[("x", "1")])'))
        database = engine.store.path
    with sqlite3.connect(database) as connection:
        index, request = connection.execute(
            "SELECT idx, request FROM entry WHERE kind = 'begin-remote-write'"
        ).fetchone()
        change_entry(connection, 1, index, request=request.replace('["x","1"]', '["x","2"]'))
    with opened(tmp_path, allow_http=[server.authority]) as engine:
        with pytest.raises(InvocationError, match=r'recorded .*"x","2".* attempted .*"x","1"') as raised:
            worker(engine).invoke("run", "result = 1")

    assert "Divergence" == raised.value.type
    assert 1 == server.requests["GET /echo"]


BESIDE = """
future = send("get", URL + "/slow/{seconds}")
limit = monotonic_clock.subscribe_duration(500_000_000)
at("at the gate")
head = future.get()
result = head, poll.poll([future.subscribe(), limit])
"""


def test_a_request_that_is_sent_again_keeps_nobody_waiting(tmp_path, server):
    """The guest's time-out comes when its time has come, and not when the response does."""
    text = BESIDE.format(seconds=15)
    killed_at_the_gate(tmp_path, server, text)

    assert "(None, [1])" == again(tmp_path, server, text)["result"]
    assert server.requests["GET /slow/15"] in {1, 2}  # the invocation may be over before the second has left


TOLD = """
future = send("get", URL + "/slow/0.5")
future.subscribe().block()
host.generate_idempotency_key()
at("at the gate")
time.sleep(1)
result = future.get().value.value.status()
"""


def test_who_was_told_that_a_response_is_there_gets_it(tmp_path, server):
    """It is a new one by then, and it takes its time; a guest that waited need not do so again."""
    killed_at_the_gate(tmp_path, server, TOLD)

    assert "200" == again(tmp_path, server, TOLD)["result"]
    assert 2 == server.requests["GET /slow/0.5"]
