"""What a real server recorded, this host and the embedded engine do too: value, effects, and entries in their order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from durable_dsl.engine import Engine
from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.errors import InvocationError
from tests.conformance.golem.kinds import essential, short, spelled
from tests.conformance.golem.outside import Outside
from tests.conformance.golem.worker import ENDLESS, FAILED, IDLE, Worker

ROWS = json.loads(Path(__file__).with_name("recorded.json").read_text(encoding="utf-8"))["stories"]
NAMES = [" ".join([row["story"], *(str(one) for one in row["arguments"])]) for row in ROWS]

_ATTEMPT = "Begin get read End"

#: Where what is built now does otherwise than what was recorded, and why.
_ENDED_BEFORE = {
    "events": ["1"],
    "entries": f"Create Invoked environment arguments random {_ATTEMPT} Region {_ATTEMPT} Error Jump {_ATTEMPT}"
    " EndRegion Log Completed",
}
BUILT_OTHERWISE = {
    # A request that may be sent again ends before a region begins: it survives what comes after.
    "overtaken True": _ENDED_BEFORE,
    "left-open True": _ENDED_BEFORE,
}

#: Where the engine means to do better: what it does instead, and why.
DEPARTURES = {
    # A server derives keys from an index, which moves with each attempt of a region.
    "keys-in-region": {"keys": 2},
    # A server forgets the count of failures at each repetition of a region, and repeats one that always fails for ever.
    "fails-in-region": {
        "ends": "failed",
        "events": ["1"] * 3,
        "entries": f"Create Invoked environment arguments random Policy Region {_ATTEMPT} Error"
        + f" Jump {_ATTEMPT} Error" * 2,
    },
}

RECORDED = [row | BUILT_OTHERWISE.get(name, {}) for name, row in zip(NAMES, ROWS, strict=True)]

#: How the worker of a story stands in the end, and after how many failures it is believed to go on for ever.
STANDS = {"well": IDLE, "failed": FAILED, "never": ENDLESS}
PATIENCE = 8


@pytest.mark.parametrize("row", RECORDED, ids=NAMES)
def test_the_host_of_the_tests_does_what_a_server_did(stories, row):
    """Entry kind by entry kind."""
    with server_of(row) as outside:
        worker = Worker(stories, environment=outside.environment, patience=PATIENCE)
        outcome = worker.invoke(f"told#{row['story']}", *row["arguments"])

        assert STANDS[row["ends"]] == outcome.status
        check_value(row, outcome.value)
        check_events(row, outside.events, outcome.value)
        check_entries(row, [short(entry.kind, entry.function) for entry in worker.oplog])
        assert not worker.diverged


@pytest.mark.parametrize("row", RECORDED, ids=NAMES)
def test_the_engine_does_what_a_server_did(stories, row, tmp_path):
    """As above, where the engine does not mean to do better; what it does then is in `DEPARTURES`."""
    row = row | DEPARTURES.get(row["story"], {})
    with server_of(row) as outside:
        port = outside.environment["PORT"]
        opened = Engine.open(
            tmp_path, allow_http=[f"localhost:{port}"], env={"PORT": port}, clock=SkippingClock(), output=ignore
        )
        with opened as engine:
            worker = engine.worker("told", engine.load(stories))
            value, ends = None, "well"
            try:
                value = worker.invoke(f"told#{row['story']}", *row["arguments"])
            except InvocationError as error:
                ends = error.status

            assert row["ends"] == ends
            check_value(row, value)
            check_events(row, outside.events, value)
            check_entries(row, [short(one.entry.kind, getattr(one.entry, "function", "")) for one in worker.oplog()])


def server_of(row):
    """The world outside: in one story a request is overtaken by another, so it must not be answered before that."""
    often = {int(place): times for place, times in row["again"].items()}
    return Outside(often, late=row["story"] == "overtaken")


def ignore(_level, _data):
    """The story is told by the oplog."""


def check_value(row, value):
    if row["value"] is not None:
        assert row["value"] == value
    elif row["story"] == "surroundings":
        assert "[]" == value[3]


def check_events(row, events, value):
    if row["story"] == "keys-in-region":
        assert value == events[2:]
        assert row["keys"] == len(set(events))
    elif row["story"] == "overlap":
        assert sorted(row["events"]) == sorted(events)
    else:
        assert row["events"] == events[: len(row["events"])]
        assert row["ends"] == "never" or len(events) == len(row["events"])


def check_entries(row, entries):
    recorded, entries = essential(spelled(row["entries"])), essential(entries)
    if row["story"] == "overlap":  # which of the two gets on first is chance
        recorded, entries = sorted(set(recorded)), sorted(set(entries))
    assert recorded == (entries[: len(recorded)] if row["ends"] == "never" else entries)
