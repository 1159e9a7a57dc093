"""`time.sleep` and `asyncio.sleep` in a component: durable, and in pieces where a long sleep would undo itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from durable_dsl.engine import Engine
from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.interfaces import poll
from durable_dsl.engine.signals import Sleep
from tests.components import built_once

APP = Path(__file__).parent / "app"
DAY = 86_400.0

#: In the order of `BAD` in the app, outside of a region and then inside one.
REFUSED = ["ValueError: sleep length must be non-negative", "ValueError: Invalid value NaN (not a number)"]


@pytest.fixture(scope="session")
def component(tmp_path_factory):
    return built_once(APP, tmp_path_factory)


class Seen:
    """Counts what guests print."""

    def __init__(self):
        self.text = ""

    def __call__(self, _level, data):
        self.text += data.decode()


@pytest.fixture
def printed():
    return Seen()


@pytest.fixture
def worker(component, tmp_path, printed):
    with Engine.open(tmp_path, clock=SkippingClock(), output=printed) as engine:
        yield engine.worker("w", engine.load(component))


@pytest.mark.parametrize("function", ["nap", "nap-async"])
def test_a_day_takes_no_time(worker, function):
    """The worker gives up its instance, once, and goes on when the day is over."""
    started = time.monotonic()
    slept = worker.invoke(function, DAY, False)

    assert DAY <= slept < DAY + 10
    assert 60 > time.monotonic() - started
    assert 1 == sum(record.kind == "suspend" for record in worker.oplog())


@pytest.mark.guarantee("SLEEP-1")
@pytest.mark.parametrize("function", ["nap", "nap-async"])
def test_a_minute_in_a_region_on_a_host_that_suspends_there(worker, printed, monkeypatch, function):
    """Golem suspends at 10 s wherever it is; a single sleep of a minute would begin again for ever."""

    def suspends(host, until, _looking):
        if until - host.clock.now() >= poll.SUSPEND_THRESHOLD:
            raise Sleep(until)
        return False

    monkeypatch.setattr(poll, "_sleeps", suspends)
    slept = worker.invoke(function, 60.0, True)

    assert 60 <= slept < 61
    assert "napping\n" == printed.text
    assert not any(record.kind == "suspend" for record in worker.oplog())


@pytest.mark.parametrize("seconds", [0.0, 0.25, 5.0, 9.0])
def test_short_sleeps_are_exact(worker, seconds):
    """In a region and outside of it, what was asked for is slept."""
    for atomically in (True, False):
        slept = worker.invoke("nap", seconds, atomically)

        assert seconds <= slept < seconds + 1


def test_what_is_refused_is_refused_in_python_s_words(worker):
    """Negative lengths, no numbers, no ends: as time.sleep says it, in a region and outside."""
    said = worker.invoke("bad-naps")
    outside, inside = said[: len(said) // 2], said[len(said) // 2 :]

    assert outside == inside
    assert REFUSED == outside[:2]
    assert ["OverflowError", "TypeError", "TypeError", "OverflowError"] == [each.split(":")[0] for each in outside[2:]]


def test_nothing_is_replaced_on_the_host():
    """Only a component's time.sleep is ours."""
    import durable_dsl.binding.sleeping  # noqa: F401

    assert "built-in function" in repr(time.sleep)
