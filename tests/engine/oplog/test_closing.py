"""A store that is closed while other threads use it, and a writer whose caller is interrupted."""

from __future__ import annotations

import os
import sqlite3
import threading

import pytest

from durable_dsl.engine.errors import StoreError
from durable_dsl.engine.oplog.store import Store
from durable_dsl.engine.oplog.writer import Writer, _Ticket
from tests.engine.programs import opened, worker


def test_closing_while_others_read_and_write(tmp_path):
    """They are told; SQLite's module would crash where a connection is closed under its user."""
    for _ in range(40):
        store = Store(tmp_path)
        said, started = [], threading.Barrier(5)

        def use(store=store, said=said, started=started, write=False):
            started.wait()
            try:
                while True:
                    if write:
                        store.transaction(lambda connection: connection.execute("DELETE FROM control"))
                    store.read("SELECT name FROM worker")
            except StoreError as error:
                said.append(str(error))

        threads = [threading.Thread(target=use, kwargs={"write": number == 0}) for number in range(4)]
        for thread in threads:
            thread.start()
        started.wait()
        store.close()
        store.close()
        for thread in threads:
            thread.join(10)
        assert 4 == len(said)
        assert all("the engine was closed" in text for text in said)
    assert [] == [name for name in opened_files() if name.startswith(str(tmp_path))]


def opened_files():
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - some vanish meanwhile
        try:
            yield os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
        except OSError:
            continue


@pytest.mark.parametrize("chosen", [False, True])
def test_a_caller_that_gives_up_does_not_take_the_role_with_it(chosen):
    """Ctrl-C while it waits for its turn, or just as it gets it: those behind it still write."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    writer = Writer(connection)
    held, done = threading.Event(), []
    writing = threading.Thread(target=writer.run, args=(lambda _connection: held.wait(10),))
    writing.start()
    while not writer._busy:
        pass
    interrupted = _Ticket(lambda _connection: done.append("interrupted"))
    writer._queue.append(interrupted)
    behind = threading.Thread(target=writer.run, args=(lambda _connection: done.append("behind"),))
    behind.start()
    while len(writer._queue) < 2:
        pass
    if chosen:
        held.set()
        interrupted.turn.acquire()
    writer._give_up(interrupted)
    held.set()
    behind.join(10)

    assert ["behind"] == done
    assert not writer._busy
    writing.join(10)
    writer.close()


def test_one_worker_that_cannot_be_let_go_keeps_no_other(tmp_path, monkeypatch):
    """Their leases are given back, and the error is told."""
    with opened(tmp_path) as engine:
        first, second = worker(engine, "a"), worker(engine, "b")
        for one in (first, second):
            one.invoke("run", "result = 1")

        def broken() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(first, "close", broken)
        with pytest.raises(KeyboardInterrupt):
            engine.close()
        assert not second.held
        with pytest.raises(StoreError):
            engine.store.read("SELECT 1")
