"""What ends a guest call: traps, exceptions of implementations, interrupts, signals, limits; on one thread and many."""

from __future__ import annotations

import functools
import gc
import random
import signal
import subprocess
import sys
import threading

import pytest
from wasmtime import wat2wasm

from durable_dsl.engine.bridge.calls import Instance
from durable_dsl.engine.bridge.component import load
from durable_dsl.engine.bridge.entry import HOSTS, RUNNING
from durable_dsl.engine.bridge.imports import ImportSet
from durable_dsl.engine.traps import ComponentFault, GuestTrap, InstanceUnusable
from tests.engine.bridge_guest import FAILURES, Host, Stop, call, opened

#: Its memory holds 39 MB; `bytes` gives out that many of them.
MANY_BYTES = """
(component
  (core module $m
    (memory (export "memory") 600)
    (func (export "bytes") (param i32) (result i32)
      (i32.store (i32.const 0) (i32.const 16))
      (i32.store (i32.const 4) (local.get 0))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "bytes") (param "count" u32) (result (list u8))
    (canon lift (core func $i "bytes") (memory (core memory $i "memory")))))
"""


def test_calls_reach_the_world_and_its_interfaces():
    """A function of the world itself, one without result, one that makes host calls."""
    with opened() as instance:
        assert 6 == call(instance, "top", 5)
        assert ["top 5"] == instance.host.seen
        assert call(instance, "nothing") is None
        call(instance, "calls", 3)

    assert 3 == instance.host.calls


@pytest.mark.parametrize(("how", "kind"), [("stop", Stop), ("error", LookupError), ("interrupt", KeyboardInterrupt)])
def test_what_an_implementation_raises_ends_the_call(how, kind):
    """The very exception comes out; no guest code can catch it; the instance is done for."""
    with opened() as instance:
        with pytest.raises(kind) as caught:
            call(instance, "crash", how)

        assert FAILURES[how] is caught.value
        assert not instance.usable
        with pytest.raises(InstanceUnusable):
            call(instance, "nothing")


def test_a_guests_own_trap_tells_its_cause():
    """The cause alone is the text, the wasm frames are kept apart."""
    with opened() as instance, pytest.raises(GuestTrap) as caught:
        call(instance, "crash", "python")

    assert "wasm trap: wasm `unreachable` instruction executed" == str(caught.value)
    assert "componentize_py_runtime" in caught.value.backtrace
    assert b"ValueError: the guest's own" in instance.host.output
    assert not instance.usable


def test_big_lists_come_out_of_a_guest(tmp_path):
    """More than wasmtime's own limit of 2.6 MiB; where ours is passed, the message says what it is."""
    (tmp_path / "many.wasm").write_bytes(wat2wasm(MANY_BYTES))
    component = load(tmp_path / "many.wasm", tmp_path / "cache")
    with Instance(ImportSet(component, lambda *_: None), None) as instance:
        assert 5_000_000 == len(instance.call(component.resolve("bytes"), [5_000_000]))
        with pytest.raises(GuestTrap, match="too big to be taken out of the guest in one piece: about 21 MiB"):
            instance.call(component.resolve("bytes"), [22 << 20])


def test_an_import_that_nobody_offers_traps_by_name():
    """The component loads; the call of the missing function ends it."""
    with opened() as instance, pytest.raises(GuestTrap) as caught:
        call(instance, "crash", "absent")

    assert "the component called tests:bridge/absent@1.2.0#gone, which this engine does not offer" == str(caught.value)


def test_nothing_is_left_behind_by_calls():
    """Whatever way a call ends, no instance is registered afterwards, so none is kept alive or mistaken."""
    for how in ("stop", "python", "went on"):
        with opened() as instance:
            try:
                call(instance, "crash", how)
            except (Stop, GuestTrap):
                pass

    assert ({}, {}) == (HOSTS, RUNNING)


def test_an_instance_cannot_be_entered_twice():
    """A host function that calls its own instance is refused, and the call under way goes on."""
    host = Host()
    with opened(host) as instance:
        errors = []

        def again():
            try:
                call(instance, "nothing")
            except InstanceUnusable as error:
                errors.append(str(error))

        host.on_noop = again
        call(instance, "calls", 1)

        assert ["the instance is in a call already"] == errors
        assert instance.usable


def test_instances_call_each_other():
    """A host function may enter another instance; what ends the inner one passes through both."""
    inner, outer = opened(), opened()
    outer.host.on_noop = lambda: call(inner, "crash", "stop")
    with inner, outer, pytest.raises(Stop):
        call(outer, "calls", 1)

    assert (False, False) == (inner.usable, outer.usable)


def test_closing():
    """A closed instance is unusable; closing twice does nothing; closing during a call is refused."""
    instance = opened()
    refused = []

    def close():
        with pytest.raises(InstanceUnusable):
            instance.close()
        refused.append(True)

    instance.host.on_noop = close
    call(instance, "calls", 1)
    instance.close()
    instance.close()
    with pytest.raises(InstanceUnusable):
        call(instance, "nothing")

    assert [True] == refused


def test_an_interrupt_ends_a_guest_at_its_next_host_call():
    """From another thread, with the reason given."""
    host = Host()
    entered, interrupted = threading.Event(), threading.Event()

    def noop():
        entered.set()
        interrupted.wait()

    host.on_noop = noop
    with opened(host) as instance:
        reason = Stop("enough")

        def interrupt():
            entered.wait()
            instance.interrupt(reason)
            interrupted.set()

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(Stop) as caught:
            call(instance, "calls", 1_000_000)
        thread.join()

    assert reason is caught.value
    assert 1 == host.calls


