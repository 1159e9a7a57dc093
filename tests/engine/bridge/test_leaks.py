"""Nothing is lost: memory stays where it was after many calls of every kind."""

from __future__ import annotations

import gc
import resource
import sys

from durable_dsl.engine.bridge.calls import Instance
from durable_dsl.engine.bridge.imports import ImportSet
from durable_dsl.engine.wit.values import ValueFault
from tests.engine.bridge_guest import FAILURES, Host, call, loaded, lookup, opened

UNIT = 1 if sys.platform == "darwin" else 1024
ALLOWED = 6 << 20


def growth(action, times):
    """By how many bytes the process's largest size grew over `times` repetitions, after as many to warm up."""
    sizes = []
    for _ in range(2):
        for _ in range(times):
            action()
        gc.collect()
        sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT)
    return sizes[1] - sizes[0]


POINTS = [{"x": i, "y": -i} for i in range(20)]
EVERYTHING = {
    "a": True, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1, "h": 1, "i": 1, "j": 1.0, "k": 1.0, "l": "x",
    "m": "x" * 500, "n": b"x" * 100, "o": [1, "x" * 100, {"x": 1, "y": 2}], "p": {"poly": POINTS}, "q": "red",
    "r": ["read", "exec"], "s": {"some": 4}, "t": {"err": "x" * 200}, "u": {"ok": None},
    "v": ["origin", {"named": "x" * 200}, {"maybe": 5}], "w": "smart", "x": [["x" * 100, b"x" * 20]],
}  # fmt: skip


def test_values_are_freed():
    """Arguments and results of exports and of host calls, large ones and deep ones."""
    with opened() as instance:
        seen = instance.host.seen

        def exchange():
            call(instance, "all-kinds", EVERYTHING)
            call(instance, "some-bytes", b"x" * 2000)
            call(instance, "a-string", "x" * 20000)
            call(instance, "u64s", list(range(200)))
            seen.clear()

        assert growth(exchange, 400) < ALLOWED


def test_faults_and_errors_are_freed():
    """What was lowered before the fault, and the exceptions themselves."""
    with opened() as instance:
        wrong = {**EVERYTHING, "x": [["x" * 20000, "not bytes"]]}

        def fail():
            try:
                call(instance, "all-kinds", wrong)
            except ValueFault:
                return
            raise AssertionError("no fault")

        assert growth(fail, 400) < ALLOWED


def test_handles_are_freed():
    """Host objects and guest resources that came and went."""
    with opened() as instance:

        def use():
            call(instance, "cursors")
            cart = call(instance, "[constructor]cart", "x" * 1000)
            call(instance, "[drop]cart", cart)
            call(instance, "visits#look", object.__new__(type("Free", (), {"at": 3})))

        assert growth(use, 1500) < ALLOWED
        assert {} == instance.handles.objects
        assert () == instance.guest_resources


def test_guest_memory_is_reused():
    """Results of a megabyte do not pile up in the guest: its post-return work is done."""
    with opened(max_memory=64 << 20) as instance:
        for _ in range(200):
            assert 1 << 20 == len(call(instance, "text", 1 << 20))


def test_instances_are_freed():
    """Used and closed, used and forgotten, trapped: each holds a megabyte or more."""

    def use():
        with opened() as instance:
            call(instance, "calls", 1)
        call(opened(), "calls", 1)
        try:
            call(opened(), "crash", "stop")
        except type(FAILURES["stop"]):
            FAILURES["stop"].__traceback__ = None

    assert growth(use, 25) < 4 * ALLOWED


def test_import_sets_are_freed():
    """Linkers, callbacks and generated code go with the set."""

    def use():
        with Instance(ImportSet(loaded(), lookup), Host()) as instance:
            call(instance, "calls", 1)
        gc.collect()

    assert growth(use, 12) < ALLOWED
