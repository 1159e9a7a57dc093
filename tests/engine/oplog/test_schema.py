"""Files of older schemas: brought up to date without loss, whole when that is cut short."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from durable_dsl.engine.directory import promises
from durable_dsl.engine.errors import DamagedError
from durable_dsl.engine.oplog import schema
from durable_dsl.engine.oplog.store import FILE, Store
from tests.engine.oplog.test_kills import killed

#: Written by the last version that had schema 2: two workers with entries of every kind, long texts, and a row or two
#: in every table.
_SCHEMA_2 = Path(__file__).parents[1] / "files" / "schema_2.sqlite3.gz"


@pytest.fixture
def old(tmp_path):
    (tmp_path / FILE).write_bytes(gzip.decompress(_SCHEMA_2.read_bytes()))
    return tmp_path


def contents(file):
    """All rows of all tables, by table and column, but for checksums."""
    found = {}
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()
            found[name] = [{column: row[column] for column in row.keys() if column != "crc"} for row in rows]
    counted = found["sqlite_sequence"]  # since schema 3 what is asked in `control` is, too
    found["sqlite_sequence"] = [row for row in counted if row["name"] != "control"]
    found["meta"] = [row for row in found["meta"] if row["key"] != "schema"]
    return found


def older_columns(now, before):
    """What `now` has of the columns that there were before."""
    return {
        table: [{column: row[column] for column in then} for row, then in zip(now[table], rows, strict=True)]
        for table, rows in before.items()
    }


def test_a_file_of_schema_2_loses_nothing(old):
    """Every value is there, every entry is read under its old checksum, every other row has one now."""
    before = contents(old / FILE)
    store = Store(old)
    now = contents(old / FILE)

    assert before == older_columns(now, before)
    assert [22, 3] == [len(list(store.records(worker))) for worker in (1, 2)]
    assert "x" * 70_000 == list(store.records(2))[-1].entry.message
    had = {"component": 1, "build": 1, "worker": 2, "queue": 2, "schedule": 1, "promise": 2}
    assert had == {table: len(store.select(table)) for table in had}
    assert b"\0\1\2" == promises.value_of(store, 2, 2)
    store.close()


@pytest.mark.parametrize(
    ("damage", "index"),
    [
        ("UPDATE entry SET response = '\"dune\"' WHERE worker = 1 AND idx = 22", 22),
        ("UPDATE entry SET kind = 'no-op' WHERE worker = 1 AND idx = 22", 22),
        ("UPDATE payload SET data = replace(data, 'zz', 'zy') WHERE worker = 1", 5),
    ],
)
def test_damage_to_an_old_entry_is_found(old, damage, index):
    """Before or after the file is brought up to date: nothing gives an entry a new checksum unseen."""
    with closing(sqlite3.connect(old / FILE)) as connection, connection:
        connection.execute(damage)
    store = Store(old)

    with pytest.raises(DamagedError, match=f"entry {index} of worker 'one'"):
        list(store.records(1))
    assert 3 == len(list(store.records(2)))
    store.close()


def test_killed_while_a_file_of_schema_2_is_brought_up_to_date(old):
    """It is of schema 2, and as it was; the next process does all of it."""
    before = contents(old / FILE)
    done = killed(old, "older")

    assert f"True [(2, False, True, False)] ({schema.VERSION}, False, True, False)" == done
    now = contents(old / FILE)
    assert before == older_columns(now, before)
