"""What a component must bear on a server of Golem 1.1, whose judgement is stricter or stranger than the engine's."""

from __future__ import annotations

import pytest

from tests.conformance.golem.host import NOT_COMPLETED
from tests.conformance.golem.outside import Outside
from tests.conformance.golem.worker import FAILED, IDLE, Worker

MIB = 1 << 20


@pytest.mark.parametrize("story", ["overtaken", "left-open"])
def test_a_request_that_must_not_be_repeated_is_not(stories, story):
    """It is under way when a region fails: the worker fails too, and the server has seen it once."""
    with Outside({1: 1}, late=story == "overtaken") as outside:
        outcome = Worker(stories, environment=outside.environment).invoke(f"told#{story}", False)

        assert ["1"] == outside.events
        assert (FAILED, NOT_COMPLETED) == (outcome.status, outcome.error)


@pytest.mark.parametrize(
    ("size", "pieces"),
    [
        (4096, 1),
        (4097, 1),
        (50_000, 1),
        (30, 10),
        (2 * MIB, 1),
        (2 * MIB, 5000),
    ],
)
def test_a_request_with_a_body_is_replayed(stories, size, pieces):
    """The invocation has completed; after a restart its result and the worker's state are what they were."""
    with Outside() as outside:
        worker = Worker(stories, environment=outside.environment)
        assert 5 == worker.invoke("more#add", 5).value
        assert str(size) == worker.invoke("more#sends", size, pieces).value
        after = worker.restart()

        assert (IDLE, str(size)) == (after.status, after.value)
        assert 6 == worker.invoke("more#add", 1).value
        assert ["add 5", f"{size} bytes", "add 1"] == outside.events
        assert not worker.diverged


@pytest.mark.parametrize("pieces", [1, 10])
def test_a_body_of_any_size_is_replayed_or_refused(stories, pieces):
    """What is sent is sent so that it can be replayed; what cannot be is refused before anything has left."""
    with Outside() as outside:
        worker = Worker(stories, environment=outside.environment)
        sent = worker.invoke("more#sends", 3 * MIB, pieces)
        after = worker.restart()

        if sent.status == IDLE:
            assert (IDLE, str(3 * MIB)) == (after.status, after.value)
            assert [f"{3 * MIB} bytes"] == outside.events
        else:
            assert FAILED == after.status
            assert not outside.events
            assert "MiB" in sent.stderr
        assert not worker.diverged


@pytest.mark.parametrize("size", [1, 4096, 4097, 100_000])
def test_a_server_may_let_go_of_a_body_that_it_has_whole(stories, size):
    """Later servers close a body's stream as soon as they have its content-length: what is sent whole is no failure."""
    with Outside() as outside:
        worker = Worker(stories, environment=outside.environment, closes_whole_bodies=True)
        outcome = worker.invoke("more#sends", size, 1)

        assert (IDLE, str(size)) == (outcome.status, outcome.value)
        assert [f"{size} bytes"] == outside.events


def test_a_failed_worker_is_repaired_by_an_update(stories, repaired):
    """The whole history is replayed on a build without the mistake: nothing stands in it that this one does not do."""
    with Outside() as outside:
        worker = Worker(stories, environment=outside.environment)
        failed = worker.invoke("more#broken")
        assert FAILED == failed.status
        assert "ValueError: a mistake in the program" in failed.stderr

        assert worker.update(repaired), worker.diverged
        after = worker.restart()

        assert (IDLE, "repaired") == (after.status, after.value)
        assert 1 == worker.invoke("more#add", 1).value
        assert ["effect", "add 1"] == outside.events


@pytest.mark.parametrize(
    ("story", "arguments", "events"), [("overlap", [], ["A", "B"]), ("left-open", [True], ["1"])], ids=str
)
def test_overlapping_requests_survive_restarts(stories, story, arguments, events):
    """Their invocation has completed, and others after it: a restart sends nothing again and loses nothing."""
    with Outside() as outside:
        worker = Worker(stories, environment=outside.environment)
        value = worker.invoke(f"told#{story}", *arguments).value
        assert value == ("slow A slow B" if story == "overlap" else None)
        assert 5 == worker.invoke("more#add", 5).value
        for _ in range(2):
            assert 5 == worker.restart().value

        assert 6 == worker.invoke("more#add", 1).value
        assert [*events, "add 5", "add 1"] == sorted(outside.events[:-2]) + outside.events[-2:]
        assert 0 == sum(entry.kind == "Jump" for entry in worker.oplog)
