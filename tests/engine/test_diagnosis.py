"""Where the guest's source made a call that ended it: shown where the call can answer an error."""

from __future__ import annotations

import json
import sqlite3

import pytest

from durable_dsl.engine.errors import InvocationError
from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.programs import opened, program, rewritten, worker

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


def test_a_call_that_has_no_error_to_answer_is_told_without_a_line(tmp_path):
    """The message stays as it is."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", "time.time()")
    rewritten(engine.store.path, json.dumps([program("time.monotonic()")]))
    with opened(tmp_path) as engine, pytest.raises(InvocationError, match="attempted") as raised:
        worker(engine).invoke("run", "result = 1")
    assert "called at" not in raised.value.message
