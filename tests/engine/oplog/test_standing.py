"""What an oplog amounts to, kept beside it: the same as reading all of it, and nobody reads all of it again."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_dsl.cli.main import main
from durable_dsl.engine.errors import DamagedError, StoreError
from durable_dsl.engine.oplog import checksums, entries
from durable_dsl.engine.oplog.store import FILE, Store
from durable_dsl.engine.standing import form, keeper, listing, reading
from durable_dsl.engine.standing.whole import summarize
from tests.engine.programs import opened
from tests.engine.tiny import tiny

BEGUN = entries.ExportedFunctionInvoked("f", "[]", "k")
CALL = entries.ImportedFunctionInvoked("g", None, "1", "read-remote")
ERROR = entries.Error("E", "m", "t", 2, False)


def filled(store, said, worker=1):
    """An oplog with a creation and what is said."""
    rows = [(index, index * 10, entry) for index, entry in enumerate([entries.Create("c", 0), *said], 1)]
    store.transaction(lambda connection: connection.execute("DELETE FROM entry") and None)
    store.transaction(lambda connection: connection.execute("DELETE FROM standing") and None)
    store.transaction(store.writes(worker, rows))
    return store


def amounts(summary):
    return form.encoded(summary)


@st.composite
def histories(draw):
    """Entries in an order that no worker may ever have: jumps and updates among them."""
    said = []
    plain = [
        *(BEGUN, entries.ExportedFunctionCompleted("1"), CALL, ERROR, entries.Error("E", "m", "t", 3, True)),
        *(entries.Suspend(9, "p"), entries.Suspend(), entries.Interrupted(), entries.Exited(1), entries.NoOp()),
        *(entries.PendingUpdate(1, "automatic"), entries.PendingUpdate(2, "snapshot-based", "AA==")),
        *(entries.SuccessfulUpdate(1), entries.FailedUpdate(2, "no"), entries.Log("stdout", "", "x")),
    ]
    for _ in range(draw(st.integers(0, 25))):
        index = len(said) + 2
        if draw(st.integers(0, 4)) == 0:
            said.append(entries.Jump(draw(st.integers(2, index)), index))
        else:
            said.append(draw(st.sampled_from(plain)))
    return said


@settings(max_examples=300, deadline=None)
@given(said=histories(), data=st.data())
def test_going_on_gives_what_reading_all_gives(tmp_path_factory, said, data):
    """Wherever the part that is kept ends."""
    store = Store(tmp_path_factory.mktemp("data"))
    filled(store, said)
    whole = reading.continued(store, 1, form.decoded("{}"))
    upto = data.draw(st.integers(1, len(said) + 1))
    part = reading.continued(filled(store, said[: upto - 1]), 1, form.decoded("{}"))
    filled(store, said)
    found = reading.continued(store, 1, form.decoded(amounts(part)))

    assert amounts(whole) == amounts(found)
    if not any(isinstance(entry, (entries.Log, entries.ImportedFunctionInvoked)) for entry in said):
        assert amounts(whole) == amounts(summarize(store, 1))  # which reads of those only the last
    store.close()


@pytest.fixture
def store(tmp_path):
    opened_store = Store(tmp_path)
    yield opened_store
    opened_store.close()


def kept(store, worker=1):
    """Up to where something is kept."""
    found = store.read_one("SELECT idx FROM standing WHERE worker = ?", (worker,))
    return found and found[0]


def keep(store):
    reading.keep(store, {1: summarize(store, 1)})


def test_what_is_before_is_not_read_again(store):
    """An entry that is damaged there is found by who reads it, and by nobody else."""
    filled(store, [BEGUN, CALL, entries.ExportedFunctionCompleted("1")])
    keep(store)
    expected = amounts(reading.current(store, 1))
    store.transaction(lambda connection: connection.execute("UPDATE entry SET time = 7 WHERE idx = 2") and None)

    assert expected == amounts(reading.current(store, 1))
    with pytest.raises(DamagedError, match="entry 2"):
        summarize(store, 1)


@pytest.mark.parametrize("column", ["worker", "idx", "entry", "folder", "folded", "crc"])
def test_what_is_kept_is_not_believed_where_it_is_damaged(store, column):
    """Whichever value was changed, all is read, and the next keeping replaces it."""
    filled(store, [BEGUN, CALL, entries.ExportedFunctionCompleted("1")])
    expected = amounts(summarize(store, 1))
    keep(store)
    changed = {"folded": """'{"status":"failed","last":4}'"""}.get(column, "1 + " + column)
    store.transaction(lambda connection: connection.execute(f"UPDATE standing SET {column} = {changed}") and None)

    assert expected == amounts(reading.current(store, 1))
    keep(store)
    assert 4 == kept(store)


def test_what_another_version_has_kept_is_not_believed(store, monkeypatch):
    """Its fold may make something else of the same entries."""
    filled(store, [BEGUN])
    with monkeypatch.context() as older:
        older.setattr(form, "FOLDER", 0)
        older.setattr(form, "encoded", lambda _summary: '{"status":"of old","last":2}')
        keep(store)

    assert "running" == reading.current(store, 1).status


def test_a_revert_makes_another_history(store):
    """What was kept before it says nothing any more."""
    said = [BEGUN, CALL, ERROR]
    filled(store, said)
    keep(store)
    store.transaction(store.writes(1, [(5, 50, entries.Revert(2, 4))]))

    assert amounts(summarize(store, 1)) == amounts(reading.current(store, 1))
    assert "idle" == reading.current(store, 1).status


@pytest.mark.parametrize("damage", ["DELETE FROM entry WHERE idx > 2", "DELETE FROM entry WHERE idx = 5"])
def test_an_oplog_that_was_cut(store, damage):
    """At its end nothing is known of what was cut; in the part that is read, it is damaged."""
    filled(store, [BEGUN, CALL, entries.ExportedFunctionCompleted("1"), BEGUN, CALL])
    reading.keep(store, {1: reading.continued(store, 1, form.decoded("{}"))})
    if "= 5" in damage:
        store.transaction(lambda connection: connection.execute("DELETE FROM standing") and None)
        summary = reading.continued(filled(store, [BEGUN]), 1, form.decoded("{}"))
        filled(store, [BEGUN, CALL, entries.ExportedFunctionCompleted("1"), BEGUN, CALL])
        reading.keep(store, {1: summary})
    store.transaction(lambda connection: connection.execute(damage) and None)

    if "= 5" in damage:
        with pytest.raises(DamagedError, match="entry 5"):
            reading.current(store, 1)
    else:
        assert 2 == reading.current(store, 1).last


def test_damage_in_what_is_read_costs_its_worker(store):
    """The part after what is kept is checked as ever."""
    filled(store, [BEGUN])
    keep(store)
    store.transaction(store.writes(1, [(3, 30, entries.ExportedFunctionCompleted("1"))]))
    store.transaction(lambda connection: connection.execute("UPDATE entry SET response = '2' WHERE idx = 3") and None)

    with pytest.raises(DamagedError, match="entry 3"):
        reading.current(store, 1)


def test_an_older_one_does_not_replace_a_newer_one(store):
    """A reader may be slow."""
    filled(store, [BEGUN])
    slow = summarize(store, 1)
    store.transaction(store.writes(1, [(3, 30, entries.ExportedFunctionCompleted("1"))]))
    keep(store)
    reading.keep(store, {1: slow})

    assert 3 == kept(store)


def test_nothing_is_kept_of_a_worker_that_is_gone(store):
    """A reader may be slower still."""
    slow = summarize(filled(store, [BEGUN]), 1)
    store.transaction(lambda connection: connection.execute("DELETE FROM entry") and None)
    reading.keep(store, {1: slow})

    assert kept(store) is None


def test_a_reader_keeps_what_took_long(store):
    """As after a directory of an older version was brought up to date."""
    filled(store, [entries.NoOp()] * 5_000)

    assert 5_001 == reading.current(store, 1).last == kept(store)


def test_a_reader_that_cannot_write_reads(store, monkeypatch):
    """It is told what it asked for."""
    filled(store, [entries.NoOp()] * 5_000)

    def full(_work):
        raise StoreError("durable.sqlite3", "no space left on the disk")

    monkeypatch.setattr(store, "transaction", full)
    assert 5_001 == reading.current(store, 1).last


# By the process that runs a worker


def written(engine, count, monkeypatch):
    """How often something is kept while a worker is called so many times."""
    times = []
    real = keeper.write
    monkeypatch.setattr(keeper, "write", lambda *given: times.append(1) or real(*given))
    worker = engine.worker("w", engine.load(tiny(engine.data)))
    for _ in range(count):
        worker.invoke("add", 1)
    return len(times), worker


def test_a_step_does_not_pay_for_it(tmp_path, monkeypatch):
    """It is written once for very many entries, with a commit that is made anyway, and once when it is let go."""
    with opened(tmp_path) as engine:
        times, worker = written(engine, 300, monkeypatch)
        assert 600 < worker.oplog_index
        assert 3 <= times <= worker.oplog_index / keeper._AT_END
        behind = worker.oplog_index - kept(engine.store)
        assert 0 < behind < keeper._EVERY
        assert amounts(summarize(engine.store, 1)) == amounts(reading.current(engine.store, 1))
    with opened(tmp_path) as engine:
        assert engine.store.last_index(1) == kept(engine.store)
        assert amounts(summarize(engine.store, 1)) == amounts(reading.current(engine.store, 1))


def test_a_killed_process_leaves_it_behind(tmp_path):
    """The next reader folds the rest."""
    with opened(tmp_path / "data") as engine:
        worker = engine.worker("w", engine.load(tiny(tmp_path)))
        for _ in range(5):
            worker.invoke("add", 1)
        copy = tmp_path / "killed"
        copy.mkdir()
        with closing(sqlite3.connect(copy / FILE)) as target:
            target.execute("PRAGMA journal_mode = WAL")
            engine.store.reading(lambda connection: connection.backup(target))
    with closing(Store(copy)) as store:
        assert kept(store) is None
        assert ("idle", store.last_index(1)) == ((found := reading.current(store, 1)).status, found.last)


def test_a_worker_that_is_steered(tmp_path):
    """Reverted, forked, updated, failed, interrupted: what is kept is what all of it amounts to, at every step."""
    with opened(tmp_path / "data") as engine:
        worker = engine.worker("w", engine.load(tiny(tmp_path)))

        def check(name="w"):
            number = engine.worker(name).id
            assert amounts(summarize(engine.store, number)) == amounts(reading.current(engine.store, number))
            engine.worker(name).settle()
            assert engine.worker(name).release_if_idle()
            assert amounts(summarize(engine.store, number)) == amounts(reading.current(engine.store, number))
            assert engine.store.last_index(number) == kept(engine.store, number)

        worker.invoke("add", 1)
        check()
        worker.invoke("rest", 1)
        check()
        worker.revert(last=1)
        check()
        forked = worker.fork("other")
        forked.settle()
        check("other")
        worker.update(engine.load(tiny(tmp_path, 2)))
        check()
        with pytest.raises(Exception, match="unreachable"):
            worker.invoke("break", 1)
        check()
        worker.revert(last=1)
        assert 3 == worker.invoke("add", 2)
        check()
        engine.delete_worker("w")
        assert kept(engine.store) is None


# Lists


def test_a_list_is_what_reading_each_gives(tmp_path):
    """With what is kept, with a part of it, and with nothing; damage is told of its worker."""
    with opened(tmp_path / "data") as engine:
        component = engine.load(tiny(tmp_path))
        for name in ("a", "b", "c"):
            engine.worker(name, component).invoke("add", 1)
            engine.worker(name).release_if_idle()
        engine.worker("b").invoke("add", 1)  # it is behind now
        store = engine.store
        store.transaction(lambda connection: connection.execute("DELETE FROM standing WHERE worker = 3") and None)
        each = {name: amounts(summarize(store, engine.worker(name).id)) for name in ("a", "b", "c")}

        assert each == {one.name: amounts(one.summary) for one in listing.listed(store)}
        store.transaction(lambda connection: connection.execute("UPDATE entry SET time = 7 WHERE idx = 2") and None)
        told = {one.name: one.damage and one.damage.index for one in listing.listed(store)}
        assert {"a": None, "b": None, "c": 2} == told
        assert {"a": 2, "b": 2, "c": 2} == {one.name: one.damage and one.damage.index for one in listing.checked(store)}


def test_pages_read_no_more_than_they_show(tmp_path, monkeypatch):
    """From an entry on, so many, or the last ones: of ten thousand entries, those that are printed."""
    with opened(tmp_path) as engine:
        made = engine.catalogue.create_worker("w", entries.Create("c", 0), 1)
        rows = [(index, index, entries.Log("stdout", "", f"line {index}")) for index in range(2, 10_001)]
        engine.store.transaction(engine.store.writes(made.id, rows))
        assert 10_000 == reading.current(engine.store, made.id).last
    read = []
    real = checksums.entry_matches
    monkeypatch.setattr(checksums, "entry_matches", lambda *given: read.append(1) or real(*given))
    for options in (["--last", "20"], ["--from", "5000", "--limit", "20"], ["--from", "9981"], ["--limit", "20"]):
        read.clear()
        assert 0 == main(["worker", "oplog", "w", *options, "--data", str(tmp_path)])
        assert 20 <= len(read) <= 22, options
