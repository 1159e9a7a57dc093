"""Looking into a guest's memory while other threads' guests come and go."""

from __future__ import annotations

import ctypes
import mmap
import threading

import pytest

from durable_dsl.engine.bridge import instantiation as beginnings
from durable_dsl.engine.diagnosis.dry_run import DryBuild, DryRun
from durable_dsl.engine.failures import guest_stack
from tests.engine.programs import opened, worker


def test_memory_that_is_given_back_meanwhile_is_an_error():
    """And no crash: what was found among the mappings may be gone when it is read."""
    area = mmap.mmap(-1, 2 * mmap.PAGESIZE)
    start = ctypes.addressof(place := ctypes.c_char.from_buffer(area))
    area[:4] = b"here"
    with guest_stack._Memory(start, start + 2 * mmap.PAGESIZE) as memory:
        assert b"here" == memory.read(0, 4)
        del place
        area.close()
        with pytest.raises((OSError, IndexError)):
            memory.read(0, 4)
        assert b"" == memory.head(mmap.PAGESIZE)


def test_the_memory_of_another_instance_is_not_taken_for_its_own(tmp_path):
    """One that begins after the run's own has begun: its steps and its lines are not this worker's."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "result = 1")
        found = []
        for others in (0, 2):
            summary = one.summary()
            run = DryRun(one, DryBuild(one._build()), summary.deleted, summary.last)
            replay = run.session.replay

            def with_others(others=others, replay=replay):
                for number in range(others):
                    worker(engine, f"other {number}").invoke("run", "result = 2")
                return replay()

            run.session.replay = with_others
            run.at_end = lambda starts: found.append(len(starts))
            run.run()

        assert found[0] == found[1] > 0


def test_an_instance_begins_alone():
    """Others wait for it; and it does not wait for ever where one of them does not come to an end."""
    begun = threading.Event()

    def begin():
        with beginnings.beginning():
            begun.set()

    with beginnings.alone() as alone:
        thread = threading.Thread(target=begin)
        thread.start()
        with beginnings.beginning():  # its own
            assert alone
        assert not begun.wait(0.05)
    thread.join(5)
    assert begun.is_set()


def test_whoever_cannot_be_alone_is_told(monkeypatch):
    """The start code of a component may take its time."""
    monkeypatch.setattr(beginnings, "_PATIENCE", 0.01)
    with beginnings.beginning(), beginnings.alone() as alone:
        assert not alone
