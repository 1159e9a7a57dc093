"""Guests run on threads with deep stacks; whoever waits for one can be interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from durable_dsl.engine import Engine
from durable_dsl.engine.bridge import threads as guest_threads
from tests.guests import guest


class Alarm(Exception):
    """What the handler raises."""


@contextmanager
def alarm(seconds):
    def ring(*_):
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def never(_error):
    raise AssertionError("nothing was broken")


def test_a_task_has_a_thread_of_its_own():
    """Its value and its exceptions come back; a task within is done by the same thread."""
    me = threading.current_thread()

    def outer():
        return threading.current_thread(), guest_threads.call(never, threading.current_thread)

    one, within = guest_threads.call(never, outer)
    assert me is not one
    assert one is within
    with pytest.raises(ZeroDivisionError):
        guest_threads.call(never, lambda: 1 // 0)


def test_a_guest_within_a_guest_has_another_thread():
    """The first has used who knows how much of its stack."""
    me = threading.current_thread

    def outer():
        return me(), guest_threads.enter(never, me), guest_threads.call(never, me)

    first, second, third = guest_threads.enter(never, outer)
    assert first not in {second, third}
    assert guest_threads.call(never, lambda: guest_threads.enter(never, me) is me())


def test_what_a_handler_raises_ends_the_task():
    """Which is told of it, and waited for."""
    told = threading.Event()
    ended = []

    def task():
        told.wait()
        ended.append("ended")
        raise Alarm("by the task")

    with alarm(0.05), pytest.raises(Alarm, match="by the task"):
        guest_threads.call(lambda _: told.set(), task)
    assert ["ended"] == ended


def test_what_a_handler_raises_is_raised_though_the_task_went_well():
    told = threading.Event()
    with alarm(0.05), pytest.raises(Alarm):
        guest_threads.call(lambda _: told.set(), told.wait)


def test_idle_threads_end(monkeypatch):
    """And what they used of their stacks is free."""
    monkeypatch.setattr(guest_threads, "_IDLE_SECONDS", 0.01)
    thread = guest_threads.call(never, threading.current_thread)
    while thread is guest_threads.call(never, threading.current_thread):  # it waits as long as was said before
        time.sleep(0.1)
    thread = guest_threads.call(never, threading.current_thread)
    thread.join(600)

    assert not thread.is_alive()
    assert guest_threads.call(never, lambda: "another") == "another"


def test_too_little_room_is_a_fault_of_the_caller(tmp_path):
    """In a process that may have little address space."""
    script = (
        "import resource, sys\n"
        "from durable_dsl.engine.bridge import threads as guest_threads\n"
        "from durable_dsl.engine.errors import UsageError\n"
        "guest_threads.provide(1 << 30)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "try:\n"
        "    guest_threads.call(print, print, 'ran')\n"
        "except UsageError as error:\n"
        "    print(error, error.hint, sep=chr(10))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=600)

    assert done.stdout.startswith("the system gives no thread with a stack of 1028 MiB to run a guest on\n")
    assert "ulimit -v" in done.stdout


@pytest.mark.parametrize(("source", "status"), [("time.sleep(5)", "unfinished"), ("time.sleep(3600)", "suspended")])
def test_whoever_waits_for_a_worker_can_be_interrupted(tmp_path, source, status):
    """Be the guest in a host call or the worker between two attempts; the worker can go on afterwards."""
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("sleeper", engine.load(guest("script")))
        worker.invoke("run", "result = 1")
        start = time.monotonic()
        with alarm(0.5), pytest.raises(Alarm):
            worker.invoke("run", f"import time; {source}; result = 2", idempotency_key="k")

        assert time.monotonic() - start < 5
        assert status == worker.status
        assert not worker.running
        again = worker.start("run", f"import time; {source}; result = 2", idempotency_key="k")
        if status == "suspended":
            worker.interrupt()
        else:
            assert "2" == again.wait()
