"""The same program gives the same host calls in plain Python and as a component, however it ends.

On the way of a failure a marked export makes no host call, while its run-time marks in plain Python restore settings;
such cases are listed for the component alone.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path

import pytest

from durable_dsl import Err, RegionError, RegionFailed
from durable_dsl.testing import trace, unwrap_failures
from tests.components import built_once
from tests.conformance.recording_host import RecordingHost, Trapped

APP = Path(__file__).parent / "app"

BEGIN, END = "mark-begin-operation", "mark-end-operation"
READ_LEVEL, SET_LEVEL = "get-oplog-persistence-level", "set-oplog-persistence-level"
READ_MODE, SET_MODE = "get-idempotence-mode", "set-idempotence-mode"
READ_POLICY, SET_POLICY = "get-retry-policy", "set-retry-policy"
COMMIT, INDEX, KEY = "oplog-commit", "get-oplog-index", "generate-idempotency-key"

REGION = [BEGIN, END]
ENTER_ALL = [READ_POLICY, SET_POLICY, READ_LEVEL, SET_LEVEL, BEGIN, READ_MODE, SET_MODE]
LEAVE_ALL = [SET_MODE, END, SET_LEVEL, SET_POLICY, COMMIT]
ENTER_BLOCKS = [READ_LEVEL, SET_LEVEL, READ_MODE, SET_MODE, BEGIN, END, READ_POLICY, SET_POLICY]
LEAVE_BLOCKS = [SET_POLICY, SET_MODE, SET_LEVEL, COMMIT]
RETRY = [READ_POLICY, SET_POLICY]
ASKS = [READ_LEVEL, READ_MODE, READ_POLICY, INDEX, KEY, COMMIT]

#: Function, outcome, host calls: the same in plain Python and in a component.
BOTH = [
    ("one-mark", "ok", REGION),
    ("one-mark", "err", REGION),
    ("one-mark", "fail", [BEGIN]),
    ("every-mark", "ok", ENTER_ALL + LEAVE_ALL),
    ("every-mark", "err", ENTER_ALL + LEAVE_ALL),
    ("blocks", "ok", ENTER_BLOCKS + LEAVE_BLOCKS),
    ("blocks", "err", ENTER_BLOCKS + LEAVE_BLOCKS),
    ("blocks", "fail", [*ENTER_BLOCKS, SET_MODE, SET_LEVEL]),
    ("inner", "ok", [READ_MODE, SET_MODE, BEGIN, END, SET_MODE]),
    ("inner", "err", [READ_MODE, SET_MODE, BEGIN, END, SET_MODE]),
    ("inner", "fail", [READ_MODE, SET_MODE, BEGIN]),
    ("caught", "ok", [READ_LEVEL, SET_LEVEL, BEGIN, END, SET_LEVEL]),
    ("caught", "err", [READ_LEVEL, SET_LEVEL, BEGIN, END, SET_LEVEL]),
    ("caught", "fail", [READ_LEVEL, SET_LEVEL, BEGIN]),
    ("pending-in-region", "ok", [BEGIN, *RETRY, SET_POLICY, END]),
    ("pending-in-region", "err", [BEGIN, *RETRY, SET_POLICY, END]),
    ("pending-in-region", "fail", [BEGIN, *RETRY]),
    ("on-key-error", "ok", [READ_LEVEL, SET_LEVEL, BEGIN, END, SET_LEVEL]),
    ("on-key-error", "err", [READ_LEVEL, SET_LEVEL, BEGIN, END, SET_LEVEL]),
    ("on-key-error", "fail", [READ_LEVEL, SET_LEVEL, BEGIN]),
    ("on-nothing", "ok", REGION),
    ("on-nothing", "err", [BEGIN]),
    ("on-nothing", "fail", [BEGIN]),
    ("below-foreign", "ok", [BEGIN, READ_MODE, SET_MODE, SET_MODE, END]),
    ("below-foreign", "err", [BEGIN, READ_MODE, SET_MODE, SET_MODE, END]),
    ("below-foreign", "fail", [BEGIN, READ_MODE, SET_MODE, SET_MODE]),
    ("waits", "ok", [*RETRY, *REGION, *REGION, SET_POLICY]),
    ("waits", "err", [*RETRY, *REGION, *REGION, SET_POLICY]),
    ("waits", "fail", [*RETRY, *REGION, *REGION]),
    ("asks", "ok", ASKS),
    ("asks", "err", ASKS),
    ("rewinds", "ok", [BEGIN, INDEX]),
    ("infallible#one-mark", "ok", REGION),
    ("infallible#block", "ok", REGION),
]

#: As above, in a component only: the export is being called, which plain Python does not know of.
COMPONENT = [
    ("every-mark", "fail", ENTER_ALL),
    ("pending", "ok", [*RETRY, SET_POLICY]),
    ("pending", "err", [*RETRY, SET_POLICY]),
    ("pending", "fail", [*RETRY, SET_POLICY]),
    ("on-key-error", "key", [READ_LEVEL, SET_LEVEL, BEGIN, END]),
    ("infallible#one-mark", "err", [BEGIN]),
    ("infallible#block", "err", [BEGIN]),
    ("threads", "ok", []),
]


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    """The recording host with the app in it, as a component."""
    return RecordingHost(built_once(APP, tmp_path_factory))


@pytest.fixture(scope="module")
def scenarios():
    """The app as plain Python."""
    return plain("scenarios")


def plain(name):
    """A module of the app."""
    sys.path.insert(0, str(APP))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(APP))


def split(name):
    interface, _, function = name.rpartition("#")
    return interface or "fallible", function


def run_plain(scenarios, name, outcome):
    interface, function = split(name)
    attribute = function.replace("-", "_")
    if interface == "infallible" and function == "one-mark":
        attribute = "infallible_one_mark"
    with trace() as calls:
        try:
            with unwrap_failures():
                result = getattr(scenarios, attribute)(outcome)
                if asyncio.iscoroutine(result):
                    result = asyncio.run(result)
        except (Err, ValueError, KeyError, RuntimeError) as error:
            result = error
    return [c.name for c in calls], result


@pytest.mark.guarantee("HOST-1")
@pytest.mark.parametrize(("name", "outcome", "expected"), BOTH)
def test_plain_python(scenarios, name, outcome, expected):
    """The host calls that plain Python would make."""
    names, result = run_plain(scenarios, name, outcome)

    assert expected == names
    if name == "rewinds":
        assert isinstance(result, RegionError)
    elif outcome == "ok" or name == "caught":
        assert result == 7 or outcome == "fail"
    else:
        assert isinstance(result, Err if outcome == "err" else (ValueError, RuntimeError))


@pytest.mark.guarantee("ATOMIC-2", "HOST-1")
@pytest.mark.parametrize(("name", "outcome", "expected"), BOTH + COMPONENT)
def test_component(host, name, outcome, expected):
    """The host calls that the component makes."""
    interface, function = split(name)
    names, _, result = host.call(f"test:conformance/{interface}", function, outcome)

    assert expected == names
    if outcome == "ok" and name != "rewinds":
        value = result.payload if hasattr(result, "payload") else result
        assert value == 7
    if BEGIN in names and END not in names:
        assert result is Trapped


def test_interleaving_tasks_are_refused_in_a_component_too(host):
    """LIFO-1: the second task's region is refused before any host call, and the export fails."""
    names, _, result = host.call("test:conformance/fallible", "interleaves", "ok")

    assert [READ_MODE, SET_MODE] == names[:2]
    assert 1 == names.count(READ_MODE)
    assert result is Trapped


def test_arguments_of_a_region_chain(host):
    """What is restored is what was read, and what is left out keeps its value."""
    names, given, _ = host.call("test:conformance/fallible", "every-mark", "ok")
    policies = [vars(values[0]) for name, values in zip(names, given, strict=True) if name == SET_POLICY]
    levels = [values[0].tag for name, values in zip(names, given, strict=True) if name == SET_LEVEL]

    assert [(5, 1_000_000_000, 3.0), (3, 100_000_000, 3.0)] == [
        (p["max-attempts"], p["min-delay"], p["multiplier"]) for p in policies
    ]
    assert ["persist-remote-side-effects", "smart"] == levels
    assert (2,) == given[names.index(COMMIT)]


def test_failure_is_a_region_failed_only_inside(scenarios):
    """Plain Python names what a component does by trapping."""
    with pytest.raises(RegionFailed), trace():
        scenarios.inner("fail")
