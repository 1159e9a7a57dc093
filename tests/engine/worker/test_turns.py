"""Who runs in a worker, in every order of what callers, watchers and other processes do at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from functools import partial
from itertools import combinations_with_replacement, count

import pytest

from durable_dsl.engine.bridge import threads as guest_threads
from durable_dsl.engine.errors import InvocationError, LeaseError, StoreError, UsageError
from durable_dsl.engine.invocations import queue
from durable_dsl.engine.invocations.invocation import Invocation
from durable_dsl.engine.oplog.entries import ExportedFunctionInvoked
from durable_dsl.engine.worker import watcher
from durable_dsl.engine.worker.driver import Driver
from tests.engine.interleaving import Clock, explore
from tests.engine.programs import ROOT, opened
from tests.engine.tiny import tiny
from tests.guests import guest

_number = count()


class World:
    """A worker that two engines may run, which are as two processes; and what actors do with it."""

    def __init__(self, engines, builds, run):
        self.run = run
        self.name = f"w{next(_number)}"
        self.here, self.there = self.engines = engines
        self.component, self.other = (self.here.load(build) for build in builds)
        self.worker = self.here.worker(self.name, self.component)
        self.keys = {}
        self.expected = []

    def add(self, action):
        name, _, rest = action.partition(" ")
        work = getattr(self, name)
        self.run.add(action, (lambda: work(rest)) if rest else work)

    def watch(self):
        """The watchers of both look now and then, as long as there is somebody to wait for."""

        def looks(engine):
            while self.run.busy() or self.worker.running:
                watcher.look(engine)
                self.run.sleep(0.1)

        for engine in self.engines:
            self.run.add("watcher", lambda engine=engine: looks(engine), counts=False)

    # What actors do

    def call(self, key):
        """A caller here, who gives a key."""
        self.keys[key] = "add"
        return self.worker.invoke("add", 1, idempotency_key=key)

    def start(self, key):
        """One that does not wait."""
        self.keys[key] = "add"
        self.worker.start("add", 1, idempotency_key=key)

    def rest(self, key):
        self.keys[key] = "rest"
        return self.worker.invoke("rest", 1, idempotency_key=key)

    def call_there(self, key):
        """One in another process, who tries until it is not refused any more."""
        self.keys[key] = "add"
        while True:
            try:
                return self.there.worker(self.name).invoke("add", 1, idempotency_key=key)
            except LeaseError:
                self.run.sleep(0.3)

    def release(self):
        self.worker.release_if_idle()

    def request(self):
        """As another process that asks for the worker."""
        self.worker.release_for_others()
        self.worker.make_known()

    def enqueue(self, key):
        """As a worker that calls this one and does not wait for the result."""
        self.keys[key] = "add"
        job = Invocation(self.component.resolve("add"), [1], "[1]", key)
        self.here.store.transaction(lambda connection: queue.insert(connection, self.worker.id, job))
        self.worker.look_at_queue()

    def interrupt(self):
        self.worker.interrupt()

    def crash(self):
        self.worker.simulate_crash()

    def resume(self):
        self.worker.resume()

    def update(self):
        self.worker.update(self.other)

    def end(self):
        self.here.close()

    def delete(self):
        self.here.delete_worker(self.name)

    def break_it(self):
        """A caller whose invocation fails."""
        self.worker.invoke("break", 1, idempotency_key="broken")

    def fresh(self):
        """An engine that may be closed."""
        engine = opened(self.here.data, clock=Clock())
        engine.watch = lambda: None
        return engine

    # What holds

    def holds(self, *, may_fail=()):
        """No turn is left taken; what was accepted has run or is told, once; and all of it can be finished."""
        for actor in self.run.actors:
            assert actor.error is None or isinstance(actor.error, may_fail), (actor.name, actor.error)
        assert not self.worker.running
        self.release()
        last = self.there.worker(self.name)
        for key, export in self.keys.items():
            self.run.do(lambda key=key, export=export: last.invoke(export, 1, idempotency_key=key))
        records = last.oplog()
        begun = Counter(record.entry.key for record in records if record.kind == "exported-function-invoked")
        assert dict.fromkeys(self.keys, 1) == begun
        assert len(self.keys) == sum(record.kind == "exported-function-completed" for record in records)
        assert len(self.keys) == self.run.do(lambda: last.invoke("add", 0))
        assert [] == self.there.store.read("SELECT key FROM queue WHERE worker = ?", (last.id,))
        assert list(range(1, len(records) + 1)) == [record.index for record in records]

    def holds_after(self, ends):
        """The same where the worker was stopped."""
        for actor in self.run.actors:
            told = (InvocationError, StoreError) if ends == "end" else (InvocationError, UsageError)
            assert actor.error is None or isinstance(actor.error, told), (actor.name, actor.error)
        assert not self.worker.running
        if ends == "delete":
            assert self.here.catalogue.worker(self.name) is None
            return
        self.release()
        records = self.there.worker(self.name).oplog()
        begun = Counter(record.entry.key for record in records if record.kind == "exported-function-invoked")
        assert {1} == set(begun.values())
        if ends == "break_it":
            assert "failed" == self.there.worker(self.name).status
            return
        self.run.actors.clear()
        self.holds()


@pytest.fixture
def world(tmp_path):
    """Makes a world with a new worker, in a run."""
    with opened(tmp_path / "data", clock=Clock()) as here, opened(tmp_path / "data", clock=Clock()) as there:
        for engine in (here, there):
            engine.watch = lambda: None
        yield partial(World, (here, there), [tiny(tmp_path), tiny(tmp_path, 2)])


def explored(monkeypatch, world, actions, *, may_fail=(), most=None, preemptions=2):
    def scenario(run):
        made = world(run)
        run.do(lambda: made.call("before"))
        for action in actions:
            made.add(action)
        made.watch()
        return lambda: made.holds(may_fail=may_fail)

    return explore(monkeypatch, scenario, preemptions=preemptions, most=most)


CALLS = ("call a", "call b", "start c", "enqueue d", "rest e")
OTHERS = ("release", "request", "crash", "resume", "update", "call_there f")
PAIRS = list(combinations_with_replacement((*CALLS, *OTHERS), 2))


def allowed(actions):
    return (UsageError,) if actions.count("update") > 1 else ()  # it is under way already, or done


@pytest.mark.guarantee("TURN-1")
@pytest.mark.parametrize("actions", PAIRS, ids="+".join)
def test_two_at_once(monkeypatch, world, actions):
    """Whatever the order is, each accepted key runs once, nobody waits for ever, and the worker is free at the end."""
    assert explored(monkeypatch, world, actions, may_fail=allowed(actions), most=12) > 1


@pytest.mark.guarantee("TURN-1")
@pytest.mark.exhaustive
@pytest.mark.parametrize("actions", list(combinations_with_replacement((*CALLS, *OTHERS), 3)), ids="+".join)
def test_three_at_once(monkeypatch, world, actions):
    """The same with three."""
    assert explored(monkeypatch, world, actions, may_fail=allowed(actions), most=100) > 1


@pytest.mark.guarantee("TURN-1")
@pytest.mark.parametrize("ends", ["interrupt", "end", "delete", "break_it"])
@pytest.mark.parametrize("action", CALLS)
def test_a_caller_and_an_end(monkeypatch, world, ends, action):
    """Who is not answered is told why, and the turn is free; what was not ended can be finished afterwards."""

    def scenario(run):
        made = world(run)
        if ends == "end":
            made.here = made.fresh()
            made.worker = made.here.worker(made.name)
        run.do(lambda: made.call("before"))
        made.add(action)
        made.add(ends)
        made.watch()
        return lambda: made.holds_after(ends)

    assert explore(monkeypatch, scenario, most=12) > 1


def test_an_invocation_is_refused_where_no_thread_can_be_started(monkeypatch, tmp_path):
    """The turn is not lost with it: as soon as there are threads again, the next one runs."""

    def no_thread(_thread):
        raise RuntimeError("can't start new thread")

    with opened(tmp_path / "other") as engine:
        one = engine.worker("w", engine.load(tiny(tmp_path)))
        one.invoke("add", 1)
        with monkeypatch.context() as patch:
            patch.setattr(guest_threads, "_idle", [])
            patch.setattr(threading.Thread, "start", no_thread)
            for call in (lambda: one.start("add", 2).wait(0), lambda: one.invoke("add", 2)):
                with pytest.raises(UsageError, match="the system gives no thread"):
                    call()
                assert not one.running
        assert 3 == one.invoke("add", 2)


def test_a_fault_of_the_host_leaves_the_turn_free(tmp_path, monkeypatch):
    """Whoever waits is told of it, and the next caller is served."""
    with opened(tmp_path / "data") as engine:
        one = engine.worker("w", engine.load(tiny(tmp_path)))
        with monkeypatch.context() as patch:
            patch.setattr(Driver, "run", lambda *_: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                one.invoke("add", 1)
            with pytest.raises(ZeroDivisionError):
                one.start("add", 1).wait(300)
            one.settle()
        assert 2 == one.invoke("add", 2)


def test_a_worker_that_cannot_be_opened_is_not_kept(tmp_path):
    """The lease goes back with the error: the worker can be opened as soon as its build is there again."""
    with opened(tmp_path / "data") as engine:
        component = engine.load(tiny(tmp_path))
        engine.worker("w", component).invoke("add", 1)
    with opened(tmp_path / "data") as engine, opened(tmp_path / "data") as other:
        away = component.build.path.with_suffix(".away")
        component.build.path.rename(away)
        with pytest.raises(StoreError, match="is missing"):
            engine.worker("w").resume()
        away.rename(component.build.path)
        assert 3 == other.worker("w").invoke("add", 2)


def test_idle_workers_are_bounded(tmp_path):
    """The ones that were used longest ago are let go, and come back when they are called."""
    with opened(tmp_path / "data") as engine:
        engine.idle.limit = 3
        component = engine.load(tiny(tmp_path))
        workers = [engine.worker(f"w{number}", component) for number in range(6)]
        for one in [*workers, workers[3]]:
            one.invoke("add", 1)
        assert [False, False, False, True, True, True] == [one.held for one in workers]
        assert 2 == workers[0].invoke("add", 1)
        assert [True, False, False, True, False, True] == [one.held for one in workers]


def test_more_workers_than_files(tmp_path):
    """Whoever can open no more files lets go of idle workers; where none are idle, it is said what is the matter."""
    source = f"""
