"""Snapshots between invocations: when they are taken, what a start costs then, and what becomes of damage."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from durable_codegen.build import build
from durable_codegen.project import intervals
from durable_codegen.project.config import resolve
from durable_dsl.engine import Engine
from durable_dsl.engine.errors import DamagedError, UpdateRefused, UsageError
from durable_dsl.engine.oplog.store import FILE
from durable_dsl.engine.standing.whole import summarize
from tests.components import OUTPUT, built_once
from tests.engine.programs import Shown, opened
from tests.engine.tampering import change_entry
from tests.guests import guest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def component(tmp_path_factory):
    return built_once(HERE / "periodic", tmp_path_factory)


@pytest.fixture(scope="session")
def builds(tmp_path_factory, component):
    """Other builds of the app, by what is put in place of what."""
    made = {}

    def edited(*edits):
        if edits not in made:
            folder = tmp_path_factory.mktemp("edited")
            for name in ("app.py", "pyproject.toml"):
                shutil.copy(HERE / "periodic" / name, folder)
            source = (folder / "app.py").read_text()
            for before, after in edits:
                assert before in source
                source = source.replace(before, after)
            (folder / "app.py").write_text(source)
            build(resolve({"output": str(folder / OUTPUT), "name": "built"}, environment={}, folder=folder))
            made[edits] = folder / OUTPUT
        return made[edits]

    return edited


def add(worker, count, start=0):
    return [worker.invoke("add", f"t{number}") for number in range(start, start + count)]


def snapshots(worker):
    return [record.index for record in worker.oplog() if record.kind == "snapshot"]


def rows(data):
    with sqlite3.connect(data / FILE) as connection:
        return [index for (index,) in connection.execute("SELECT idx FROM snapshot ORDER BY idx")]


def tamper(data, statement, *parameters):
    with sqlite3.connect(data / FILE) as connection:
        assert connection.execute(statement, parameters).rowcount > 0


@pytest.mark.guarantee("SNAPSHOT-2")
def test_one_is_taken_after_every_third(component, tmp_path):
    """In one process and over several: what counts is what the oplog has."""
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(component))
        add(worker, 2)
        assert [] == snapshots(worker)
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w")
        add(worker, 5, 2)
        worker.settle()

        assert 2 == len(taken := snapshots(worker))
        assert ["exported-function-completed"] * 2 == [worker.oplog()[index - 2].kind for index in taken]
        assert not any(record.deleted for record in worker.oplog())  # it is history, and shown as such
        assert taken == rows(tmp_path)
        assert "idle" == worker.status
    with Engine.open(tmp_path) as engine:
        assert "idle" == engine.worker("w").status  # though the last entries are of what loaded it


@pytest.mark.guarantee("SNAPSHOT-2")
@pytest.mark.parametrize("crashes", [False, True])
def test_what_lives_on_is_what_a_start_begins_with(component, tmp_path, crashes):
    """What the snapshot leaves out is gone in the process that took it too; random numbers are those on record."""
    said, drawn = [], []
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(component))
        for number in range(8):
            if crashes:
                worker.simulate_crash()
            worker.invoke("add", f"t{number}")
            drawn.append(worker.invoke("draw"))
        worker.settle()
        said = [worker.invoke("everything")]
        worker.simulate_crash()
        said.append(worker.invoke("everything"))

    assert len(set(drawn)) == 8
    assert [[f"t{number}" for number in range(8)]] * 2 == [one[:-1] for one in said]
    # The fifth snapshot came after the fifteenth invocation, the last that adds; what loads it adds one.
    assert ["1 since", "1 since"] == [one[-1] for one in said]


def test_nothing_before_it_is_replayed(component, tmp_path):
    """An entry before the snapshot that says something else does no harm; one behind it does."""
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(component))
        add(worker, 4)
        worker.settle()
        (taken,) = snapshots(worker)
        calls = [record.index for record in worker.oplog() if record.kind == "imported-function-invoked"]
        before, after = max(one for one in calls if one < taken), max(calls)
        assert after > taken
    with sqlite3.connect(tmp_path / FILE) as connection:
        change_entry(connection, 1, before, function="something else")
    with Engine.open(tmp_path) as engine:
        assert 5 == engine.worker("w").invoke("add", "t4")
    with sqlite3.connect(tmp_path / FILE) as connection:
        change_entry(connection, 1, after, function="something else")
    with Engine.open(tmp_path) as engine, pytest.raises(Exception, match="something else"):
        engine.worker("w").invoke("add", "t5")


ALTERED = "UPDATE snapshot SET data = CAST('[\"forged\"]' AS BLOB) WHERE idx = ?"
GONE = "DELETE FROM snapshot WHERE idx = ?"


@pytest.mark.guarantee("SNAPSHOT-3")
@pytest.mark.parametrize("statement", [ALTERED, GONE], ids=["altered", "gone"])
@pytest.mark.parametrize("which", [(-1,), (-2,), (-2, -1)], ids=["newest", "before", "both"])
def test_damage_is_made_good(component, tmp_path, statement, which):
    """From the one before, or from the whole history; what the worker knows is the same, and so it is the next time."""
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(component))
        add(worker, 9)
        worker.settle()
        taken = snapshots(worker)
        known = worker.invoke("everything")
    assert 3 == len(taken)
    for one in which:
        tamper(tmp_path, statement, taken[one])
    shown = Shown()
    with Engine.open(tmp_path, output=shown) as engine:
        worker = engine.worker("w")
        assert known == worker.invoke("everything")
        assert (-1 in which) == (f"the snapshot at entry {taken[-1]} is damaged or gone" in shown.text)
    shown = Shown()
    with Engine.open(tmp_path, output=shown) as engine:
        assert known == engine.worker("w").invoke("everything")
    assert "damaged" not in shown.text


def test_damage_without_the_history_is_told(component, tmp_path):
    """One message that says what is damaged, and the other workers go on."""
    with Engine.open(tmp_path) as engine:
        worker, other = (engine.worker(name, engine.load(component)) for name in ("w", "other"))
        add(worker, 3)
        worker.settle()
        (taken,) = snapshots(worker)
        add(other, 1)
    tamper(tmp_path, GONE, taken)
    with sqlite3.connect(tmp_path / FILE) as connection:
        change_entry(connection, 1, 3, function="something else")  # the history cannot be replayed either
    with Engine.open(tmp_path) as engine:
        with pytest.raises(DamagedError, match=f"the snapshot at entry {taken} of worker 'w'.* damaged"):
            engine.worker("w").invoke("add", "x")
        assert 2 == engine.worker("other").invoke("add", "x")


@pytest.mark.parametrize("poison", ["cannot be saved", "cannot be loaded"])
def test_one_that_fails_changes_nothing(component, tmp_path, poison):
    """The caller has its result, the worker goes on from its history, and it is told once."""
    shown = Shown()
    with Engine.open(tmp_path, output=shown) as engine:
        worker = engine.worker("w", engine.load(component))
        worker.invoke("add", poison)
        assert [2, 3, 4] == add(worker, 3)
        worker.settle()
        known = worker.invoke("everything")

        assert [] == snapshots(worker)
        assert "4 since" == known[-1]  # nothing of it is lost: it was replayed
        assert 1 == shown.text.count("no snapshot was taken")
        assert f"the state {poison.replace('cannot', 'could not')}" in shown.text
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w")
        assert known == worker.invoke("everything")
        with pytest.raises(UsageError, match="no snapshot of worker 'w' was taken"):
            worker.snapshot()


def test_a_worker_with_files_is_not_saved(component, tmp_path):
    """They would be lost."""
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(component))
        worker.invoke("keep-file", "notes.txt")
        with pytest.raises(UsageError, match="it has private files"):
            worker.snapshot()
        add(worker, 4)
        worker.settle()
        assert [] == snapshots(worker)


@pytest.mark.guarantee("SNAPSHOT-2")
def test_modes_that_were_set_for_good_stay(tmp_path):
    """They are the host's, so the build could not save them."""
    with opened(tmp_path) as engine:
        worker = engine.worker("w", engine.load(guest("steerer")))
        worker.invoke("run", "host.set_retry_policy(host.RetryPolicy(7, 1, 2, 1.0, None)); state['a'] = 1")
        worker.invoke("run", "host.set_idempotence_mode(False)")
        worker.snapshot()
        asked = "result = [host.get_retry_policy().max_attempts, host.get_idempotence_mode(), state]"
        live = worker.invoke("run", asked)
    with opened(tmp_path) as engine:
        assert live == engine.worker("w").invoke("run", asked) == "[7, False, {'a': 1}]"


