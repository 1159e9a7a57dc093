"""`durable-dsl data`: sizes, and giving back what nobody needs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from durable_dsl import temporary
from durable_dsl.cli.main import main
from durable_dsl.engine.oplog.store import FILE
from tests.engine.programs import ROOT, opened, worker
from tests.engine.worker.test_commands import FIXED, OTHER, SECOND, ledger
from tests.guests import guest


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    """What other tests leave there is theirs."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def verb(data, capfd):
    def call(*arguments):
        status = main(["data", *arguments, "--data", str(data)])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return call


def stored(data):
    return sorted(path.name for path in (data / "components").iterdir())


def test_what_takes_up_how_much(data, verb):
    """By file, table, worker and component."""
    with opened(data) as engine:
        worker(engine).invoke("run", f"result = len('{'x' * 100_000}')")
        ledger(engine).invoke("add", 1)
    found = json.loads(verb("show", "--json")[1])

    assert {"script", "ledger"} == {one["name"] for one in found["components"]}
    assert all(one["bytes"] > 1_000_000 and one["builds"] == one["workers"] == 1 for one in found["components"])
    sizes = {one["name"]: one["bytes"] for one in found["workers"]}
    assert sizes["w"] > 100_000 > sizes["l"] > 100
    assert (2, 1) == (found["tables"]["worker"], found["tables"]["payload"])
    assert found["database"] == (data / FILE).stat().st_size
    status, out, _ = verb("show")
    assert (0, True) == (status, "ledger" in out and "MB" in out)


def test_a_component_that_no_worker_is_of(data, verb):
    """It goes, with its file; it is new to the directory when it is loaded again."""
    with opened(data) as engine:
        worker(engine).invoke("run", "state['n'] = 1")
        ledger(engine)
        engine.delete_worker("l")
    planned = json.loads(verb("prune", "--dry-run", "--json")[1])
    assert (["ledger"], 2) == (planned["components"], len(stored(data)))
    done = json.loads(verb("prune", "--json")[1])

    assert {**planned, "removed": True} == done
    assert 1 == len(stored(data))
    with opened(data) as engine:
        assert "1" == worker(engine).invoke("run", "result = state['n']")
        assert 1 == ledger(engine).invoke("add", 1)
    assert "nothing to remove" in verb("prune")[2]


def test_builds_that_a_worker_was_on_stay(data, verb):
    """It may be taken back to before its update; the latest stays for those who call it; others go."""
    with opened(data) as engine:
        one = ledger(engine)
        one.invoke("add", 1)
        before = one.oplog_index
        one.update(engine.load(guest("ledger", edit=SECOND)))
        engine.load(guest("ledger", edit=OTHER))
        engine.load(guest("ledger", edit=FIXED))
        hashes = [build.hash for build in engine.catalogue.builds("ledger")]
    verb("prune")

    assert stored(data) == sorted(f"{hashes[at]}.wasm" for at in (0, 1, 3))
    with opened(data) as engine:
        one = engine.worker("l")
        one.revert(to=before)
        assert (0, 3) == (one.version, one.invoke("add", 2))


def test_nothing_of_a_damaged_worker_s_component_goes(data, verb):
    """Nobody can tell which builds it was on."""
    with opened(data) as engine:
        ledger(engine).invoke("add", 1)
        engine.load(guest("ledger", edit=SECOND))
        engine.load(guest("ledger", edit=OTHER))
    with sqlite3.connect(data / FILE) as connection:
        connection.execute("UPDATE entry SET time = time + 1 WHERE idx = 2")
    verb("prune")

    assert 3 == len(stored(data))


def test_components_stay_while_another_process_uses_the_directory(data, verb):
    """It may have loaded one that it makes a worker of later."""
    with opened(data) as engine:
        component = engine.load(guest("ledger"))
        status, _, err = verb("prune")
        assert (0, True) == (status, "another process uses the directory" in err)
        assert 5 == engine.worker("l", component).invoke("add", 5)


