"""Which stored workers a new build continues: found by replay that runs nothing live and changes nothing."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
import time

import pytest

from durable_dsl.engine import compare
from durable_dsl.engine.errors import UpdateRefused, UsageError
from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.oplog.test_kills import without_override
from tests.engine.programs import ROOT, command, opened, program, worker
from tests.engine.worker.test_commands import OTHER, SECOND, ledger
from tests.guests import guest

NEW = ("VERSION = 1", "VERSION = 2")


def state(data):
    """Every file of a directory, with its content and its time."""
    # In the file that processes talk through, an engine of this very process leaves its marks.
    files = sorted(path for path in data.rglob("*") if path.is_file() and path.suffix != ".sqlite3-shm")
    return [(path, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files]


@pytest.fixture
def unchanged(tmp_path):
    """`compare` on the test's directory, which must stay as it is, byte for byte."""

    def call(component, **options):
        before = state(tmp_path)
        found = compare(tmp_path, component, **options)
        assert before == state(tmp_path)
        return found

    return call


def outcomes(found):
    return [(one.worker, one.outcome, one.index) for one in found]


def test_a_build_that_does_the_same_continues_all(tmp_path, unchanged):
    """Also while another process has the directory open and holds the workers."""
    with opened(tmp_path) as engine:
        ledger(engine, "a").invoke("add", 5)
        ledger(engine, "b")
        worker(engine, "foreign").invoke("run", "")
        found = unchanged(guest("ledger", edit=SECOND))
    assert [("a", "continues", None), ("b", "continues", None)] == outcomes(found)
    assert found == unchanged(guest("ledger", edit=SECOND))


def test_a_divergence_has_both_lines(tmp_path, unchanged):
    """At its entry, and `update` is refused with the same."""
    with opened(tmp_path) as engine:
        ledger(engine, "a").invoke("add", 5)
        ledger(engine, "b")
    (one,) = unchanged(guest("ledger", edit=OTHER), workers=["a"])

    assert ("diverges", "golem api::generate_idempotency_key null", "no-op") == (
        one.outcome,
        one.recorded,
        one.attempted,
    )
    assert ("app.py:14 (add)", "app.py:14 (add)") == (one.recorded_at, one.attempted_at)
    with opened(tmp_path) as engine, pytest.raises(UpdateRefused) as refused:
        ledger(engine, "a", edit=OTHER)
    assert f"oplog entry {one.index}: recorded {one.recorded}, attempted {one.attempted}" in str(refused.value)
    assert "called at app.py:14 (add), recorded at app.py:14 (add) of version 0" in str(refused.value)


def test_another_result_diverges(tmp_path, unchanged):
    """Even where it is the last thing recorded: the update is refused, and the worker stays on its build."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", "result = VERSION")
    (one,) = unchanged(guest("script", edit=NEW))

    assert ("diverges", 'result "1"', 'result "2"') == (one.outcome, one.recorded, one.attempted)
    with opened(tmp_path) as engine:
        with pytest.raises(UpdateRefused, match="recorded result"):
            worker(engine, edit=NEW)
        assert 0 == engine.worker("w").version


def test_an_exception_of_the_new_build_diverges(tmp_path, unchanged):
    """It is named, with its line, against what was to come."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", program("host.get_oplog_index()\nresult = 1 // (VERSION - 2)"))
    (one,) = unchanged(guest("script", edit=NEW))

    assert ("diverges", 'result "-1"', "ZeroDivisionError: division by zero", "script.py:2 (<module>)") == (
        one.outcome,
        one.recorded,
        one.attempted,
        one.attempted_at,
    )


def test_an_export_that_is_not_what_it_was_diverges(tmp_path, unchanged):
    """It takes other arguments, or was removed."""
    wit = (ROOT / "tests" / "guests" / "script" / "world.wit").read_text()
    run = "run: func(source: string)"
    edit = (wit, wit.partition("  /// As `run`")[0].replace(run, "run: func(source: string, more: u8)") + "}")
    with opened(tmp_path) as engine:
        worker(engine, "a").invoke("run", "result = 1")
        worker(engine, "b").invoke("attempt", "result = 1")
    takes_more, removed = unchanged(guest("script", edit=edit))

    assert ("diverges", 'run ["result = 1"]') == (takes_more.outcome, takes_more.recorded)
    assert 'the recorded arguments ["result = 1"] do not fit' in takes_more.attempted
    assert ("diverges", 'attempt ["result = 1"]') == (removed.outcome, removed.recorded)
    assert "the new build has no export attempt" == removed.attempted
    with opened(tmp_path) as engine:
        with pytest.raises(UpdateRefused, match="do not fit"):
            worker(engine, "a", edit=edit)
        with pytest.raises(UpdateRefused, match="attempt"):
            worker(engine, "b", edit=edit)