def test_another_build_begins_with_it(component, builds, tmp_path):
    """What is before it may be what the new build would never do; what it refuses to load, refuses the update."""
    other = builds(("oplog_index()", "oplog_index() + oplog_index()"))
    refusing = builds(('"cannot be loaded" in entries', '"t0" in entries'))
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(component))
        add(worker, 2)
        with pytest.raises(UpdateRefused):
            worker.update(engine.load(other))
        add(worker, 1, 2)
        worker.settle()
        with pytest.raises(UpdateRefused, match="ValueError: poison"):
            worker.update(engine.load(refusing))
        worker.update(engine.load(other))
        assert 4 == worker.invoke("add", "t3")
    tamper(tmp_path, GONE, max(rows(tmp_path)))
    with Engine.open(tmp_path) as engine:  # made anew by the build that took it
        worker = engine.worker("w")
        assert [f"t{number}" for number in range(4)] == worker.invoke("everything")[:-1]
        assert "built" == worker.component


def test_revert_and_fork_around_it(component, tmp_path):
    """To before the newest, the one before counts; a fork begins with what there is up to its place."""
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(component))
        add(worker, 10)
        worker.settle()
        first, second, third = snapshots(worker)
        ends = [record.index for record in worker.oplog() if record.kind == "exported-function-completed"]
        for at, count in ((ends[9], 10), (third, 9), (ends[6], 7), (ends[4], 5), (ends[0], 1)):
            fork = worker.fork(f"at {count}", at)
            assert [f"t{number}" for number in range(count)] == fork.invoke("everything")[:-1]
        for to, base, count in ((ends[7], second, 8), (ends[4], first, 5), (ends[1], None, 2)):
            worker.revert(to=to)
            assert base == summarize(engine.store, worker.id).snapshot
            assert [f"t{number}" for number in range(count)] == worker.invoke("everything")[:-1]
            worker.simulate_crash()
            assert [f"t{number}" for number in range(count)] == worker.invoke("everything")[:-1]


