"""Failures taken out of what guests print, in all the forms that Python has."""

from __future__ import annotations

import re

import pytest

from durable_dsl.engine.failures.guest_errors import extract

PANIC = """
thread '<unnamed>' (1) panicked at runtime/src/lib.rs:1280:25:
Python function threw an unexpected exception
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
"""
ROOTS = {
    "0": {"kind": "generated"},
    "1": {"kind": "app", "path": "src"},
    "2": {"kind": "vendored"},
    "3": {"kind": "support"},
}


def test_a_plain_traceback_without_panic_and_digits():
    """A foreign component's paths lose their digit; the Rust panic says nothing and goes."""
    text = (
        'Traceback (most recent call last):\n  File "/0/app.py", line 19, in fail\n'
        '    raise ValueError("boo")\nValueError: boo\n' + PANIC
    )

    found = extract(text)

    assert ("ValueError", "boo", "") == (found.type, found.message, found.rest)
    assert (
        'Traceback (most recent call last):\n  File "app.py", line 19, in fail\n'
        '    raise ValueError("boo")\nValueError: boo'
    ) == found.traceback


def test_frames_of_ours_are_left_out_and_paths_mapped():
    """The reader sees the user's files as the user names them."""
    text = """Traceback (most recent call last):
  File "/0/wrapper.py", line 5, in place
    result = place(order)
             ^^^^^^^^^^^^
  File "/3/durable_dsl/marks/decorators.py", line 7, in __call__
    return self.__wrapped__(*args)
  File "/1/orders.py", line 31, in place
    charge()
    ~~~~~~^^
  File "/2/httpx/_client.py", line 9, in get
KeyError: 'x'
"""

    assert (
        """Traceback (most recent call last):
  File "src/orders.py", line 31, in place
    charge()
    ~~~~~~^^
  File "httpx/_client.py", line 9, in get
KeyError: 'x'"""
        == extract(text, ROOTS).traceback
    )


def test_frames_of_the_event_loop_are_left_out():
    """Those of the rest of the standard library say what was done with a value, and stay."""
    text = """Traceback (most recent call last):
  File "/python/asyncio/base_events.py", line 654, in run_until_complete
    return future.result()
           ~~~~~~~~~~~~~^^
  File "/1/orders.py", line 31, in place
    json.loads(text)
  File "/python/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
ValueError: no
"""
    shown = extract(text, ROOTS).traceback

    assert ["src/orders.py", "/python/json/__init__.py"] == re.findall('File "([^"]*)"', shown)
    assert "future" not in shown


@pytest.mark.parametrize(
    "link",
    [
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
    ],
)
def test_chained_tracebacks_belong_together(link):
    """A chain is one failure: its last exception is the type."""
    text = (
        'Traceback (most recent call last):\n  File "/0/a.py", line 1, in f\nKeyError: 1\n'
        f'\n{link}\n\nTraceback (most recent call last):\n  File "/0/a.py", line 3, in f\napp.MyError: two\nlines\n'
    )

    found = extract(text)

    assert ("app.MyError", "two\nlines") == (found.type, found.message)
    assert found.traceback.startswith("Traceback")
    assert "KeyError: 1" in found.traceback


def test_only_the_last_traceback_is_the_failure():
    """One that the guest printed itself before is output."""
    text = (
        'working\nTraceback (most recent call last):\n  File "/0/a.py", line 1, in f\nKeyError: 1\nwent on\n'
        'Traceback (most recent call last):\n  File "/0/a.py", line 3, in f\nValueError\n'
    )

    found = extract(text)

    assert ("ValueError", "") == (found.type, found.message)
    assert found.rest.startswith("working\nTraceback")
    assert found.rest.endswith("went on\n")


def test_exception_groups():
    """A group is one failure, with its members inside."""
    text = """  + Exception Group Traceback (most recent call last):
  |   File "/0/app.py", line 5, in run
  |     raise ExceptionGroup("several", [ValueError(1)])
  | ExceptionGroup: several (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/0/app.py", line 3, in one
    | ValueError: 1
    +------------------------------------
"""

    found = extract(text + PANIC)

    assert ("ExceptionGroup", "several (1 sub-exception)") == (found.type, found.message)
    assert '|   File "app.py", line 3, in one' in found.traceback


def test_syntax_errors_have_no_frame_of_their_own():
    """The place of a syntax error looks like a frame, and its path is mapped too."""
    text = (
        'Traceback (most recent call last):\n  File "/0/app.py", line 2, in run\n'
        '  File "/0/made.py", line 1\n    if :\n       ^\nSyntaxError: invalid syntax\n'
    )

    found = extract(text)

    assert ("SyntaxError", "invalid syntax") == (found.type, found.message)
    assert 'File "made.py", line 1' in found.traceback


def test_notes_stay_with_the_message():
    """Notes follow the message, as Python prints them."""
    text = 'Traceback (most recent call last):\n  File "/0/a.py", line 1, in f\nValueError: boo\nwhile placing 17\n'

    assert "boo\nwhile placing 17" == extract(text).message


def test_a_rust_guest_s_panic_is_the_failure():
    """Where there is no Python, the panic's own message is told."""
    found = extract(
        "thread 'main' panicked at src/lib.rs:3:5:\nindex out of bounds\nnote: run with `RUST_BACKTRACE=1`\n"
    )

    assert ("panic", "index out of bounds") == (found.type, found.message)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("\"'str' object cannot be interpreted as an integer\"", "'str' object cannot be interpreted as an integer"),
        ("'out of range', 3", "('out of range', 3)"),
        ("Nested(...)", "Nested(...)"),
    ],
)
def test_a_value_that_does_not_fit_is_pythons_exception(argument, message):
    """componentize-py panics over it; what counts is the exception in the panic's text."""
    text = (
        "\nthread '<unnamed>' (1) panicked at runtime/src/lib.rs:1452:67:\n"
        "called `Result::unwrap()` on an `Err` value: "
        f"PyErr {{ type: <class 'TypeError'>, value: TypeError({argument}), traceback: None }}\n"
        "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n"
    )

    found = extract(text)

    assert "TypeError" == found.type
    assert found.message.startswith(message)
    assert "does not fit its WIT type" in found.message
    assert "panicked" not in found.traceback


def test_other_output_is_no_failure():
    """Text that only speaks of tracebacks is not one."""
    assert extract("see the Traceback (most recent call last): above\n") is None
