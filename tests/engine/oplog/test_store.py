"""The database file: prefixes, long texts, damage, and commits that share a flush."""

from __future__ import annotations

import os
import sqlite3
import threading
import time

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.errors import DamagedError, StoreError
from durable_dsl.engine.oplog import schema
from durable_dsl.engine.oplog.entries import ExportedFunctionCompleted, Log, NoOp
from durable_dsl.engine.oplog.log import BUFFER_LIMIT, Ends, Oplog
from durable_dsl.engine.oplog.store import FILE, INLINE_LIMIT, Store


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path)
    opened.transaction(lambda connection: connection.execute("CREATE TABLE noted (name TEXT, number INTEGER)") and None)
    yield opened
    opened.close()


def log_of(store, worker=1):
    return Oplog(store, worker, SystemClock(), Ends(0, 0, 0))


def test_entries_reach_the_disk_at_the_commit_and_not_before(store):
    """Indices are given at once, entries are on disk when commit returns."""
    log = log_of(store)

    assert [1, 2] == [log.append(NoOp()), log.append(NoOp())]
    assert store.last_index(1) == 0
    log.commit()
    assert store.last_index(1) == 2 == log.committed


def test_a_full_buffer_is_written(store):
    """A guest that never commits does not fill the memory."""
    log = log_of(store)
    for _ in range(BUFFER_LIMIT):
        log.append(NoOp())

    assert store.last_index(1) == BUFFER_LIMIT


def test_an_effect_and_its_entry_are_there_together_or_not_at_all(store):
    """An effect that fails takes its entry with it; what was in the buffer before is written by the next commit."""
    log = log_of(store)
    log.append(NoOp())

    def entry(outcome):
        return ExportedFunctionCompleted(str(outcome))

    with pytest.raises(StoreError, match="no such table"):
        log.append_with_effect(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)"), entry)
    assert (store.last_index(1), log.last) == (0, 1)
    assert log.append_with_effect(lambda _connection: 42, entry) == 42
    assert [NoOp(), ExportedFunctionCompleted("42")] == [record.entry for record in store.records(1)]


def test_effects_wait_for_the_next_commit(store):
    """Something that belongs to an entry is done when the entry is on disk, once."""
    log = log_of(store)
    log.append(NoOp())
    log.at_next_commit(lambda connection: connection.execute("INSERT INTO noted VALUES ('c', 1)") and None)
    assert store.read("SELECT * FROM noted") == []
    log.commit()
    log.append(NoOp())
    log.commit()

    assert store.read("SELECT name FROM noted") == [("c",)]


def test_long_texts_stand_apart_and_come_back(store):
    """A long response is in a table of its own, by its hash."""
    log = log_of(store)
    response = '"' + "ü" * INLINE_LIMIT + '"'
    log.append(ExportedFunctionCompleted(response))
    log.commit()

    assert response == next(store.records(1)).entry.response
    assert store.read_one("SELECT length(response) FROM entry")[0] == 65


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE payload SET data = replace(data, 'xx', 'xy')",
        "UPDATE entry SET response = replace(response, '4', '5') WHERE response IS NOT NULL",
        "UPDATE entry SET kind = 'no-such-kind'",
        "UPDATE entry SET kind = 'no-op'",
        "UPDATE entry SET key = 'another'",
    ],
)
def test_damage_is_found_where_it_is(store, tmp_path, damage):
    """A flipped byte is an error that names worker and entry, not a wrong answer."""
    log = log_of(store)
    log.append(ExportedFunctionCompleted('"42"'))
    log.append(ExportedFunctionCompleted('"' + "x" * INLINE_LIMIT + '"'))
    log.commit()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(damage)

    with pytest.raises(DamagedError, match=r"entry [12] of worker"):
        list(store.records(1))


