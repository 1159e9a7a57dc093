"""What is dropped by age, what never is, and what a kill in the middle leaves: a worker that is as it was."""

from __future__ import annotations

import gzip
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from durable_codegen.project import ages
from durable_dsl.cli.main import main
from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.directory.lease import Lease
from durable_dsl.engine.errors import DamagedError, HistoryDropped, InvocationError
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.oplog.entries import Create, ExportedFunctionInvoked, Log
from durable_dsl.engine.oplog.store import FILE
from durable_dsl.engine.retention.policy import Retention
from durable_dsl.engine.retention.upkeep import prune
from durable_dsl.engine.standing import form, reading
from durable_dsl.engine.standing.whole import summarize
from tests.components import built_once
from tests.engine.programs import ROOT, opened, program, worker
from tests.engine.tiny import tiny
from tests.engine.worker.test_commands import SECOND
from tests.guests import guest

HERE = Path(__file__).parent
DAY = 86_400_000_000_000


@pytest.fixture(scope="session")
def component(tmp_path_factory):
    return built_once(HERE / "periodic", tmp_path_factory)


@pytest.fixture(scope="module")
def lived(component, tmp_path_factory):
    """A directory with a worker that was called twenty times, and has seven snapshots; it is let go."""
    data = tmp_path_factory.mktemp("lived")
    with opened(data) as engine:
        one = engine.worker("w", engine.load(component))
        for number in range(20):
            assert number + 1 == one.invoke("add", f"t{number}", idempotency_key=f"k{number}")
        one.settle()
    return data


@pytest.fixture
def data(lived, tmp_path):
    target = tmp_path / "data"
    shutil.copytree(lived, target)
    return target


def indices(store, number=1):
    return [index for (index,) in store.read("SELECT idx FROM entry WHERE worker = ? ORDER BY idx", (number,))]


def snapshots(store):
    return [index for (index,) in store.read("SELECT idx FROM entry WHERE kind = 'snapshot' ORDER BY idx")]


def goes_on(data, count=20):
    """The worker is as it was, in a new process."""
    with opened(data) as engine:
        one = engine.worker("w")
        assert [f"t{number}" for number in range(count)] == one.invoke("everything")[:-1]
        assert count + 1 == one.invoke("add", "more")
        one.settle()


NOW = Retention(results=0, history=0)


def test_what_a_snapshot_stands_for_is_dropped(data):
    """All before the newest but the first entry; what the oplog amounts to stays, and the worker goes on."""
    with opened(data) as engine:
        store = engine.store
        before, newest, last = form.encoded(summarize(store, 1)), snapshots(store)[-1], store.last_index(1)
        planned = prune(engine, NOW, dry_run=True)
        assert [*range(1, last + 1)] == indices(store)
        done = prune(engine, NOW)

        assert planned.as_json()["dropped"] == done.as_json()["dropped"]
        assert [("w", newest - 2, newest - 1)] == [(one.worker, one.entries, one.upto) for one in done.by_age.workers]
        assert [1, *range(newest, last + 1)] == indices(store)
        assert [(newest,)] == store.read("SELECT idx FROM snapshot")
        assert before == form.encoded(summarize(store, 1)) == form.encoded(reading.current(store, 1))
        assert [] == prune(engine, NOW).by_age.workers
    goes_on(data)


def test_it_is_dropped_again_and_again(data):
    """Each time what has come since; a kept summary that is damaged meanwhile is made anew from what there is."""
    for round_ in range(3):
        with opened(data) as engine:
            one = engine.worker("w")
            for number in range(4):
                assert 21 + 4 * round_ + number == one.invoke("add", "x")
            one.settle()
        with opened(data) as engine:
            assert 1 == len(prune(engine, NOW).by_age.workers)
            engine.store.transaction(lambda connection: connection.execute("DELETE FROM standing") and None)
            assert 4 > len(snapshots(engine.store))
    with opened(data) as engine:
        assert 32 == len(engine.worker("w").invoke("everything")) - 1


