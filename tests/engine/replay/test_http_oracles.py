"""Golem's own oracles: what a server sees of regions, modes and levels that fail and are repeated."""

from __future__ import annotations

import pytest

from durable_dsl.engine.errors import InvocationError
from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.programs import Shown, opened, worker


@pytest.fixture
def server():
    with serving() as running:
        yield running


def outcome(tmp_path, server, text):
    """Runs the program; what it ends with, and what was shown."""
    shown = Shown()
    with opened(tmp_path, output=shown, allow_http=[server.authority]) as engine:
        try:
            return worker(engine).invoke("run", http_program(server.url, text)), shown.text
        except InvocationError as error:
            return error, shown.text


def test_atomic_regions(tmp_path, server):
    """Two regions that fail twice each: all of a region is repeated, nothing outside it."""
    server.trues = {"1": 2, "2": 2}
    text = """
        begin = host.mark_begin_operation()
        post("1")
        post("2")
        if step(1):
            raise ValueError("crash 1")
        post("3")
        host.mark_end_operation(begin)
        post("4")
        begin = host.mark_begin_operation()
        post("5")
        if step(2):
            raise ValueError("crash 2")
        host.mark_end_operation(begin)
        post("6")
        result = "done"
    """
    result, _ = outcome(tmp_path, server, text)

    assert ("done", "1 2 1 2 1 2 3 4 5 5 5 6") == (result, " ".join(server.events))


IDEMPOTENCE = """
    host.set_idempotence_mode({enabled})
    future = send("post", f"{{URL}}/event", b"1")
    begin = host.mark_begin_operation()
    if step(1):
        raise ValueError("crash 1")
    host.mark_end_operation(begin)
    result = b"".join(pieces(answer(future)))
"""


@pytest.mark.guarantee("WRITE-1")
def test_idempotence_on(tmp_path, server):
    """A request that is open when the worker fails is sent again."""
    server.trues = {"1": 1}
    result, _ = outcome(tmp_path, server, IDEMPOTENCE.format(enabled=True))

    assert ("b'noted'", ["1", "1"]) == (result, server.events)


def test_idempotence_off(tmp_path, server):
    """It is not; the worker fails, and says which call was not repeated."""
    server.trues = {"1": 1}
    result, _ = outcome(tmp_path, server, IDEMPOTENCE.format(enabled=False))

    assert ("NonIdempotentWriteUnfinished", "failed") == (result.type, result.status)
    assert f"{server.url}/event" in result.message
    assert ["1"] == server.events


def test_persist_nothing(tmp_path, server):
    """What is done in the zone is done again by each recovery, what comes after it is not."""
    server.trues = {"1": 2}
    text = """
        post("1")
        host.set_oplog_persistence_level(host.PersistenceLevel_PersistNothing())
        post("2")
        host.set_oplog_persistence_level(host.PersistenceLevel_Smart())
        post("3")
        begin = host.mark_begin_operation()
        if step(1):
            raise ValueError("crash 1")
        host.mark_end_operation(begin)
        post("4")
        result = "done"
    """
    result, _ = outcome(tmp_path, server, text)

    assert ("done", "1 2 3 2 2 4") == (result, " ".join(server.events))


def test_jumps(tmp_path, server):
    """Back to a marker while the server says so: what was printed before it is not printed again."""
    server.trues = {"2": 1, "4": 1}
    text = """
        state = 0
        print(f"started: {state}")
        state += 1
        first = host.get_oplog_index()
        state += 1
        print(f"second: {state}")
        if step(state):
            host.set_oplog_index(first)
        state += 1
        print(f"third: {state}")
        second = host.get_oplog_index()
        state += 1
        print(f"fourth: {state}")
        if step(state):
            host.set_oplog_index(second)
        state += 1
        print(f"fifth: {state}")
        result = state
    """
    result, shown = outcome(tmp_path, server, text)

    lines = ["started: 0", "second: 2", "second: 2", "third: 3", "fourth: 4", "fourth: 4", "fifth: 5"]
    assert ("5", lines) == (result, shown.splitlines())
    assert {"GET /step/2": 2, "GET /step/4": 2} == server.requests
