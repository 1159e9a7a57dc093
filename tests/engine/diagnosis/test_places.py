"""Where the guest's source made a call that ended it."""

from __future__ import annotations

import json
import sqlite3

import pytest

from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.failures import guest_stack
from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.programs import opened, program, rewritten, worker
from tests.engine.tampering import change_entry
from tests.engine.worker.test_commands import SECOND, ledger
from tests.guests import guest

ONCE = """
def charge():
    fetch("post", URL + "/event", b"once")

host.set_idempotence_mode(False)
charge()
"""


@pytest.fixture
def server():
    with serving() as running:
        yield running


def cut_after_begin(database):
    """As after a kill between the begin of the request and its end."""
    with sqlite3.connect(database) as connection:
        (begin,) = connection.execute("SELECT idx FROM entry WHERE kind = 'begin-remote-write'").fetchone()
        connection.execute("DELETE FROM entry WHERE idx > ?", (begin,))


@pytest.mark.guarantee("WRITE-3")
def test_an_unfinished_write_names_its_line(tmp_path, server):
    """Message and oplog say which call, and from where; the request was sent once, and nothing else is written."""
    source = http_program(server.url, ONCE)
    with opened(tmp_path, allow_http=[server.authority]) as engine:
        worker(engine).invoke("run", source, idempotency_key="k")
    cut_after_begin(engine.store.path)
    with opened(tmp_path, allow_http=[server.authority]) as engine:
        one = worker(engine)
        length = one.oplog_index
        with pytest.raises(InvocationError, match="not sent again; called at ") as raised:
            one.invoke("run", source, idempotency_key="k")

        line = next(at for at, text in enumerate(source.splitlines(), 1) if "outgoing_handler.handle" in text)
        assert raised.value.message.endswith(f"called at script.py:{line} (send)")
        assert "failed" == one.status
        assert length + 1 == one.oplog_index
        assert raised.value.message == one.oplog()[-1].entry.message
    assert ["once"] == server.events


def test_a_divergence_names_the_line_that_attempts_it(tmp_path, server):
    """Next to what was recorded."""
    source = http_program(server.url, 'fetch("get", URL + "/echo")')
    with opened(tmp_path, allow_http=[server.authority]) as engine:
        worker(engine).invoke("run", source)
    rewritten(engine.store.path, json.dumps([source.replace("/echo", "/other")]))
    with opened(tmp_path, allow_http=[server.authority]) as engine:
        one = worker(engine)
        length = one.oplog_index
        with pytest.raises(InvocationError, match=r"recorded .*echo.* attempted .*other.*; called at script\.py:\d+"):
            one.invoke("run", "result = 1")
        assert length == one.oplog_index


def test_a_call_that_has_no_error_to_answer_names_its_line(tmp_path):
    """It is read out of the guest's memory."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", "time.time()")
    rewritten(engine.store.path, json.dumps([program("""
        def look():
            return (
                time.monotonic(),
            )
        result = [look() for _ in range(2)]
    """)]))  # fmt: skip
    with opened(tmp_path) as engine:
        with pytest.raises(InvocationError, match=r"attempted monotonic_clock::now; called at script\.py:4 \(look\)"):
            worker(engine).invoke("run", "result = 1")


def test_a_worker_that_starts_from_a_snapshot_names_its_line(tmp_path):
    """The snapshot is loaded by the instance that is looked into."""
    with opened(tmp_path) as engine:
        one = ledger(engine)
        one.invoke("add", 5)
        one.update(engine.load(guest("ledger", edit=SECOND)), snapshot=True)
        one.invoke("add", 2)
    with sqlite3.connect(engine.store.path) as connection:
        (index,) = connection.execute("SELECT max(idx) FROM entry WHERE function LIKE '%idempotency%'").fetchone()
        nothing = dict.fromkeys(("function", "request", "response", "key", "detail"))
        change_entry(connection, 1, index, kind="no-op", **nothing)
    with opened(tmp_path) as engine:
        with pytest.raises(InvocationError, match=r"recorded no-op, attempted .*; called at app\.py:14 \(add\)"):
            engine.worker("l").invoke("entries")


def test_lines_are_found_in_the_table_of_a_code_object():
    """For each instruction the line that Python itself says."""
    for function in (diagnosed, json.JSONDecoder.raw_decode, opened, program):
        code = function.__code__
        for unit, position in enumerate(code.co_positions()):
            assert position[0] == guest_stack.line_of(code.co_linetable, code.co_firstlineno, unit)


def diagnosed(numbers):
    try:
        return [
            number
            for number in numbers
            if number
        ]  # fmt: skip
    except ValueError:
        raise RuntimeError(
            numbers,
        ) from None


def test_a_memory_without_python_has_no_frames():
    """So it is for guests in other languages."""
    assert [] == guest_stack.frames(1)