def test_results_answer_for_their_time(data):
    """A key within its time is answered, and nothing runs; one past it names a new invocation."""
    with opened(data) as engine:
        ended = [time for (time,) in engine.store.read("SELECT time FROM entry WHERE key IS NOT NULL ORDER BY idx")]
        now = engine.clock.now()
        prune(engine, Retention(results=now - ended[10], history=0))
        kept = [key for (key,) in engine.store.read("SELECT key FROM entry WHERE key IS NOT NULL ORDER BY idx")]
        # Which are in time depends on the moments between; those of the last ones are certain.
        assert {f"k{number}" for number in range(12, 20)} <= set(kept)
        assert not {f"k{number}" for number in range(10)} & set(kept)
        one, last = engine.worker("w"), engine.store.last_index(1)
        for number in range(12, 20):
            assert number + 1 == one.invoke("add", f"t{number}", idempotency_key=f"k{number}")
        assert last == engine.store.last_index(1)
        assert 21 == one.invoke("add", "t3", idempotency_key="k3")


def test_results_are_kept_for_ever_where_nothing_is_said(data):
    """Dropping history alone leaves every key its answer."""
    with opened(data) as engine:
        done = prune(engine, Retention(history=0))
        assert done.by_age.workers[0].entries > 20
        last = engine.store.last_index(1)
        assert [*range(1, 21)] == [
            engine.worker("w").invoke("add", f"t{number}", idempotency_key=f"k{number}") for number in range(20)
        ]
        assert last == engine.store.last_index(1)
        assert done.by_age.workers[0].upto == engine.store.read_one("SELECT idx FROM dropped")[0]


def test_history_stays_for_its_time(data):
    """Where the newest snapshot is too young, the one before may be old enough; of older ones there is no state."""
    with opened(data) as engine:
        *_, older, newest = snapshots(engine.store)
        (time,) = engine.store.read_one("SELECT time FROM entry WHERE idx = ?", (older,))
        assert [] == prune(engine, Retention(results=0, history=DAY)).by_age.workers
        now = engine.clock.now()
        engine.clock.now = lambda: now
        (done,) = prune(engine, Retention(results=0, history=now - time)).by_age.workers
        assert older - 1 == done.upto
        assert newest in indices(engine.store)
    with sqlite3.connect(data / FILE) as connection:
        connection.execute("UPDATE snapshot SET data = x'00' WHERE idx = ?", (newest,))
    goes_on(data)  # the newest is made anew from the one before, which its history begins with


def test_no_history_is_dropped_for_a_damaged_snapshot(data):
    """Usable is what is whole."""
    with opened(data) as engine:
        *_, older, newest = snapshots(engine.store)
    with sqlite3.connect(data / FILE) as connection:
        connection.execute("UPDATE snapshot SET data = x'00' WHERE idx = ?", (newest,))
    with opened(data) as engine:
        assert [older - 1] == [one.upto for one in prune(engine, NOW).by_age.workers]
    with sqlite3.connect(data / FILE) as connection:
        connection.execute("UPDATE snapshot SET data = x'00'")
    with opened(data) as engine:
        assert [] == prune(engine, NOW).by_age.workers


def test_below_what_was_dropped(data, capfd):
    """Revert, fork and oplog say so, with a code, where the copies are, and how far they can go."""
    with opened(data) as engine:
        prune(engine, Retention(results=0, history=0, archive=data / "old"))
        one, begins = engine.worker("w"), snapshots(engine.store)[-1]
        for below in (
            lambda: one.revert(to=5),
            lambda: one.revert(to=begins - 1),
            lambda: one.revert(last=9),
            lambda: one.fork("f", begins - 1),
        ):
            with pytest.raises(
                HistoryDropped, match=f"DSL721: .*entries 2 to {begins - 1} of worker 'w' .*old"
            ) as told:
                below()
            assert str(begins) in told.value.hint
        assert engine.catalogue.worker("f") is None
    where = ["--data", str(data)]
    assert 1 == main(["worker", "oplog", "w", "--from", "5", *where])
    assert "DSL721: showing entry 5" in capfd.readouterr().err
    assert 0 == main(["worker", "oplog", "w", *where])
    told = capfd.readouterr()
    assert f"entries 2 to {begins - 1} were dropped" in told.err
    assert len(told.out.splitlines()) > 2
    for options in (["--from", str(begins)], ["--last", "1"]):
        assert 0 == main(["worker", "oplog", "w", *options, *where])
        assert "dropped" not in capfd.readouterr().err
    with opened(data) as engine:
        one = engine.worker("w")
        one.revert(to=begins)
        assert 19 == one.invoke("add", "again")  # the snapshot came after the eighteenth


