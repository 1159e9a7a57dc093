"""Whatever is changed in the file, each worker is as it was or said to be damaged; no verb fails for another's sake."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
from contextlib import closing

import pytest

from durable_dsl.cli.main import main
from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.invocation import Invocation
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.oplog.store import FILE
from durable_dsl.engine.queue import Queue
from durable_dsl.engine.session import arguments_text
from tests.engine.programs import opened, worker

WORKERS = ("one", "two", "three")
ROUNDS = 150


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A directory with workers that are idle, failed, and have something to do; and a row in every table."""
    data = tmp_path_factory.mktemp("sound")
    with opened(data) as engine:
        for name in WORKERS:
            worker(engine, name).invoke("run", f"state['n'] = {name!r}; result = {name!r}", idempotency_key="a")
        one, two, three = (engine.worker(name) for name in WORKERS)
        one.invoke(
            "run",
            "b = host.mark_begin_operation(); host.mark_end_operation(b); result = 'x' * 70_000",
            idempotency_key="b",
        )
        with pytest.raises(InvocationError):
            two.invoke("run", "raise KeyError('f')", idempotency_key="f")
        export = engine.component_of("script", 0).resolve("run")
        job = Invocation(export, ["result = 'queued'"], arguments_text(export, ["result = 'queued'"]), "q")
        Queue(engine.store, three.id).add(job)
        row = {"worker": one.id, "idx": 3, "state": "completed", "data": '{"base64": "dg=="}'}
        engine.store.transaction(lambda connection: tables.insert(connection, "promise", **row))
    with closing(sqlite3.connect(data / FILE)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return data


def said(data, *words):
    """Exit status, and what a verb says in JSON; a traceback is an error of the test."""
    from io import StringIO

    out = StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(StringIO()):
        status = main([*words, "--json", "--data", str(data)])
    return status, json.loads(out.getvalue()) if out.getvalue() else None


def answers(data):
    """What everybody who asks is told of each worker, or that it is damaged."""
    found = {}
    status, listed = said(data, "worker", "list")
    if status or not isinstance(listed, list):
        return dict.fromkeys(WORKERS, "damaged"), "damaged"
    by_name = {facts["name"]: facts for facts in listed}
    for name in WORKERS:
        shown = said(data, "worker", "show", name)
        oplog = said(data, "worker", "oplog", name)
        found[name] = (by_name.get(name), shown, oplog)
    return found, listed


def copy_of(sound, target):
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(sound, target)
    return target


def damages(file, choose):
    """Change one value of one row of one table; what was changed, as a text."""
    with closing(sqlite3.connect(file)) as connection, connection:
        table = choose.choice(["entry"] * 6 + ["payload", "queue", "promise", "worker", "build", "component"])
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        keys = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]
        rows = connection.execute(
            f"SELECT {', '.join(f'{chr(34)}{column}{chr(34)}' for column in columns)} FROM {table}"
        )
        row = dict(zip(columns, choose.choice(rows.fetchall()), strict=True))
        column = choose.choice(columns)
        where = " AND ".join(f'"{key}" = ?' for key in keys)
        place = [row[key] for key in keys]
        new = changed(row[column], choose)
        with contextlib.suppress(sqlite3.IntegrityError):
            sql = (
                f'UPDATE {table} SET "{column}" = {"CAST(? AS TEXT)" if isinstance(new, bytes) else "?"} WHERE {where}'
            )
            connection.execute(sql, (new, *place))
        return f"{table}.{column} of {place}: {str(row[column])[:60]!r} -> {str(new)[:60]!r}"


def changed(value, choose):
    """Another value: a bit flipped, nothing, another type, no UTF-8."""
    if isinstance(value, int):
        return choose.choice([value ^ (1 << choose.randrange(40)), -value - 1, None, "text", str(value) + "x"])
    if value is None:
        return choose.choice([0, 7, "", "text", b"\xff"])
    data = bytearray(value.encode() or b" ")
    data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
    return choose.choice([bytes(data)] * 4 + [None, "", b"\xff\xfe", 5, value + " ", value[:-1]])


@pytest.fixture(scope="module")
def expected(sound, tmp_path_factory):
    return answers(copy_of(sound, tmp_path_factory.mktemp("copy") / "data"))[0]


def fits(name, got, expected):
    """Whether what is told of a worker is right, or that it is damaged."""
    if got in ("damaged", expected):
        return True
    listed, (show_status, shown), (oplog_status, oplog) = got
    right_listed, (_, right_shown), (_, right_oplog) = expected
    ok_list = listed is None or listed["status"] == "damaged" or listed == right_listed
    ok_show = show_status == 1 or (show_status == 0 and shown == right_shown)
    marked = oplog_status == 1 or all(entry["kind"] == "damaged" or entry in right_oplog for entry in oplog)
    return ok_list and ok_show and marked


@pytest.mark.guarantee("DATA-2")
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_one_value_that_is_changed(sound, expected, tmp_path, seed):
    """Each verb tells of every worker what is right, or that it is damaged; at most one worker is."""
    data = copy_of(sound, tmp_path / "data")
    what = damages(data / FILE, random.Random(seed))
    got, _ = answers(data)

    assert [] == [name for name in WORKERS if not fits(name, got[name], expected[name])], what
    whole = sum(got[name] == expected[name] for name in WORKERS)
    assert whole >= (0 if what.startswith(("component", "build")) else 2), what
