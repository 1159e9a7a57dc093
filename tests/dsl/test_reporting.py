"""What is printed of a failure that ends an instance: the user's frames, and never a traceback without a place."""

from __future__ import annotations

import pytest

from durable_dsl.binding import reporting
from durable_dsl.binding.reporting import report

WRAPPER = "__durable_wrapper__ = True\ndef export(function):\n    return function()[0]\n"
APP = "def broken():\n    return 1 / 0\ndef nothing():\n    return None\n"


@pytest.fixture(autouse=True)
def _nothing_calls_an_export(monkeypatch):
    """In a guest no Python frame is below that of an export."""
    monkeypatch.setattr(reporting.traceback, "walk_stack", lambda _frame: iter(()))


def failure_of(name):
    """What a wrapper's export ends with when it calls the app's function of that name."""
    wrapper, app = {}, {}
    exec(compile(WRAPPER, "/0/durable_wrapper.py", "exec"), wrapper)
    exec(compile(APP, "/1/app.py", "exec"), app)
    try:
        wrapper["export"](app[name])
    except Exception as error:  # noqa: BLE001 - whatever it is
        return report(error)


def frames(text):
    return [line.strip() for line in text.splitlines() if line.startswith("  File")]


def test_frames_of_the_wrapper_are_left_out():
    """The app's frames are what people look for."""
    assert frames(failure_of("broken")) == ['File "/1/app.py", line 2, in broken']


def test_a_failure_of_the_wrapper_itself_has_a_place():
    """A result that is not what it should be fails in the wrapper; the frame says for which export."""
    text = failure_of("nothing")

    assert text.startswith("Traceback (most recent call last):\n")
    assert frames(text) == ['File "/0/durable_wrapper.py", line 3, in export']
    assert text.endswith("TypeError: 'NoneType' object is not subscriptable\n")
