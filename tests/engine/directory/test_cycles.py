"""Calls that could only wait for each other for ever: one of them is refused, in whichever processes they are."""

from __future__ import annotations

import threading

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.values.component_ids import component_id_of
from tests.engine.programs import opened, worker

CALLS = """
rpc = golem_rpc_types
said = rpc.WitValue([rpc.WitNode_PrimString("result = 'called'")])
try:
    answer = rpc.WasmRpc(rpc.Uri("urn:worker:{component}/{callee}")).invoke_and_await("run", [said])
    result = answer.nodes[1].value
except Err as problem:
    result = type(problem.value).__name__
"""


class Meeting:
    """A probe: the workers call when all of them are about to."""

    def __init__(self, barrier):
        self.barrier = barrier
        self.met = set()

    def called(self, place, host, name, _type):
        if place == "before" and name == "golem_environment::get_arguments" and host.worker.name not in self.met:
            self.met.add(host.worker.name)
            self.barrier.wait(30)

    def added(self, *_):
        """Nothing depends on it."""

    def committed(self, *_):
        """Nor on this."""


@pytest.mark.guarantee("REMOTE-5")
@pytest.mark.parametrize("places", ["ab", "aab", "aba", "abc"])
def test_a_circle_of_calls_is_opened(tmp_path, places):
    """Each worker calls the next one; the last one the first. `places` says which are in the same process."""
    names = [f"w{number}" for number in range(len(places))]
    barrier = threading.Barrier(len(names))
    engines = {place: opened(tmp_path, clock=SystemClock()) for place in dict.fromkeys(places)}
    try:
        started = []
        for number, (name, place) in enumerate(zip(names, places, strict=True)):
            engines[place].store.probe = engines[place].store.probe or Meeting(barrier)
            source = CALLS.format(component=component_id_of("script"), callee=names[(number + 1) % len(names)])
            started.append(worker(engines[place], name).start("run", source))
        told = sorted(each.wait(300) for each in started)
    finally:
        for engine in engines.values():
            engine.close()

    assert ["RpcError_Denied", *["called"] * (len(names) - 1)] == told


def test_calls_in_one_direction_wait(tmp_path):
    """The callee of the callee is busy, and no circle."""
    with opened(tmp_path, clock=SystemClock()) as engine, opened(tmp_path, clock=SystemClock()) as other:
        component = component_id_of("script")
        busy = worker(other, "w2").start("run", "time.sleep(2.5); result = 'slept'")
        middle = worker(other, "w1").start("run", CALLS.format(component=component, callee="w2"))
        first = worker(engine, "w0").start("run", CALLS.format(component=component, callee="w1"))
        assert ["slept", "called", "called"] == [each.wait(300) for each in (busy, middle, first)]
        assert [] == engine.store.read("SELECT * FROM waits")
