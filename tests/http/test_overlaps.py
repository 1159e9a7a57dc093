"""Requests do not overlap, unless they may: what servers of Golem 1.1 look for in an oplog, they find."""

from __future__ import annotations

import pytest

from durable_dsl.engine import Engine, InvocationError
from tests.components import built_once
from tests.http.test_libraries import FOLDER

#: What is done while a response is open, and what comes of it.
BLOCKING = {
    "a request": "500000",
    "a library's request": "500000",
    "a key": "500000",
    "a region": "500000",
    "another stream": "500000",
}
WAITING = {
    "gather": "0 1 2",
    "a task and a key": "200",
    "a task and a blocking request": "500000",
    "a stream that asks": "500000",
    "a request given up": "200",
    "a waiting request given up": "200 200",
    "bodies in pieces": "piecepiecepiece piecepiecepiece",
}


@pytest.fixture(scope="module")
def component(tmp_path_factory):
    return built_once(FOLDER, tmp_path_factory)


@pytest.fixture
def worker(server, component, tmp_path):
    with Engine.open(tmp_path, allow_http=("127.0.0.1",), output=lambda *_: None) as engine:
        yield engine.worker("w", engine.load(component))


def unfinished(records):
    """The requests that a server of Golem 1.1 takes for unfinished, by their index.

    It gives up the search for their end at a remote write, at a step of another request, and at the invocation's end.
    """
    given_up = []
    for at, record in enumerate(records):
        if record.kind != "begin-remote-write":
            continue
        for later in records[at + 1 :]:
            if later.kind == "end-remote-write" and later.entry.begin == record.index:
                break
            if later.kind == "exported-function-completed" or (
                later.kind == "imported-function-invoked"
                and later.entry.type.startswith("write-remote")
                and later.entry.begin != record.index
            ):
                given_up.append(record.index)
                break
    return given_up


@pytest.mark.guarantee("HTTP-4")
@pytest.mark.parametrize("way", [*BLOCKING, *WAITING])
def test_every_request_is_found_finished(worker, server, way):
    """Whatever is asked of the host meanwhile: what is in the way ends first, and nothing of it is lost."""
    known = BLOCKING | WAITING
    assert known[way] == worker.invoke("overlaps" if way in BLOCKING else "overlaps-async", server.url, way)

    records = worker.oplog()
    assert unfinished(records) == []
    assert any(record.kind == "begin-remote-write" for record in records)


@pytest.mark.parametrize("export", ["overlaps", "overlaps-async"])
def test_a_body_that_makes_requests_is_refused(worker, server, export):
    """The request that it is for cannot end before it, so they would overlap."""
    with pytest.raises(InvocationError, match=r"RequestsOverlap.*its body is still being sent"):
        worker.invoke(export, server.url, "a body that asks")


@pytest.mark.parametrize("block", ["atomic", "non_idempotent", "overlapping"])
def test_blocks_in_which_requests_overlap(worker, server, block):
    """The server has the next before it has answered the first; without such a block it never has."""
    server.most = 0
    worker.invoke("together-in", server.url, 3, block)
    assert server.most > 1
    server.most = 0
    worker.invoke("together", server.url, 3)
    assert server.most == 1


def test_the_judge_of_these_tests_sees_an_overlap(worker, server):
    """Where it may be: a server would send the first of them again."""
    worker.invoke("together-in", server.url, 2, "overlapping")

    assert unfinished(worker.oplog()) != []
