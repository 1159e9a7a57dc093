"""A Ctrl-C that comes while a destructor runs is not lost."""

from __future__ import annotations

import os
import signal

import pytest

from durable_dsl.engine.bridge.interrupts import undisturbed


class Interrupted:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def _interrupts():
    """A shell's background job, and what it starts, ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_in_a_destructor_is_raised_afterwards():
    """Python itself would print that it ignores it, and go on."""
    handler, steps = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt), undisturbed():
        one = Interrupted()
        del one
        steps.append("went on")

    assert ["went on"] == steps
    assert handler is signal.getsignal(signal.SIGINT)


def test_without_an_interrupt_nothing_changes():
    """What the block raises comes out of it."""
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(LookupError), undisturbed():
        raise LookupError
    assert handler is signal.getsignal(signal.SIGINT)
