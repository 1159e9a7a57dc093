"""Calls and promises between workers, crashed at every place of either worker: each is done once, none is lost."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from contextlib import closing

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.oplog.store import FILE
from durable_dsl.values.component_ids import component_id_of
from tests.engine.outside import leave
from tests.engine.programs import opened, worker
from tests.guests import guest

PRELUDE = f"""
rpc = golem_rpc_types
def call(source):
    other = rpc.WasmRpc(rpc.Uri("urn:worker:{component_id_of("script")}/other"))
    answer = other.invoke_and_await("run", [rpc.WitValue([rpc.WitNode_PrimString(source)])])
    return answer.nodes[1].value
COUNTS = "state['n'] = state.get('n', 0) + 1; host.oplog_commit(1); "
"""
#: A promise whose id another worker gets, and completes; then how often that was asked.
ANSWERED = f"""{PRELUDE}
promise = host.create_promise()
me = promise.worker_id
number = me.component_id.uuid
place = f"host.WorkerId(host.ComponentId(host.Uuid({{number.high_bits}}, {{number.low_bits}})), {{me.worker_name!r}})"
call(f"{{COUNTS}}host.complete_promise(host.PromiseId({{place}}, {{promise.oplog_idx}}), b'yes')")
result = host.await_promise(promise).decode() + call("result = state['n']")
"""
#: The same without promises, in a region that is done again.
IN_A_REGION = f"""{PRELUDE}
begin = host.mark_begin_operation()
call(COUNTS)
host.mark_end_operation(begin)
call(COUNTS)
result = "no" + call("result = state['n']")
"""


@pytest.mark.guarantee("REMOTE-2")
@pytest.mark.durable(real=0.2)
@pytest.mark.parametrize(("source", "result"), [(ANSWERED, "yes1"), (IN_A_REGION, "no2")])
def test_each_call_is_done_once_wherever_either_worker_dies(crash_driver, source, result):
    """At each entry of both, and before, in and after each effect; the callee knows the key of a call."""
    report = crash_driver.run(guest("script"), "run", source, sample=16)

    assert repr(result) == report.result


@pytest.mark.exhaustive
@pytest.mark.durable(real=0.2)
@pytest.mark.parametrize(("source", "result"), [(ANSWERED, "yes1"), (IN_A_REGION, "no2")])
def test_each_call_is_done_once_at_all_places(crash_driver, source, result):
    """The same without choosing among them."""
    assert repr(result) == crash_driver.run(guest("script"), "run", source).result


class EveryInstant:
    """A probe that keeps each state of the database that a kill could leave behind."""

    def __init__(self, data, folder, queued):
        self.data = data
        self.folder = folder
        self.queued = queued
        self.states = {}
        self._lock = threading.Lock()

    def called(self, place, host, _name, _type):
        if place == "before" and host.worker.name == "w":
            self.queued.wait()
        self._keep()

    def added(self, *_):
        self._keep()

    def committed(self, *_):
        self._keep()

    def _keep(self):
        with self._lock:
            known = _digest(self.data / FILE)
            if known not in self.states:
                self.states[known] = target = self.folder / str(len(self.states))
                leave(self.data, target)


def _digest(file):
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        said = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("entry", "queue", "promise")]
    return hashlib.sha256(repr(said).encode()).hexdigest()


@pytest.mark.guarantee("REMOTE-2")
def test_another_call_that_waits_for_the_caller_changes_nothing(tmp_path):
    """Whatever is on disk when both workers die: each of the caller's invocations makes its call once."""
    data, queued = tmp_path / "data", threading.Event()
    sources = {key: f"{PRELUDE}\ncall(COUNTS)\nresult = {key!r}" for key in ("first", "second")}
    with opened(data, clock=SystemClock()) as engine:
        caller = worker(engine)
        probe = engine.store.probe = EveryInstant(data, tmp_path, queued)
        started = [caller.start("run", source, idempotency_key=key) for key, source in sources.items()]
        queued.set()
        assert list(sources) == [each.wait(300) for each in started]
    assert len(probe.states) > 5
    for left in probe.states.values():
        with opened(left, clock=SystemClock()) as engine:
            caller = worker(engine)
            for key, source in sources.items():
                assert key == caller.invoke("run", source, idempotency_key=key)
            assert "2" == worker(engine, "other").invoke("run", "result = state['n']")
