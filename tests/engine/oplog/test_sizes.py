"""Texts of every size, in every kind of entry and every table: what goes in comes out, wherever it is read."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields
from types import NoneType
from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_dsl.cli.main import main
from durable_dsl.engine.directory import promises
from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.invocations.arguments import arguments_text
from durable_dsl.engine.invocations.invocation import Invocation
from durable_dsl.engine.invocations.queue import Queue
from durable_dsl.engine.oplog import entries, payloads, tables
from durable_dsl.engine.oplog.store import FILE, Store
from durable_dsl.engine.standing.whole import summarize
from tests.engine.programs import opened, worker
from tests.engine.worker.test_commands import SECOND, ledger
from tests.guests import guest

LIMIT = payloads.INLINE_LIMIT
#: Around the limit, the quotes of JSON included, and far beyond it.
SIZES = st.one_of(st.integers(LIMIT - 40, LIMIT + 3), st.sampled_from([0, 1, 3 * LIMIT]))
BIG = ("ENTRIES.append(amount)", "ENTRIES.extend([amount] + [0] * 40_000)")
LONG = "x" * 70_000


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    opened = Store(tmp_path_factory.mktemp("sizes"))
    yield opened
    opened.close()


def entry_with(kind, text):
    """An entry with this text wherever it has one."""
    values = {}
    hints = get_type_hints(kind)
    for field in fields(kind):
        hint = next((one for one in get_args(hints[field.name]) if one is not NoneType), hints[field.name])
        if field.name in {"request", "response"}:
            values[field.name] = json.dumps(text)
        elif hint is str:
            values[field.name] = text
        elif hint in {int, bool}:
            values[field.name] = hint(1)
        elif field.name in {"policy", "modes"}:
            values[field.name] = {text: 1}
        elif field.name == "env":
            values[field.name] = ((text, text),)
        elif field.name == "args":
            values[field.name] = (text,)
        elif field.name == "origins":
            values[field.name] = ((1, text, 1),)
        else:  # one of a few words
            values[field.name] = get_args(hint)[0] if get_args(hint) else hint
    return kind(**values)


@settings(max_examples=12, deadline=None)
@pytest.mark.parametrize("kind", entries.KINDS.values(), ids=entries.KINDS)
@given(size=SIZES, letter=st.sampled_from("x@é🎈\0"))
def test_an_entry_of_any_size(store, kind, size, letter):
    """All of it is read back, and the summary is folded from it."""
    entry = entry_with(kind, letter * size)
    number = store.read_one("SELECT coalesce(max(worker), 0) + 1 FROM entry")[0]
    store.transaction(store.writes(number, [(1, 5, entries.Create("c", 0)), (2, 6, entry)]))

    assert entry == list(store.records(number))[1].entry
    assert 2 == summarize(store, number).last
    longest = store.read_one(
        "SELECT length(detail), length(request), length(response) FROM entry WHERE worker = ? AND idx = 2", (number,)
    )
    assert all(length is None or length <= LIMIT for length in longest)


@settings(max_examples=20, deadline=None)
@given(size=SIZES, letter=st.sampled_from("x@é"))
@pytest.mark.parametrize("table", ["queue", "schedule", "promise"])
def test_a_row_of_any_size(store, table, size, letter):
    """All of it is read back, also after a change."""
    text = json.dumps(letter * size)
    places = {
        "queue": {"function": "f", "request": text, "key": text},
        "schedule": {"function": "f", "request": text, "key": text, "time": 7},
        "promise": {"idx": 3, "state": "completed", "data": text},
    }
    number = store.read_one(f"SELECT coalesce(max(worker), 0) + 1 FROM {table}")[0]
    row = {"worker": number, **places[table]}

    def work(connection):
        tables.insert(connection, table, **row)
        found = tables.one(connection, table, "WHERE worker = ?", (number,))
        tables.update(connection, table, found, **{"function": "g"} if "function" in row else {"state": "g"})

    store.transaction(work)
    (found,) = store.select(table, "WHERE worker = ?", (number,))
    assert {**row, **{name: "g" for name in ("function", "state") if name in row}} == {
        name: found[name] for name in row
    }


@settings(max_examples=20, deadline=None)
@given(size=st.one_of(st.integers(48_900, 49_300), st.just(200_000)))
def test_a_promise_with_a_value_of_any_size(store, size):
    """It is base64 in the file, a third longer than its bytes."""
    number = store.read_one("SELECT coalesce(max(worker), 0) + 1 FROM promise")[0]
    store.transaction(lambda connection: promises.make(connection, number, 4, ("w", 4), None))

    def complete(connection):
        rows = list(tables.select(connection, "promise", "WHERE worker = ?", (number,)))
        return promises.complete(connection, rows, b"\xff" * size)

    assert [number] == store.transaction(complete)
    assert b"\xff" * size == promises.value_of(store, number, 4)


def verbs_work(capsys, data, name):
    """Every verb that reads says what it says."""
    said = []
    for verb in (["worker", "list"], ["worker", "show", name], ["worker", "oplog", name]):
        assert 0 == main([*verb, "--json", "--data", str(data)])
        said.append(json.loads(capsys.readouterr().out))
        assert 0 == main([*verb, "--data", str(data)])
        capsys.readouterr()
    return said


def test_a_failure_with_a_long_message(tmp_path, capsys):
    """The worker is failed, and every verb tells of it."""
    with opened(tmp_path) as engine:
        with pytest.raises(InvocationError):
            worker(engine).invoke("run", "raise ValueError('x' * 70_000)", idempotency_key="k")
    listed, shown, _ = verbs_work(capsys, tmp_path, "w")

    assert "failed" == listed[0]["status"]
    assert LONG == shown["error"]["message"]
    with opened(tmp_path) as engine, pytest.raises(InvocationError) as raised:
        worker(engine).invoke("run", "raise ValueError('x' * 70_000)", idempotency_key="k")
    assert LONG == raised.value.message


def test_a_long_environment(tmp_path, capsys):
    """The guest sees it, in the next process too."""
    with opened(tmp_path, env={"BIG": LONG}) as engine:
        assert "70000" == worker(engine).invoke("run", "result = len(dict(environment.get_environment())['BIG'])")
    verbs_work(capsys, tmp_path, "w")

    with opened(tmp_path) as engine:
        fork = worker(engine).fork("fork")
        fork.settle()
        assert "70000" == fork.invoke("run", "result = len(dict(environment.get_environment())['BIG'])")


def test_long_output(tmp_path, capsys):
    """An entry as any other."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", "print('x' * 70_000)")
    verbs_work(capsys, tmp_path, "w")


def test_a_long_snapshot(tmp_path, capsys):
    """The worker starts from it, as often as need be."""
    with opened(tmp_path) as engine:
        one = ledger(engine, edit=BIG)
        one.invoke("add", 10)
        one.update(engine.load(guest("ledger", edit=SECOND)), snapshot=True)
    verbs_work(capsys, tmp_path, "l")

    with opened(tmp_path) as engine:
        assert [10] + [0] * 40_000 == engine.worker("l").invoke("entries")


def test_a_long_request_that_waits(tmp_path, capsys):
    """It stands apart in the queue, and is run by the next process."""
    source = f"result = '{LONG}'"
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "")
        job = Invocation(export := engine.component_of("script", 0).resolve("run"), [source], "", "q")
        job.request = arguments_text(export, job.arguments)
        Queue(engine.store, one.id).add(job)
    _, shown, _ = verbs_work(capsys, tmp_path, "w")

    assert ["q"] == [one["idempotency_key"] for one in shown["pending"]]
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert 65 == connection.execute("SELECT length(request) FROM queue").fetchone()[0]
    with opened(tmp_path) as engine:
        assert LONG == worker(engine).invoke("run", source, idempotency_key="q")
