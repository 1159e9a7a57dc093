"""A damaged or foreign data directory: a clear error, and nothing lost that was good."""

from __future__ import annotations

import sqlite3

import pytest

from durable_dsl.engine.errors import DamagedError, InvocationError, LeaseError, StoreError
from durable_dsl.engine.oplog.store import FILE
from tests.engine.programs import kinds, opened, worker


def damage(data, statement):
    with sqlite3.connect(data / FILE) as connection:
        assert connection.execute(statement).rowcount == 1


@pytest.fixture
def damaged(tmp_path):
    """A worker whose second of three invocations has a flipped byte in its long argument."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "state['n'] = 1")
        kept = one.oplog_index
        one.invoke("run", f"state['n'] += 1 # {'x' * 70_000}")
        one.invoke("run", "state['n'] += 1")
        worker(engine, "other").invoke("run", "state['n'] = 9")
    damage(tmp_path, "UPDATE payload SET data = replace(data, 'xxxx #', 'xxxy #') || ' '")
    return tmp_path, kept


@pytest.mark.guarantee("DATA-1")
def test_damage_stops_the_worker_and_names_the_entry(damaged):
    """Nothing is replayed from there; other workers go on."""
    data, kept = damaged
    with opened(data) as engine:
        one = worker(engine)
        with pytest.raises(DamagedError, match=f"entry {kept + 1} of worker 'w' is damaged.*revert w --to {kept}"):
            one.invoke("run", "result = state['n']")

        assert "9" == worker(engine, "other").invoke("run", "result = state['n']")
        assert "idle" == one.status
        assert "damaged" == kinds(one, runtime=True)[kept]


def test_a_damaged_entry_can_be_taken_back(damaged):
    """As the error says; the worker goes on from before it."""
    data, kept = damaged
    with opened(data) as engine:
        one = worker(engine)
        one.revert(to=kept)
        assert "1" == one.invoke("run", "result = state['n']")
    with opened(data) as engine:
        assert "1" == worker(engine).invoke("run", "result = state['n']")


def test_a_truncated_file_is_an_error_with_a_way_on(tmp_path):
    """Not an empty data directory, and not a wrong answer."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", "")
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(StoreError, match=r"damaged.*recover"), opened(tmp_path) as engine:
        worker(engine).invoke("run", "")


def test_a_missing_component_file_is_named(tmp_path):
    """The data directory keeps the builds of its workers; one that is gone is said, and can be given again."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", "state['n'] = 1")
    (component,) = (tmp_path / "components").iterdir()
    component.unlink()
    with opened(tmp_path) as engine, pytest.raises(StoreError, match="build 0 of component 'script' is missing"):
        engine.worker("w").invoke("run", "")
    with opened(tmp_path) as engine:
        assert "1" == worker(engine).invoke("run", "result = state['n']")


def test_an_idle_worker_lets_go(tmp_path):
    """After a while without calls neither instance nor lease is held; the next call finds everything again."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "state['n'] = 1")
        with opened(tmp_path) as other, pytest.raises(LeaseError):
            worker(other).start("run", "")
        one.release_if_idle()
        with opened(tmp_path) as other:
            assert "1" == worker(other).invoke("run", "result = state['n']; state['n'] = 2")

        assert "2" == one.invoke("run", "result = state['n']")


@pytest.mark.parametrize("detail", ["{", "[]", "{}"])
def test_a_damaged_entry_that_decides_the_status_is_named(tmp_path, detail):
    """Not a failure of reading it."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError):
            one.invoke("run", "raise ValueError(1)")
        last = one.oplog_index
        database = engine.store.path
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE entry SET detail = ? WHERE idx = ?", (detail, last))
    with opened(tmp_path) as engine, pytest.raises(DamagedError, match=f"entry {last} of worker 'w' is damaged"):
        worker(engine).invoke("run", "result = 1")


@pytest.mark.guarantee("DATA-1")
def test_a_foreign_database_is_not_touched(tmp_path):
    """It has a table of the same name, and nothing else of ours."""
    with sqlite3.connect(tmp_path / "durable.sqlite3") as connection:
        connection.execute("CREATE TABLE meta (key TEXT, value TEXT)")
    with pytest.raises(StoreError, match="not a database of durable-dsl"):
        opened(tmp_path)
    with sqlite3.connect(tmp_path / "durable.sqlite3") as connection:
        assert [("meta",)] == connection.execute("SELECT name FROM sqlite_master").fetchall()
