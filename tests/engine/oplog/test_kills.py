"""Killed, for real, at each statement while the file is made or migrated; and a file that may not be written."""

from __future__ import annotations

import ctypes
import json
import os
import sqlite3
import subprocess
import sys
import threading

from durable_dsl.engine.oplog import schema
from durable_dsl.engine.oplog.store import Store
from tests.engine.programs import ROOT, command, opened
from tests.engine.worker.test_commands import ledger
from tests.guests import guest

#: Opens a store in a child that is killed at its n-th statement, for each n, and then as it is. What it prints: how
#: many statements there were, and what the next process found after each kill.
_KILLED = """
import os, pathlib, signal, sqlite3, sys
from durable_dsl.engine.oplog import schema
from durable_dsl.engine.oplog.store import Store

directory, newer = pathlib.Path(sys.argv[1]), sys.argv[2] == "newer"
file_is_there = sys.argv[2] != "new"
now = schema.VERSION
migrate = schema.migrate

def install():
    if newer:
        schema.VERSION = now + 1
        schema._MIGRATIONS += (
            "CREATE TABLE extra (worker INTEGER, last INTEGER);"
            "INSERT INTO extra SELECT worker, max(idx) FROM entry GROUP BY worker;"
            "UPDATE entry SET detail = 'changed' WHERE detail IS NULL;"
            "DROP TABLE control",
        )

def killing(at):
    def traced(connection):
        left = [at]
        def statement(_text):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        connection.set_trace_callback(statement)
        migrate(connection)
        connection.set_trace_callback(None)
    return traced

def found(at):
    connection = sqlite3.connect(at / "durable.sqlite3")
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    version = schema.version_of(connection)
    changed = "entry" in tables and connection.execute(
        "SELECT count(*) FROM entry WHERE detail = 'changed'").fetchone()[0]
    connection.execute("PRAGMA integrity_check")
    return version, "extra" in tables, "control" in tables, bool(changed)

kills, seen = 0, set()
while True:
    kills += 1
    target = directory if file_is_there else directory / str(kills)
    target.mkdir(exist_ok=True)
    child = os.fork()
    if not child:
        install()
        schema.migrate = killing(kills)
        Store(target).close()
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
    seen.add(found(target))
    if not file_is_there or newer and kills % 2:
        Store(target).close()
print(kills > 7, sorted(seen), found(target))
"""


def killed(directory, what):
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(directory), what], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert "" == done.stderr
    return done.stdout.strip()


def test_killed_while_the_file_is_made(tmp_path):
    """There is nothing of it, or all: the next process makes it."""
    assert f"True [(0, False, False, False)] ({schema.VERSION}, False, True, False)" == killed(tmp_path, "new")


def test_killed_in_the_middle_of_a_migration(tmp_path):
    """The older schema is whole, and an older version of this package goes on with it."""
    with opened(tmp_path) as engine:
        ledger(engine).invoke("add", 5)

    now = schema.VERSION
    assert f"True [({now}, False, True, False)] ({now + 1}, True, False, True)" == killed(tmp_path, "newer")


def without_override():
    """Before the program starts: root may not write where modes forbid it."""
    prctl_capbset_drop, cap_dac_override = 24, 1
    if os.getuid() == 0:
        ctypes.CDLL(None).prctl(prctl_capbset_drop, cap_dac_override)


def test_a_read_only_directory_is_read_and_not_written(tmp_path):
    """`worker list` and its like show what is there; what would write says what it may not."""

    def run(*arguments):
        given = command(tmp_path, *arguments)
        return subprocess.run(given, capture_output=True, text=True, check=False, cwd=ROOT, preexec_fn=without_override)

    with opened(tmp_path) as engine:
        ledger(engine).invoke("add", 5)
    folders = [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]
    content = engine.store.path.read_bytes()
    for folder in folders:
        folder.chmod(0o555)
    try:
        listed, shown = run("worker", "list"), run("worker", "oplog", "l", "--json")
        resumed = run("worker", "resume", "l")
        added = run("run", str(guest("ledger")), "add", "1", "--worker", "l")
    finally:
        for folder in folders:
            folder.chmod(0o755)

    assert (0, "l ledger 0 idle 16") == (listed.returncode, " ".join(listed.stdout.splitlines()[1].split()[:5]))
    assert (0, 16) == (shown.returncode, len(json.loads(shown.stdout)))
    for refused in (resumed, added):
        assert (1, "") == (refused.returncode, refused.stdout)
        assert "cannot write to its directory" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert content == engine.store.path.read_bytes()


def test_a_new_file_that_another_process_makes_is_waited_for(tmp_path):
    """SQLite itself does not wait there: it refuses to turn the log on while the other one writes."""
    other = sqlite3.connect(tmp_path / "durable.sqlite3", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.2, other.execute, ["COMMIT"]).start()
    store = Store(tmp_path)

    assert [] == store.read("SELECT name FROM worker")
    store.close()
    other.close()