import resource
from pathlib import Path
from tests.engine.programs import ROOT, opened
from tests.engine.tiny import tiny
from tests.guests import guest
folder = Path({str(tmp_path)!r})
with opened(folder / "data") as engine:
    engine.idle.limit = 1000
    component = engine.load(tiny(folder))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    print(sum(engine.worker(f"w{{number}}", component).invoke("add", 1) for number in range(100)))
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (0, "100\n") == (done.returncode, done.stdout), done.stderr


def test_the_status_of_a_worker_tells_whether_anybody_runs_it(tmp_path):
    """Running while a process has it; unfinished when that is gone, or has stopped."""
    with opened(tmp_path / "data") as engine, opened(tmp_path / "data") as other:
        one = engine.worker("w", engine.load(tiny(tmp_path)))
        with one.turn() as driver:
            driver.log.append(ExportedFunctionInvoked("add", "[1]", "k"))
            driver.log.commit()
            driver.reload()
            assert ("running", "running") == (one.status, other.worker("w").status)
        assert "unfinished" == one.status
        one.release_if_idle()
        assert ["unfinished"] * 3 == [one.status, other.worker("w").status, other.worker("w").describe()["status"]]
        assert 1 == other.worker("w").invoke("add", 1, idempotency_key="k")


def test_a_request_that_is_refused_by_the_instance_leaves_the_status(tmp_path):
    """Nothing ran: a worker whose caller gave a handle that is not there is as it was."""
    with opened(tmp_path / "data") as engine:
        one = engine.worker("s", engine.load(guest("shop")))
        with pytest.raises(UsageError):
            one.invoke("[drop]cart", {"resource": "cart", "id": 7})
        assert "idle" == one.status
