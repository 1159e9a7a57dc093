"""Transactions make the same host calls, and do and undo the same, in plain Python and as a component.

The host here lets `set-oplog-index` return, as plain Python does; what a jump does is shown in the embedded engine.
"""

from __future__ import annotations

import asyncio

import pytest

from durable_dsl import Err, RegionError, TransactionFailed
from durable_dsl.testing import trace, unwrap_failures
from tests.components import built_once
from tests.conformance.recording_host import RecordingHost, Trapped
from tests.conformance.test_regions import (
    APP,
    BEGIN,
    INDEX,
    READ_LEVEL,
    READ_MODE,
    READ_POLICY,
    REGION,
    SET_LEVEL,
    SET_MODE,
    SET_POLICY,
    plain,
)

JUMP = "set-oplog-index"
LAST = [READ_MODE, SET_MODE, *REGION]
RETRY = [READ_POLICY, SET_POLICY]
MARKER = [INDEX, INDEX]

#: Function, outcome, host calls, what was done.
BOTH = [
    ("saga", "ok", [*REGION, *LAST, SET_MODE], "first middle last"),
    (
        "saga",
        "fail",
        [*REGION, *LAST, SET_MODE, *REGION],
        "first middle last undo-middle2 undo-first1 left-0",
    ),
    ("saga", "stuck", [*REGION, *LAST, SET_MODE, *REGION], "first middle last undo-middle2 undo-first1 left-1"),
    ("marked", "ok", [READ_MODE, SET_MODE, SET_MODE], "only"),
    ("nested", "ok", [*REGION, *LAST, SET_MODE], "outer inner undo-inner2 first middle last"),
    (
        "nested",
        "fail",
        [*REGION, *LAST, SET_MODE, *REGION],
        "outer inner undo-inner2 first middle last undo-middle5 undo-first4 undo-outer1 left-0",
    ),
    ("repeats", "ok", [*RETRY, *MARKER, READ_POLICY, JUMP, *MARKER, SET_POLICY], "only undo-only1 only"),
    (
        "repeats",
        "fail",
        [*RETRY, *[*MARKER, READ_POLICY, JUMP] * 2, *MARKER, READ_POLICY, SET_POLICY],
        "only undo-only1 only undo-only3 only undo-only5 left-0",
    ),
    ("concurrent", "ok", [], "fail long late other undo-late"),
    ("concurrent", "fail", REGION, "long undo-long left-0"),
    ("in-zone", "ok", [READ_LEVEL, SET_LEVEL, SET_LEVEL], "a transaction (steps) cannot run in a persist-nothing zone"),
]


@pytest.fixture(scope="module")
def sagas():
    """The app's transactions as plain Python."""
    return plain("sagas")


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    """The recording host with the app in it, as a component."""
    return RecordingHost(built_once(APP, tmp_path_factory))


def run_plain(sagas, name, outcome):
    with trace() as calls:
        try:
            with unwrap_failures():
                result = getattr(sagas, name.replace("-", "_"))(outcome)
                if asyncio.iscoroutine(result):
                    result = asyncio.run(result)
        except (Err, TransactionFailed, RegionError) as error:
            result = error
    return [call.name for call in calls], result


@pytest.mark.guarantee("HOST-1")
@pytest.mark.parametrize(("name", "outcome", "expected", "done"), BOTH)
def test_plain_python(sagas, name, outcome, expected, done):
    """The host calls that plain Python would make, and what it does."""
    names, result = run_plain(sagas, name, outcome)

    assert (done, expected) == (result.value if isinstance(result, Err) else result, names)


@pytest.mark.guarantee("HOST-1")
@pytest.mark.parametrize(("name", "outcome", "expected", "done"), BOTH)
def test_component(host, name, outcome, expected, done):
    """The component makes the same calls and does the same."""
    names, _, result = host.call("test:conformance/sagas", name, outcome)

    assert (done, expected) == (result.payload if hasattr(result, "payload") else result, names)


@pytest.mark.parametrize(
    ("name", "outcome", "expected", "kind"),
    [("marked", "fail", [READ_MODE, SET_MODE, SET_MODE], TransactionFailed), ("in-region", "ok", [BEGIN], RegionError)],
)
def test_failures(sagas, host, name, outcome, expected, kind):
    """What leaves an export is a failure: TransactionFailed too, and a transaction in a region that was compiled."""
    names, result = run_plain(sagas, name, outcome)
    assert expected == names
    assert isinstance(result, kind)

    names, _, result = host.call("test:conformance/sagas", name, outcome)
    assert expected[:2] == names
    assert result is Trapped