def test_an_interrupt_before_a_call_ends_the_call():
    """Nothing runs."""
    with opened() as instance:
        instance.interrupt(Stop("before"))
        with pytest.raises(Stop):
            call(instance, "calls", 1)

    assert 0 == instance.host.calls


def test_an_interruptible_guest_ends_in_its_own_code():
    """A loop without host calls ends; other guests of the same engine go on."""
    with opened(interruptible=True) as instance, opened(interruptible=True) as other:
        reason = Stop("time is up")
        threading.Timer(0.05, instance.interrupt, [reason]).start()
        results = []
        thread = threading.Thread(target=lambda: results.append(call(other, "spin", 300_000)))
        thread.start()
        with pytest.raises(Stop) as caught:
            call(instance, "spin", 2**32 - 1)
        thread.join()

        assert reason is caught.value
        assert [sum(range(300_000)) & 0xFFFF] == results
        assert other.usable


def test_memory_is_limited():
    """The guest gets a MemoryError; a component that starts larger than the limit is refused."""
    with opened(max_memory=64 << 20) as instance:
        assert call(instance, "hold", 1)
        assert not call(instance, "hold", 100)
        assert instance.usable
    with pytest.raises(ComponentFault, match=r"cannot be instantiated: .*memory"):
        opened(max_memory=1 << 16)
    with opened() as free:
        assert call(free, "hold", 100)


def test_threads_run_instances_at_the_same_time():
    """Each with its own store, host calls and exceptions interleaved; nobody gets another's."""
    failures = []

    def work(number):
        try:
            for turn in range(30):
                host = Host()
                end = Stop(number, turn)

                def noop(host=host, end=end):
                    if host.calls == 20:
                        raise end

                host.on_noop = noop
                with opened(host) as instance:
                    assert 1 + turn == call(instance, "top", turn)
                    with pytest.raises(Stop) as caught:
                        call(instance, "calls", 100)
                    assert end is caught.value
                    assert [f"top {turn}"] == host.seen
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failures


def test_other_threads_run_python_while_a_guest_computes():
    """The GIL is free meanwhile: this thread counts until the guest is done."""
    with opened() as instance:
        thread = threading.Thread(target=call, args=(instance, "spin", 1_000_000))
        thread.start()
        count = 0
        while thread.is_alive():
            count += 1

    assert count > 1_000


class Alarm(Exception):
    """What the test's signal handler raises."""


def test_signals_during_a_guest_call_are_raised_by_the_call():
    """A handler's exception is lost nowhere, wherever in the guest or its host calls the signal arrives."""
    turns = 60
    seen = []

    def ring(_number, _frame):
        raise Alarm

    def set_alarm(host):
        if host.calls == 1:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00002, 0.002))

    before = signal.signal(signal.SIGALRM, ring)
    gc.disable()  # Python itself loses what a handler raises during a __del__
    try:
        for _ in range(turns):
            host = Host()
            host.on_noop = functools.partial(set_alarm, host)
            with opened(host) as instance:
                with pytest.raises(Alarm):
                    call(instance, "calls", 5_000_000)
                seen.append(instance.usable)
                assert signal.getsignal(signal.SIGALRM) is ring
    finally:
        gc.enable()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert [False] * turns == seen


def test_signals_whose_handlers_return_change_nothing():
    """The host calls go on, none is lost or repeated."""
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        with opened() as instance:
            call(instance, "calls", 100_000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert 100_000 == instance.host.calls
    assert len(rung) > 10


def test_ctrl_c_leaves_python_as_usual():
    """In a process of its own: SIGINT in the middle of a guest is a KeyboardInterrupt of the call."""
    script = (
        "import signal\n"
        "from tests.engine.bridge_guest import call, opened\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started without\n"
        "instance = opened()\n"
        "instance.host.on_noop = lambda: instance.host.calls == 1 and print('in', flush=True)\n"
        "try:\n"
        "    call(instance, 'calls', 2**32 - 1)\n"
        "except KeyboardInterrupt:\n"
        "    print('usable', instance.usable)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, bufsize=1)
    assert process.stdout is not None
    assert "in\n" == process.stdout.readline()
    process.send_signal(signal.SIGINT)

    assert "usable False\n" == process.communicate(timeout=300)[0]
    assert 0 == process.returncode


def test_a_full_stack_is_refused_before_the_guest_is_entered():
    """A RecursionError in a callback's first instruction would be lost: it is raised by the call instead."""
    with opened() as instance:

        def deeper():
            call(instance, "calls", 1)
            deeper()

        with pytest.raises(RecursionError):
            deeper()


STARTS_WITH_A_CALL = """
(component
  (import "boom" (func $boom))
  (core func $lowered (canon lower (func $boom)))
  (core module $m (import "" "boom" (func $boom)) (start $boom))
  (core instance (instantiate $m (with "" (instance (export "boom" (func $lowered)))))))
"""


def test_start_code_that_raises_leaves_nothing(tmp_path):
    """What an implementation raises while the component starts comes out of the constructor."""
    path = tmp_path / "starts.wat"
    path.write_text(STARTS_WITH_A_CALL)
    imports = ImportSet(load(path, None), lambda *_: lambda _host: call_for_help())
    with pytest.raises(Stop):
        Instance(imports, Host())

    assert ({}, {}) == (HOSTS, RUNNING)


def call_for_help():
    raise Stop("at the start")