def test_a_fork_has_what_stands_for_the_dropped_part(data):
    """It goes on by itself, and can go back no further than its source."""
    with opened(data) as engine:
        prune(engine, NOW)
        begins = snapshots(engine.store)[0]
        forked = engine.worker("w").fork("f")
        forked.settle()
        assert 21 == forked.invoke("add", "x")
        assert 21 == engine.worker("w").invoke("add", "y")
        with pytest.raises(HistoryDropped):
            forked.revert(to=begins - 1)
        assert engine.delete_worker("w")
    with opened(data) as engine:
        assert [f"t{number}" for number in range(20)] == engine.worker("f").invoke("everything")[:20]


def test_ids_of_dropped_entries_are_never_given_again(data):
    """A later worker of the name counts on from all that this one had."""
    with opened(data) as engine:
        prune(engine, NOW)
        (upto,) = engine.store.read_one("SELECT idx FROM dropped")
        engine.store.transaction(
            lambda connection: connection.execute("DELETE FROM entry WHERE kind = 'no-op'") and None
        )
        engine.delete_worker("w")
        assert [(upto,)] == engine.store.read("SELECT indices FROM retired WHERE name = 'w'")
        assert [] == engine.store.read("SELECT * FROM dropped")


def test_what_stands_for_the_dropped_part_is_damaged(data):
    """Then so is the worker, for it cannot be made anew; others are not."""
    with opened(data) as engine:
        prune(engine, NOW)
        engine.worker("other", engine.load(tiny(data))).invoke("add", 1)
    with sqlite3.connect(data / FILE) as connection:
        connection.execute("UPDATE dropped SET folded = replace(folded, 'idle', 'fine')")
        connection.execute("DELETE FROM standing")
    with opened(data) as engine:
        with pytest.raises(DamagedError, match="what stands for the dropped entries 2 to"):
            engine.worker("w").invoke("everything")
        assert 3 == engine.worker("other").invoke("add", 2)
        assert ["w"] == [one.worker for one in prune(engine, NOW).by_age.left]


def test_a_gap_after_the_dropped_part_is_damage(data):
    """Entries are counted from where the history begins."""
    with opened(data) as engine:
        prune(engine, NOW)
        begins = snapshots(engine.store)[0]
    with sqlite3.connect(data / FILE) as connection:
        connection.execute("DELETE FROM entry WHERE idx = ?", (begins + 1,))
        connection.execute("DELETE FROM standing")
    with opened(data) as engine, pytest.raises(DamagedError, match=f"entry {begins + 1} "):
        summarize(engine.store, 1)


def test_copies_are_there_before_anything_is_dropped(data):
    """All entries, as `worker oplog --json` has them, a file for each part."""
    with opened(data) as engine:
        before = {record.index: record.kind for record in engine.worker("w").oplog()}
        archive = Retention(results=0, history=0, archive=data / "old")
        prune(engine, archive)
        (file,) = (data / "old").iterdir()
        with gzip.open(file, "rt") as lines:
            copied = [json.loads(line) for line in lines]
        (upto,) = engine.store.read_one("SELECT idx FROM dropped")
        assert [(index, before[index]) for index in range(1, upto + 1)] == [
            (one["index"], one["kind"]) for one in copied
        ]
        assert 0o600 == file.stat().st_mode & 0o777
        one = engine.worker("w")
        for number in range(4):
            one.invoke("add", f"{number}")
        one.settle()
        one.release_if_idle()
        prune(engine, archive)
        assert 2 == len(list((data / "old").iterdir()))


def test_nothing_is_dropped_that_cannot_be_copied(data, tmp_path):
    """The folder is a file: it is said, and everything is there."""
    (tmp_path / "file").write_text("")
    with opened(data) as engine:
        last = engine.store.last_index(1)
        with pytest.raises(Exception, match="file"):
            prune(engine, Retention(results=0, history=0, archive=tmp_path / "file" / "old"))
        assert [*range(1, last + 1)] == indices(engine.store)


def test_a_worker_that_a_process_holds_is_let_alone(data):
    """It is told which; the next prune does it."""
    with opened(data) as engine:
        with closing(Lease(engine.leases, 1, "w")):
            (left,) = prune(engine, NOW).by_age.left
            assert ("w", True) == (left.worker, "in use" in left.reason)
            assert engine.store.last_index(1) == len(indices(engine.store))
        assert 1 == len(prune(engine, NOW).by_age.workers)


def test_results_stay_while_a_caller_may_ask_again(data):
    """Some invocation is under way somewhere: what came after it began may be the answer that it was killed before."""
    with opened(data) as engine:
        sleeper = engine.catalogue.create_worker("caller", Create("x", 0), 1)
        begun = [(2, 1, ExportedFunctionInvoked("f", "[]", "c"))]
        engine.store.transaction(engine.store.writes(sleeper.id, begun))
        prune(engine, NOW)
        assert 20 == engine.worker("w").invoke("add", "t19", idempotency_key="k19")
        assert 1 == engine.worker("w").invoke("add", "t0", idempotency_key="k0")


