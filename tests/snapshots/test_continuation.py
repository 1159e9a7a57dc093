"""`continue_as_new`: an endless call whose history is not replayed from its beginning."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from durable_dsl.engine import Engine
from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.oplog.store import FILE
from durable_dsl.engine.standing.whole import summarize
from durable_dsl.testing import trace
from tests.components import built_once
from tests.engine.programs import Shown
from tests.engine.tampering import change_entry

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def component(tmp_path_factory):
    return built_once(HERE / "endless", tmp_path_factory)


@pytest.fixture(scope="session")
def saving(tmp_path_factory):
    return built_once(HERE / "periodic", tmp_path_factory)


def opened(data, **options):
    return Engine.open(data, clock=SkippingClock(), **options)


def rounds(worker):
    """What each invocation was called with."""
    return [json.loads(one.entry.request) for one in worker.oplog() if one.kind == "exported-function-invoked"]


@pytest.mark.guarantee("SNAPSHOT-4")
def test_each_round_begins_anew(component, tmp_path):
    """The arguments are what it knows; nothing of the rounds before is replayed, in this process or in the next."""
    shown = Shown()
    with opened(tmp_path, output=shown) as engine:
        worker = engine.worker("w", engine.load(component))
        worker.invoke("watch", 4, 0)
        engine.settle()

        assert ["4 left, 3 in all, 3 seen", "3 left, 6 in all, 3 seen", "2 left, 9 in all, 3 seen",
                "1 left, 12 in all, 3 seen"] == shown.text.splitlines()  # fmt: skip
        assert [[4, 0], [3, 3], [2, 6], [1, 9]] == rounds(worker)
        base = summarize(engine.store, worker.id).snapshot
        before = max(
            one.index for one in worker.oplog() if one.kind == "imported-function-invoked" and one.index < base
        )
    with sqlite3.connect(tmp_path / FILE) as connection:
        change_entry(connection, 1, before, function="something else")
    with opened(tmp_path) as engine:
        assert [10, 11, 12] == engine.worker("w").invoke("seen")


def test_a_state_that_can_be_saved_lives_on(saving, tmp_path):
    with opened(tmp_path) as engine:
        worker = engine.worker("w", engine.load(saving))
        worker.invoke("add-all", ["a", "b", "c", "d"])
        engine.settle()

        assert ["a", "b", "c", "d", "1 since"] == worker.invoke("everything")
        assert 3 == sum(one.kind == "snapshot" and one.entry.size is not None for one in worker.oplog())


def test_a_forked_worker_continues_itself(component, tmp_path):
    """Though its history tells the name of the first one."""
    with opened(tmp_path) as engine:
        worker = engine.worker("first", engine.load(component))
        worker.invoke("watch", 2, 0)
        engine.settle()
        begun = len(rounds(worker))
        middle = next(one.index for one in worker.oplog() if one.kind == "exported-function-invoked") + 14
        fork = worker.fork("second", middle)
        fork.resume()
        engine.settle()

        assert (begun, 2) == (len(rounds(worker)), len(rounds(fork)))
        assert [4, 5, 6] == fork.invoke("seen")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("result", "seen gives a result, and nobody would get it: continue_as_new takes a function without"),
        ("inner", "app:inner is no export that a worker can continue with; there are: app:watch"),
    ],
)
def test_what_cannot_be_continued_with(component, tmp_path, how, said):
    with opened(tmp_path) as engine:
        assert said == engine.worker("w", engine.load(component)).invoke("misuse", how)


KILLED = """
import os, signal, sys
from durable_dsl.engine import Engine
from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.oplog.store import Store

data, component, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
transaction = Store.transaction

def counted(store, work):
    global left
    done = transaction(store, work)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

with Engine.open(data, clock=SkippingClock()) as engine:
    worker = engine.worker("w", engine.load(component))
    Store.transaction = counted
    worker.start("watch", 3, 0, idempotency_key="first").wait()
    engine.settle()
print(left)
"""


@pytest.mark.guarantee("SNAPSHOT-4")
def test_killed_after_each_commit(component, tmp_path):
    """Each round once, whatever was on disk: the end of one, the call of the next, and where that begins."""
    at = 0
    while True:
        at += 1
        data = tmp_path / str(at)
        command = [sys.executable, "-c", KILLED, data, component, str(at)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        with opened(data) as engine:
            worker = engine.worker("w")
            worker.start("watch", 3, 0, idempotency_key="first").wait(60)
            worker.resume()
            engine.settle()
            assert [[3, 0], [2, 3], [1, 6]] == rounds(worker), at
            assert [7, 8, 9] == worker.invoke("seen"), at
        if done.returncode == 0:
            break
        assert -signal.SIGKILL == done.returncode, done.stderr
    assert at > 10


def test_in_plain_python_one_round_is_seen():
    """A test of the function ends, and knows what would come next."""
    from tests.snapshots.endless import app

    app.time = type("Instant", (), {"sleep": staticmethod(lambda _seconds: None)})
    with trace() as calls:
        app.watch(2, 0)

    assert [3] == [call.args[1][1][0][1] for call in calls if call.name == "continue-as-new"]