def test_a_worker_that_is_deleted_leaves_none(component, tmp_path):
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(component))
        add(worker, 3)
        worker.settle()
        assert rows(tmp_path)
        engine.delete_worker("w")
        assert [] == rows(tmp_path)


KILLED = """
import os, signal, sys
from durable_dsl.engine import Engine
from durable_dsl.engine.replay import snapshots
from durable_dsl.engine.worker import snapshots as taking
from durable_dsl.engine.oplog.log import Oplog

data, component, where = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if where == "before":
    snapshots.save = die
elif where == "saved":
    snapshots.give = die
elif where == "loaded":
    snapshots.put = die
with Engine.open(data) as engine:
    worker = engine.worker("w", engine.load(component))
    for number in range(3):
        print(worker.invoke("add", f"t{number}"), flush=True)
    worker.settle()
    die()
"""


@pytest.mark.guarantee("SNAPSHOT-3")
@pytest.mark.parametrize(("where", "there"), [("before", 0), ("saved", 0), ("loaded", 0), ("after", 1)])
def test_killed_at_each_of_its_steps(component, tmp_path, where, there):
    """There is a whole one or none, and the worker goes on from the one or from its history."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path, component, where], capture_output=True, text=True, check=False
    )
    assert (-signal.SIGKILL, ["1", "2"]) == (done.returncode, done.stdout.split()[:2]), done.stderr
    assert there == len(rows(tmp_path))
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w")
        assert there == len(snapshots(worker))
        assert 4 == worker.invoke("add", "t3")
        assert ["t0", "t1", "t2", "t3"] == worker.invoke("everything")[:-1]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("every 100", {"invocations": 100}),
        ("every 1 invocation", {"invocations": 1}),
        ("every 10m", {"nanoseconds": 600_000_000_000}),
        ("every 4MB, every 1h30m", {"bytes": 4_000_000, "nanoseconds": 5_400_000_000_000}),
        ("every 5, every 3", {"invocations": 3}),
        ("never", None),
    ],
)
def test_intervals(text, meant):
    assert meant == intervals.parse(text)


@pytest.mark.parametrize("text", ["", "100", "every", "every 0", "every 5 apples", "every -1", "every 10m,", "ever 3"])
def test_what_is_no_interval(text):
    with pytest.raises(intervals.WrongInterval):
        intervals.parse(text)


def test_from_the_command_line(component, tmp_path):
    """`worker snapshot`, and what `worker show` says then."""

    def durable(*words):
        command = [sys.executable, "-m", "durable_dsl", *map(str, words), "--data", str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=True)

    durable("run", component, "add", "a", "--worker", "w")
    assert "snapshot" not in durable("worker", "show", "w").stdout
    assert "worker w: saved; idle at entry" in durable("worker", "snapshot", "w").stderr
    said = json.loads(durable("worker", "show", "w", "--json").stdout)["snapshot"]
    assert ([said["index"]], 0, 5) == (rows(tmp_path), said["version"], said["size"])
