"""`durable-dsl check --against DATA`: what people and CI get to see."""

from __future__ import annotations

import json
import sqlite3

import pytest

from durable_dsl.cli.main import main
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.oplog.store import Store
from tests.engine.programs import opened
from tests.engine.worker.test_commands import OTHER, SECOND, ledger
from tests.guests import guest


@pytest.fixture
def check(tmp_path, capfd):
    def call(edit, *arguments):
        status = main(["check", "--against", str(tmp_path), str(guest("ledger", edit=edit)), *arguments])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    with opened(tmp_path) as engine:
        ledger(engine, "a").invoke("add", 5)
        ledger(engine, "b")
    return call


def test_all_that_continue(check):
    """Exit status 0."""
    status, out, err = check(SECOND)

    assert (0, "") == (status, err)
    assert ["a", "0", "idle", "16", "continues"] == out.splitlines()[1].split()
    assert "2 of 2 continue" == out.splitlines()[-1]


def test_what_diverges(check):
    """Exit status 1: entry, recorded and attempted, with both lines."""
    status, out, _ = check(OTHER)

    assert 1 == status
    assert (
        """
worker a: entry 15 diverges
  recorded   golem api::generate_idempotency_key null
             at app.py:14 (add)
  attempted  no-op
             at app.py:14 (add)

1 of 2 continue, 1 would not
"""
        in out
    )


def test_many_that_diverge_alike(check, tmp_path):
    """Told once, with some of their names; those that continue are only counted."""
    with sqlite3.connect(tmp_path / "durable.sqlite3") as connection:
        for number in range(100, 150):
            worker = tables.insert(connection, "worker", name=f"w{number}", component="ledger", time=1)
            Store.copy_entries(connection, 1, worker, 1, 16 if number < 107 else 1)
    _, out, _ = check(OTHER)

    lines = out.splitlines()
    assert 8 == sum(line.endswith("diverges at 15") for line in lines)
    assert "worker w103: entry 15 diverges\n… and 3 more alike\n  recorded " in out
    assert "44 of 52 continue, 8 would not" == lines[-1]
    assert ["44 of 44 continue"] == check(OTHER, *workers_that_continue())[1].splitlines()


def workers_that_continue():
    return [word for name in ["b", *(f"w{number}" for number in range(107, 150))] for word in ("--worker", name)]


def test_json_and_one_worker(check):
    """One document; `--worker` picks."""
    status, out, _ = check(OTHER, "--worker", "b", "--json")

    assert (0, 1) == (status, json.loads(out)["continues"])
    assert ["b"] == [one["worker"] for one in json.loads(out)["workers"]]


def test_what_is_not_there(check, tmp_path, capfd):
    """Said as any other error."""
    assert 1 == check(OTHER, "--worker", "x")[0]
    assert 1 == main(["check", "--against", str(tmp_path / "no"), str(guest("ledger"))])
    assert "is no data directory" in capfd.readouterr().err
    assert 2 == main(["check", "--against", str(tmp_path), "a.py", "b.py"])