def test_what_a_killed_process_left_is_compared(tmp_path, unchanged):
    """A sleeper in the middle of an invocation; with and without the index of the log beside the file, which stays."""
    arguments = command(tmp_path, "run", str(guest("ledger")), "pause", "--worker", "w")
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stderr is not None
    assert "pausing\n" == process.stderr.readline()
    deadline = time.monotonic() + 60
    while compare(tmp_path, guest("ledger"))[0].status != "suspended":
        assert time.monotonic() < deadline
    process.kill()
    process.communicate()
    assert (tmp_path / "durable.sqlite3-wal").exists()

    index = tmp_path / "durable.sqlite3-shm"
    before = index.read_bytes()
    (one,) = unchanged(guest("ledger", edit=SECOND))
    assert ("continues", "suspended") == (one.outcome, one.status)
    assert before == index.read_bytes()
    index.unlink()
    assert [one] == unchanged(guest("ledger", edit=SECOND))


def test_a_worker_that_starts_from_a_snapshot(tmp_path, unchanged):
    """The new build loads it, and what followed is compared."""
    with opened(tmp_path) as engine:
        one = ledger(engine)
        one.invoke("add", 5)
        one.update(engine.load(guest("ledger", edit=OTHER)), snapshot=True)
        one.invoke("add", 2)
    assert ["continues"] == [one.outcome for one in unchanged(guest("ledger", edit=OTHER))]
    (one,) = unchanged(guest("ledger"))
    assert ("diverges", "no-op", "app.py:14 (add)", "app.py:14 (add)") == (
        one.outcome,
        one.recorded,
        one.recorded_at,
        one.attempted_at,
    )


def test_an_automatic_update_after_a_snapshot_loads_it(tmp_path):
    """State that is in the snapshot alone is there on the build that follows."""
    with opened(tmp_path) as engine:
        one = ledger(engine)
        one.invoke("add", 5)
        one.update(engine.load(guest("ledger", edit=SECOND)), snapshot=True)
        one.invoke("add", 2)
        ledger(engine)

        assert (0, 8) == (one.version, one.invoke("add", 1))


@pytest.mark.guarantee("AGAINST-1")
def test_nothing_is_performed(tmp_path, unchanged):
    """A request in a persist-nothing zone is not sent: what follows is undecided. Looking at the clock is no effect."""
    zone = "host.set_oplog_persistence_level(host.PersistenceLevel_PersistNothing())\n"
    smart = "host.set_oplog_persistence_level(host.PersistenceLevel_Smart())\nhost.get_oplog_index()"
    with serving() as server, opened(tmp_path, allow_http=[server.authority]) as engine:
        body = f'{zone}fetch("post", URL + "/event", b"once")\n{smart}'
        worker(engine, "asks").invoke("run", http_program(server.url, body))
        worker(engine, "looks").invoke("run", program(f"{zone}time.time()\n{smart}"))
        assert ["once"] == server.events
        found = unchanged(guest("script", edit=NEW))
        assert ["once"] == server.events
    assert [("asks", "undecided"), ("looks", "continues")] == [(one.worker, one.outcome) for one in found]
    assert "wasi:http/outgoing-handler#handle, in a persist-nothing zone" == found[0].attempted
    assert found[0].attempted_at is not None


def test_a_damaged_worker_is_told(tmp_path, unchanged):
    """The others are compared."""
    with opened(tmp_path) as engine:
        ledger(engine, "bad").invoke("add", 1)
        ledger(engine, "good").invoke("add", 1)
    with sqlite3.connect(tmp_path / "durable.sqlite3") as connection:
        connection.execute("UPDATE entry SET response = 'x' WHERE worker = 1 AND function LIKE '%idempotency%'")
    found = unchanged(guest("ledger", edit=SECOND))

    assert [("bad", "damaged"), ("good", "continues")] == [(one.worker, one.outcome) for one in found]


def test_what_cannot_be_compared_is_refused(tmp_path):
    """No such directory, worker or component: with what there is."""
    with pytest.raises(UsageError, match="is no data directory"):
        compare(tmp_path, guest("ledger"))
    with opened(tmp_path) as engine:
        worker(engine)
    with pytest.raises(UsageError, match="no workers of component 'ledger'") as refused:
        compare(tmp_path, guest("ledger"))
    assert "its workers belong to: script" == refused.value.hint
    with pytest.raises(UsageError, match="no worker 'x'"):
        compare(tmp_path, guest("script"), workers=["x"])
    with pytest.raises(UsageError, match="belongs to component 'script'"):
        compare(tmp_path, guest("ledger"), workers=["w"])


READ_ONLY = """
import pathlib, sys
from durable_dsl.engine import compare
try:
    pathlib.Path(sys.argv[1], "x").touch()
except OSError:
    print(*[one.outcome for one in compare(sys.argv[1], sys.argv[2])])
"""


def test_a_directory_that_cannot_be_written_is_compared(tmp_path):
    """As in a CI job on a mounted copy."""
    with opened(tmp_path) as engine:
        ledger(engine).invoke("add", 5)
    folders = [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    command = [sys.executable, "-c", READ_ONLY, str(tmp_path), str(guest("ledger"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=without_override)
    for folder in folders:
        folder.chmod(0o755)

    assert ("continues\n", "") == (done.stdout, done.stderr)