def test_long_texts_that_nothing_refers_to(data, verb):
    """They go; those that something refers to stay."""
    with opened(data) as engine:
        one = worker(engine)
        one.invoke("run", f"state['n'] = len('{'x' * 70_000}')")
    with sqlite3.connect(data / FILE) as connection:
        connection.execute("INSERT INTO payload (worker, hash, data) VALUES (1, 'none', ?)", ("y" * 70_000,))
        connection.execute("INSERT INTO payload (worker, hash, data) VALUES (99, 'none', ?)", ("z" * 70_000,))
    assert 2 == json.loads(verb("prune", "--json")[1])["payloads"]

    with opened(data) as engine:
        assert "70000" == worker(engine).invoke("run", "result = state['n']")


_KILLED = """
import os, signal, sys
from durable_dsl.engine import whole_files
from durable_dsl.temporary import made_here
(made_here("files-") / "left").write_text("x" * 5000)
def fill(file):
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
import pathlib
whole_files.write_whole(pathlib.Path(sys.argv[1]) / "components" / "c.wasm", fill)
"""


def test_what_killed_processes_left(data, verb, own_temporary_folder):
    """Folders of guests' files, half-written components, leases of deleted workers; nothing of those that live."""
    with opened(data) as engine:
        worker(engine).invoke("run", "")
        mine = temporary.made_here("files-")
        killed = subprocess.run([sys.executable, "-c", _KILLED, str(data)], check=False, cwd=ROOT)
        assert -signal.SIGKILL == killed.returncode
        (data / "leases" / "77").write_text("")
        left = json.loads(verb("prune", "--dry-run", "--json")[1])["files"]
        assert 3 == len(left)
        assert all(Path(path).exists() for path in left)
        assert left == json.loads(verb("prune", "--json")[1])["files"]
        assert not any(Path(path).exists() for path in left)

        assert mine.is_dir()
        assert [mine.parent] == list(own_temporary_folder.iterdir())
        assert "None" == worker(engine).invoke("run", "result = None")


def test_the_next_process_that_needs_one_removes_the_folders_of_dead_ones(data, own_temporary_folder):
    """Without anybody asking; and its own goes when it ends."""
    subprocess.run([sys.executable, "-c", _KILLED, str(data)], check=False, cwd=ROOT)
    assert 1 == len(list(own_temporary_folder.iterdir()))
    source = "from durable_dsl.temporary import made_here; made_here('files-')"
    subprocess.run([sys.executable, "-c", source], check=True, cwd=ROOT)

    assert [] == list(own_temporary_folder.iterdir())


def test_a_forked_process_leaves_its_parent_s_folder_alone(own_temporary_folder):
    """It has one of its own."""
    mine = temporary.made_here("files-")
    child = os.fork()
    if not child:
        other = temporary.made_here("files-")
        os._exit(0 if other.parent != mine.parent else 1)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert mine.is_dir()


def test_the_database_gives_back_its_space(data, verb):
    """After a worker was deleted; everything else is as it was."""
    with opened(data) as engine:
        worker(engine).invoke("run", "state['n'] = 1")
        worker(engine, "big").invoke("run", f"result = '{'x' * 3_000_000}'")
        engine.delete_worker("big")
    assert json.loads(verb("show", "--json")[1])["free"] > 2_000_000
    done = json.loads(verb("compact", "--json")[1])

    assert done["before"] > 3_000_000
    assert done["after"] < 200_000
    assert 0 == json.loads(verb("show", "--json")[1])["free"]
    with opened(data) as engine:
        assert "1" == worker(engine).invoke("run", "result = state['n']")


def test_without_a_data_directory(data, verb):
    """None is made."""
    for action in ("show", "prune", "compact"):
        status, _, err = verb(action)
        assert (1, True) == (status, "there is no data directory" in err)
    assert not data.exists()