def test_a_newer_schema_is_refused(tmp_path):
    """A file of a later version is left alone."""
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")

    with pytest.raises(StoreError, match="schema 99"):
        Store(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    """A foreign file is an error with the file's name, and stays as it is."""
    (tmp_path / FILE).write_text("not a database at all" * 100)

    with pytest.raises(StoreError, match="damaged"):
        Store(tmp_path)
    assert (tmp_path / FILE).read_text().startswith("not a database")


def test_a_migration_that_is_cut_short_leaves_the_older_schema(tmp_path, monkeypatch):
    """Migrations are transactions: the next opening does the whole of it."""
    monkeypatch.setattr(schema, "_MIGRATIONS", ("CREATE TABLE one (a); CREATE TABLE broken (", *schema._MIGRATIONS[1:]))
    with pytest.raises(StoreError):
        Store(tmp_path)
    monkeypatch.undo()

    store = Store(tmp_path)
    assert store.read_one("SELECT count(*) FROM sqlite_master WHERE name = 'one'")[0] == 0
    assert store.read_one("SELECT value FROM meta WHERE key = 'schema'")[0] == str(schema.VERSION)
    store.close()


def test_a_read_only_directory_is_said(tmp_path):
    """Without permission to write nothing is tried, and the error names the place."""
    if os.geteuid() == 0:
        target = tmp_path / "durable.sqlite3"
        target.mkdir()  # root may write anywhere; a directory in the file's place cannot be opened by anyone
        with pytest.raises(StoreError, match="cannot write"):
            Store(tmp_path)
    else:
        tmp_path.chmod(0o500)
        with pytest.raises(StoreError, match="cannot write"):
            Store(tmp_path)


def test_a_full_disk_loses_nothing_that_was_committed(store):
    """What does not fit is refused; what was there is whole, and goes on when there is room."""
    log = log_of(store)
    log.append(NoOp())
    log.commit()
    pages = store.writer._connection.execute("PRAGMA page_count").fetchone()[0]
    store.writer._connection.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(200):
        log.append(Log("stdout", "", "x" * 1000))

    with pytest.raises(StoreError, match="no space left"):
        log.commit()
    assert store.last_index(1) == 1
    store.writer._connection.execute("PRAGMA max_page_count = 1000000")
    log.commit()
    assert store.last_index(1) == 201


def test_commits_of_several_threads_share_a_flush(store):
    """While one is flushed, the commits of the others gather for the next."""
    flushes = []

    def slowly():
        flushes.append(1)
        time.sleep(0.02)

    store.writer.before_commit = slowly

    def work(worker):
        log = log_of(store, worker)
        for _ in range(10):
            log.append(NoOp())
            log.commit()

    def flushed(workers):
        flushes.clear()
        threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(flushes)

    assert flushed([100]) >= 10
    assert flushed(range(8)) < 80 / 2
    assert [store.last_index(worker) > 0 for worker in range(8)] == [True] * 8


def test_one_thread_s_bad_work_does_not_take_others_with_it(store):
    """In a shared transaction, only the work that fails is not done."""
    started = threading.Barrier(3)
    store.writer.before_commit = lambda: time.sleep(0.02)
    outcome = {}

    def work(name, statement):
        started.wait()
        for _ in range(3):
            try:
                store.transaction(lambda connection: connection.execute(statement))
                outcome[name] = "done"
            except StoreError:
                outcome[name] = "failed"

    statements = {
        "good": "INSERT INTO noted VALUES (hex(randomblob(8)), 1)",
        "bad": "INSERT INTO nowhere VALUES (1)",
        "also good": "INSERT INTO noted VALUES (hex(randomblob(8)), 2)",
    }
    threads = [threading.Thread(target=work, args=item) for item in statements.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {"good": "done", "bad": "failed", "also good": "done"} == outcome
    assert store.read_one("SELECT count(*) FROM noted")[0] == 6


def test_threads_come_and_go_without_leaving_connections(store):
    """Connections for reading are shared by all threads, one at a time."""
    for _ in range(50):
        thread = threading.Thread(target=lambda: store.read("SELECT 1"))
        thread.start()
        thread.join()

    assert len(store._readers._idle) == 1
