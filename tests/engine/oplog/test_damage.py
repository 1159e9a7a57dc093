"""Whatever is changed in the file, each worker is as it was or said to be damaged; no verb fails for another's sake."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
from contextlib import closing
from io import StringIO

import pytest

from durable_dsl.cli.main import main
from durable_dsl.engine.errors import DamagedError, InvocationError
from durable_dsl.engine.invocations.arguments import arguments_text
from durable_dsl.engine.invocations.invocation import Invocation
from durable_dsl.engine.invocations.queue import Queue
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.oplog.store import FILE
from tests.engine.programs import opened, program, worker

WORKERS = ("one", "two", "three")
ROUNDS = 60
TWICE = "b = host.mark_begin_operation(); host.mark_end_operation(b); result = 'x' * 70_000"


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
            TWICE,
            idempotency_key="b",
        )
        with pytest.raises(InvocationError):
            two.invoke("run", "raise KeyError('f')", idempotency_key="f")
        export = engine.component_of("script", 0).resolve("run")
        job = Invocation(export, ["result = 'queued'"], arguments_text(export, ["result = 'queued'"]), "q")
        Queue(engine.store, three.id).add(job)
        rows = {
            "promise": {"worker": one.id, "idx": 3, "state": "pending", "maker": "one", "number": 3},
            "bucket": {"bucket": "b", "key": "k", "value": b"v"},
            "container": {"name": "c", "time": 1_000_000_000},
            "object": {"container": "c", "name": "o", "time": 1_000_000_000, "data": b"d"},
        }
        for table, row in rows.items():
            engine.store.transaction(lambda connection, row=row, table=table: tables.insert(connection, table, **row))
    with closing(sqlite3.connect(data / FILE)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return data


def said(data, *words):
    """Exit status, and what a verb says in JSON; a traceback is an error of the test."""
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
        table = choose.choice(["entry"] * 6 + ["payload", "queue", "promise", "worker", "build", "component", "bucket"])
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


@pytest.mark.guarantee("DATA-2")
@pytest.mark.parametrize(
    ("damage", "damaged"),
    [
        ("UPDATE queue SET request = replace(request, 'queued', 'queuee')", "three"),
        ("UPDATE queue SET worker = 77", "three"),
        ("UPDATE queue SET id = id + 1", "three"),
        ("UPDATE queue SET request = CAST(x'ff' AS TEXT)", "three"),
        ("UPDATE entry SET kind = CAST(x'e86f67' AS TEXT) WHERE worker = 1 AND kind = 'log'", None),
        ("UPDATE entry SET kind = CAST(x'ff' AS TEXT) WHERE worker = 1 AND idx = 2", "one"),
        ("UPDATE entry SET kind = 'log' WHERE worker = 2 AND kind = 'error'", "two"),
        ("UPDATE entry SET idx = 500 WHERE worker = 2 AND idx = 5", "two"),
        ("UPDATE entry SET worker = 77 WHERE worker = 2 AND idx = 5", "two"),
        ("UPDATE entry SET time = time + 1 WHERE worker = 3 AND idx = 1", "three"),
        ("UPDATE entry SET crc = 'x' WHERE worker = 3 AND idx = 2", "three"),
        ("UPDATE worker SET component = 'other' WHERE name = 'two'", "two"),
        ("UPDATE entry SET idx = -idx WHERE worker = 1 AND kind = 'exported-function-completed'", "one"),
    ],
)
def test_damage_is_said_of_its_worker(sound, tmp_path, damage, damaged):
    """By every verb that acts on it; the others run on."""
    data = copy_of(sound, tmp_path / "data")
    with closing(sqlite3.connect(data / FILE)) as connection, connection:
        connection.execute(damage)
    with opened(data) as engine:
        for name in WORKERS:
            if name == damaged:
                with pytest.raises(DamagedError, match=f"of worker '{name}' is damaged"):
                    engine.worker(name).invoke("run", "result = 1")
            elif name != "two" and damaged is not None:
                assert "1" == engine.worker(name).invoke("run", "result = 1")
    if damaged in {"one", "two"} or "entry" in damage:
        facts = {one["name"]: one for one in said(data, "worker", "list", "--check")[1]}
        assert [damaged] * (damaged is not None) == [name for name, one in facts.items() if one["status"] == "damaged"]


@pytest.mark.guarantee("DATA-2")
def test_two_entries_that_changed_places(sound, tmp_path):
    """Whole rows, checksums included: each is as it was written, and neither stands where it was."""
    data = copy_of(sound, tmp_path / "data")
    with closing(sqlite3.connect(data / FILE)) as connection, connection:
        found = connection.execute(
            "SELECT idx FROM entry WHERE worker = 1 AND kind = 'exported-function-completed' ORDER BY idx"
        ).fetchall()
        (first,), (second,) = found
        for old, new in ((first, -1), (second, first), (-1, second)):
            connection.execute("UPDATE entry SET idx = ? WHERE worker = 1 AND idx = ?", (new, old))
    with opened(data) as engine:
        for key, source in (("a", "state['n'] = 'one'; result = 'one'"), ("b", TWICE)):
            with pytest.raises(DamagedError):
                engine.worker("one").invoke("run", source, idempotency_key=key)
        one = engine.worker("one")
        with pytest.raises(DamagedError, match=f"entry {first} of worker 'one'.*revert one --to {first - 1}"):
            one.invoke("run", "result = 1")
        one.revert(to=first - 1)
        one.resume()
        assert "one" == one.invoke("run", "result = state['n']")


def test_a_worker_whose_own_row_is_damaged_can_be_deleted(sound, tmp_path):
    """By its name, or by its number where that cannot be read."""
    data = copy_of(sound, tmp_path / "data")
    with closing(sqlite3.connect(data / FILE)) as connection, connection:
        connection.execute("UPDATE worker SET component = 'x' WHERE id = 1")
        connection.execute("UPDATE worker SET name = CAST(x'ff41' AS TEXT) WHERE id = 2")
    facts = {one["name"]: one["status"] for one in said(data, "worker", "list")[1]}
    assert {"one": "damaged", "#2": "damaged", "three": "idle"} == facts
    for name in ("one", "#2"):
        assert 0 == said(data, "worker", "delete", name)[0]
    assert ["three"] == [one["name"] for one in said(data, "worker", "list")[1]]


@pytest.mark.guarantee("DATA-2")
@pytest.mark.parametrize(
    ("damage", "said_of"),
    [
        ("UPDATE worker SET name = 'onf' WHERE name = 'one'", "the row of worker 'one' is"),
        ("UPDATE worker SET name = CAST(x'ff' AS TEXT) WHERE name = 'one'", "the row of worker 'one' is"),
        ("UPDATE retired SET name = 'x' WHERE name = 'one'", "what is known of an earlier worker 'one' is"),
    ],
)
def test_a_name_that_was_altered(sound, tmp_path, damage, said_of):
    """No new worker is made in the place of one whose name is another now; that one can be deleted by its name."""
    data = copy_of(sound, tmp_path / "data")
    if "retired" in damage:
        with opened(data) as engine:
            engine.worker("one").invoke("run", "host.create_promise()")
            engine.delete_worker("one")
    with closing(sqlite3.connect(data / FILE)) as connection, connection:
        assert connection.execute(damage).rowcount == 1
    with opened(data) as engine:
        for make in (lambda: worker(engine, "one"), lambda: engine.worker("three").fork("one")):
            with pytest.raises(DamagedError, match=said_of):
                make()
        assert ["three", "two"] == [each.name for each in engine.workers()]
        assert "1" == engine.worker("three").invoke("run", "result = 1")
        if "retired" not in damage:
            assert engine.delete_worker("one")
            assert "1" == worker(engine, "one").invoke("run", "result = 1")


@pytest.mark.guarantee("DATA-2")
@pytest.mark.parametrize("column", ["number", "maker", "idx", "state"])
def test_a_promise_that_was_altered(sound, tmp_path, column):
    """Whoever names it, in whatever way, is told that it is damaged, and not that it is not there."""
    data = copy_of(sound, tmp_path / "data")
    with closing(sqlite3.connect(data / FILE)) as connection, connection:
        connection.execute(f"UPDATE promise SET {column} = ?", (4 if column in {"number", "idx"} else "completed",))
    with opened(data) as engine:
        promise = f"{engine.worker('one').component_id}/one/3"
        for named in ((promise,), ("one", 3)):
            with pytest.raises(DamagedError, match=r"promise \d of worker 'one' is damaged"):
                engine.complete_promise(*named, b"v")
        source = f"""
            number = {engine.component_of("script", 0).id.replace("-", "")!r}
            id = host.ComponentId(host.Uuid(int(number[:16], 16), int(number[16:], 16)))
            host.complete_promise(host.PromiseId(host.WorkerId(id, "one"), 3), b"v")
        """
        with pytest.raises(DamagedError, match=r"promise \d of worker 'one' is damaged"):
            worker(engine, "guest").invoke("run", program(source))


@pytest.mark.guarantee("DATA-2")
@pytest.mark.parametrize(
    ("damage", "uses", "said_of"),
    [
        ("UPDATE bucket SET value = x'77'", "eventual.get(bucket, 'k')", "what stands under the key 'k' of 'b' is"),
        ("UPDATE bucket SET key = 'l'", "eventual.get(bucket, 'k')", "what stands under the key 'k' of 'b' is"),
        ("UPDATE bucket SET bucket = 'x'", "eventual.exists(bucket, 'k')", "what stands under the key 'k' of 'b' is"),
        ("UPDATE bucket SET key = 'l'", "eventual_batch.keys(bucket)", "what stands under the key 'l' of 'b' is"),
        ("UPDATE container SET name = 'x'", "blobstore.get_container('c')", "the container 'c' is"),
        ("UPDATE container SET time = 5", "blobstore.create_container('c')", "the container 'c' is"),
        ("UPDATE object SET data = x'77'", "box.get_data('o', 0, 9)", "the object 'o' of 'c' is"),
        ("UPDATE object SET name = 'p'", "box.has_object('o')", "the object 'o' of 'c' is"),
        ("UPDATE object SET name = 'p'", "box.list_objects()", "the object 'p' of 'c' is"),
        ("UPDATE object SET time = 5", "box.object_info('o')", "the object 'o' of 'c' is"),
    ],
)
def test_what_is_stored_was_altered(sound, tmp_path, damage, uses, said_of):
    """A guest never gets another value, nor is told that there is none."""
    data = copy_of(sound, tmp_path / "data")
    with closing(sqlite3.connect(data / FILE)) as connection, connection:
        assert connection.execute(damage).rowcount == 1
    with opened(data) as engine:
        opens = "bucket = wasi_keyvalue_types.Bucket.open_bucket('b')\n"
        if "box" in uses:
            opens = "box = blobstore.get_container('c')\n"
        with pytest.raises(DamagedError, match=f"{said_of} damaged"):
            worker(engine, "guest").invoke("run", f"{opens}{uses}")
        assert "1" == engine.worker("one").invoke("run", "result = 1")


def test_what_was_altered_can_be_deleted(sound, tmp_path):
    """By the key that it stood under; then there is none."""
    data = copy_of(sound, tmp_path / "data")
    with closing(sqlite3.connect(data / FILE)) as connection, connection:
        connection.execute("UPDATE bucket SET key = 'l'")
    text = """
        bucket = wasi_keyvalue_types.Bucket.open_bucket("b")
        eventual.delete(bucket, "k")
        result = eventual.get(bucket, "k"), eventual_batch.keys(bucket)
    """
    with opened(data) as engine:
        assert "(None, [])" == worker(engine, "guest").invoke("run", program(text))


@pytest.mark.parametrize("seed", range(40))
def test_a_byte_of_the_file_that_is_changed(sound, tmp_path, seed):
    """Wherever it is, in what SQLite keeps for itself too: an answer or an error, no traceback."""
    choose = random.Random(seed)
    data = copy_of(sound, tmp_path / "data")
    content = bytearray((data / FILE).read_bytes())
    content[choose.randrange(100, len(content))] ^= 1 << choose.randrange(8)
    (data / FILE).write_bytes(content)

    assert said(data, "worker", "list")[0] in {0, 1}
    for name in WORKERS:
        assert said(data, "worker", "show", name)[0] in {0, 1}
        assert said(data, "worker", "oplog", name)[0] in {0, 1}
