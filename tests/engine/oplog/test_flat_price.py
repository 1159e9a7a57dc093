"""What is done with a worker that has lived for long reads no whole history: SQLite is asked how it would look."""

from __future__ import annotations

import sqlite3

import pytest

from durable_dsl.engine.oplog.store import FILE
from tests.engine.programs import opened
from tests.guests import guest


class Listening(sqlite3.Connection):
    """Notes all statements with their parameters filled in."""

    said: set[str] = set()  # noqa: RUF012 - of all of them

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.set_trace_callback(self.said.add)


@pytest.fixture
def statements(monkeypatch):
    """Those of the engine from now on."""
    usual = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *arguments, **options: usual(*arguments, factory=Listening, **options)
    )
    Listening.said = set()
    yield Listening.said
    monkeypatch.undo()


def walks(connection, statement):
    """The steps of a statement that go through all entries of a worker, or of all."""
    try:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    except sqlite3.Error:  # no query, or one cut short where it is shown
        return []
    whole = ("SEARCH entry USING PRIMARY KEY (worker=?)", "SEARCH after USING PRIMARY KEY (worker=?)", "SCAN entry")
    return [step[3] for step in plan if step[3] in whole]


def test_nothing_walks_the_history(tmp_path, statements):
    """A start, calls with old and new keys, what is queued, scheduled, reverted, shown."""
    with opened(tmp_path) as engine:
        one = engine.worker("w", engine.load(guest("steerer")))
        one.invoke("run", "state['a'] = 1", idempotency_key="old")
        one.snapshot()
    statements.clear()
    with opened(tmp_path) as engine:
        one = engine.worker("w")
        one.invoke("run", "state['a'] = 1", idempotency_key="old")
        one.invoke("run", "result = state", idempotency_key="new")
        one.start("run", "result = 2").wait(60)
        one.snapshot()
        one.simulate_crash()
        one.resume()
        one.describe(full=True)
        one.cancel("unknown")
    asked = set(statements)
    with sqlite3.connect(tmp_path / FILE) as connection:
        walking = {statement: steps for statement in asked if (steps := walks(connection, statement))}
    assert any("FROM entry" in statement for statement in asked)
    assert {} == walking