@pytest.mark.parametrize("table", ["queue", "schedule"])
def test_a_key_that_waits_keeps_its_result(data, table):
    """A row may outlive the beginning of its invocation; without its entries it would run once more."""
    with opened(data) as engine:
        row = {"worker": 1, "function": "add", "request": '["t3"]', "key": "k3"}
        row |= {"time": 1} if table == "schedule" else {}
        engine.store.transaction(lambda connection: tables.insert(connection, table, **row))
        assert 1 == len(prune(engine, NOW).by_age.workers)
        kept = [key for (key,) in engine.store.read("SELECT key FROM entry WHERE key IS NOT NULL ORDER BY idx")]
        assert ["k3", "k18", "k19"] == kept
        assert 4 == engine.worker("w").invoke("add", "t3", idempotency_key="k3")
        engine.worker("w").settle()
    goes_on(data)


# Workers that have finished


def many(engine, folder):
    """Workers in the states that matter, all as old as each other."""
    component = engine.load(tiny(folder))
    for name in ("idle", "failed", "queued"):
        engine.worker(name, component).invoke("add", 1)
    with pytest.raises(InvocationError):
        engine.worker("failed").invoke("break", 1)
    waits = worker(engine, "promised")
    waits.invoke("run", program("host.create_promise()"))
    for name in ("idle", "failed", "queued", "promised"):
        engine.worker(name).release_if_idle()
    row = {"worker": engine.worker("queued").id, "function": "add", "request": "[1]", "key": "q"}
    engine.store.transaction(lambda connection: tables.insert(connection, "queue", **row))


def names(engine):
    return [row.name for row in engine.catalogue.workers()]


def test_workers_that_have_finished_go_by_age(tmp_path):
    """Not those that have something to do, or to wait for; failed ones by an age of their own."""
    clock = SkippingClock()
    with opened(tmp_path / "data", clock=clock) as engine:
        many(engine, tmp_path)
        finished, failed = Retention(finished=DAY), Retention(failed=DAY)
        assert [] == prune(engine, finished).by_age.workers
        clock.advance(2 * DAY)
        assert [("failed", True)] == [
            (one.worker, one.purged) for one in prune(engine, failed, dry_run=True).by_age.workers
        ]
        assert ["failed", "idle", "promised", "queued"] == names(engine)
        prune(engine, failed)
        assert ["idle", "promised", "queued"] == names(engine)
        old = Retention(finished=DAY, results=3 * DAY, archive=tmp_path / "old")
        assert [] == prune(engine, old).by_age.workers  # its key is in its time
        clock.advance(2 * DAY)
        assert ["idle"] == prune(engine, old).as_json()["purged"]
        assert ["promised", "queued"] == names(engine)
        assert 1 == len(list((tmp_path / "old").iterdir()))
        assert {"3", "4"} == {path.name for path in engine.leases.iterdir()}  # of those that are there
        assert engine.complete_promise(
            "promised",
            next(record.index for record in engine.worker("promised").oplog() if record.kind == "no-op"),
            b"v",
        )


# The file


def size(data):
    return sum(path.stat().st_size for path in data.glob(f"{FILE}*"))


@pytest.mark.parametrize("older", [False, True])
def test_the_file_gets_smaller(tmp_path, older):
    """One of this version bit by bit, one of an older version by being written anew once."""
    with opened(tmp_path) as engine:
        assert [(2,)] == engine.store.read("PRAGMA auto_vacuum")
    if older:
        with closing(sqlite3.connect(tmp_path / FILE)) as connection:
            connection.execute("PRAGMA auto_vacuum = NONE")
            connection.execute("VACUUM")
    with opened(tmp_path) as engine:
        made = engine.catalogue.create_worker("w", Create("c", 0), 1)
        logs = [(index, index, Log("stdout", "", f"{index}" * 50_000)) for index in range(2, 20)]
        engine.store.transaction(engine.store.writes(made.id, logs))
        assert engine.delete_worker("w")
        before = size(tmp_path)
        prune(engine)
        assert size(tmp_path) < before / 4
        assert 3 == engine.worker("v", engine.load(tiny(tmp_path))).invoke("add", 3)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert [(2,)] == connection.execute("PRAGMA auto_vacuum").fetchall()
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()


def test_builds_from_before_the_dropped_part_go(tmp_path):
    """Nobody goes back to them."""
    with opened(tmp_path) as engine:
        one = engine.worker("l", engine.load(guest("ledger")))
        one.invoke("add", 1)
        one.update(engine.load(guest("ledger", edit=SECOND)), snapshot=True)
        one.settle()
        saved = next(record.index for record in one.oplog() if record.kind == "pending-update")
        one.release_if_idle()
        assert 2 == len(list((tmp_path / "components").iterdir()))
        prune(engine, Retention(results=0, history=0))
        assert 1 == len(list((tmp_path / "components").iterdir()))
        one = engine.worker("l")
        assert 3 == one.invoke("add", 2)
        with pytest.raises(HistoryDropped, match=f"entries 2 to {saved - 1} ") as told:
            one.revert(to=saved)  # the build before has nothing to begin with
        (settled,) = engine.store.read_one("SELECT idx FROM entry WHERE kind = 'successful-update'")
        assert f"entry {settled} is the first" in told.value.hint
        one.revert(to=settled)
        assert 3 == one.invoke("add", 2)


# Killed

_KILLED = """
import os, signal, sys
from pathlib import Path
from durable_dsl.engine.api import Engine
from durable_dsl.engine.retention import history
from durable_dsl.engine.retention.policy import Retention
from durable_dsl.engine.retention.upkeep import prune

left = [int(sys.argv[2])]
history._AT_ONCE = 7

def statement(_text):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

with Engine.open(sys.argv[1]) as engine:
    engine.store.writer._connection.set_trace_callback(statement)
    prune(engine, Retention(results=0, history=0, archive=Path(sys.argv[1]) / "old"))
print(left[0])
"""


@pytest.mark.guarantee("DATA-5")
@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_killed_while_it_prunes(lived, tmp_path, step):
    """At the statements that write: the worker is as it was, and the next prune does what is left."""
    kills = 1 - step
    while True:
        kills += step
        data = tmp_path / "data"
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(lived, data)
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, str(data), str(kills)],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        with opened(data) as engine:
            whole = form.encoded(summarize(engine.store, 1))
            assert whole == form.encoded(reading.current(engine.store, 1))
            begins = snapshots(engine.store)[-1]
            prune(engine, NOW)
            assert [1, *range(begins, engine.store.last_index(1) + 1)] == indices(engine.store)
            assert whole == form.encoded(summarize(engine.store, 1))
            assert [("ok",)] == engine.store.read("PRAGMA integrity_check")
        if done.returncode == 0:
            break
        assert -signal.SIGKILL == done.returncode, done.stderr
        if kills // step % 5 == 1:
            goes_on(data)
    assert kills > 20


# On the command line


def test_ages_are_said_in_the_project(data, tmp_path, monkeypatch, capfd):
    """Options go over the file; a mistake in either is told, and nothing is dropped."""
    monkeypatch.chdir(tmp_path)
    settings = tmp_path / "pyproject.toml"
    settings.write_text('[tool.durable-dsl.retention]\nhistory = "0s"\nresults = "1d"\narchive = "old"\n')

    def pruned(*options):
        status = main(["data", "prune", "--json", *options, "--data", str(data)])
        return status, json.loads(capfd.readouterr().out)

    assert [] == pruned("--history", "30d", "--dry-run")[1]["dropped"]
    (planned,) = pruned("--dry-run")[1]["dropped"]
    assert 0 < planned["entries"]
    assert 2 == pruned("--history", "soon")[0]
    settings.write_text('[tool.durable-dsl.retention]\nhistory = "soon"\nresult = "1d"\n')
    status, told = pruned()
    assert 1 == status
    assert all(code in told["error"]["message"] for code in ("DSL401", "DSL402"))
    settings.write_text('[tool.durable-dsl.retention]\nhistory = "0s"\narchive = "old"\n')
    (done,) = pruned()[1]["dropped"]
    assert (str(tmp_path / "old"), 1) == (done["archive"], len([*(tmp_path / "old").iterdir()]))
    assert 0 == main(["data", "prune", "--data", str(data)])


def test_ages():
    """Lengths of time, and never."""
    assert (None, 30 * DAY, 0) == (ages.parse("never"), ages.parse("30d"), ages.parse("0s"))
    assert ["DSL401", "DSL402"] == [one.code for one in ages.faults_in({"histroy": "1d", "results": "x"})]
    assert [] == ages.faults_in({"results": "1d", "archive": "old"})
