"""`asyncio.run` and its like in exports that are not async: they run, and what they wait for is durable."""

from __future__ import annotations

from pathlib import Path

import pytest

from durable_dsl.engine import Engine
from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.errors import InvocationError
from tests.components import built_once
from tests.conformance.golem.worker import Worker

APP = Path(__file__).parent / "app"
DAY = 86_400.0


@pytest.fixture(scope="module")
def component(tmp_path_factory):
    return built_once(APP, tmp_path_factory)


@pytest.fixture
def worker(component, tmp_path):
    with Engine.open(tmp_path, clock=SkippingClock(), output=lambda *_: None) as engine:
        yield engine.worker("w", engine.load(component))


@pytest.mark.parametrize(
    ("call", "result"),
    [
        (("running", 0.01), "[1, 2]"),
        (("making", "runner", 0.01), "[1, 2][1, 2]"),
        (("making", "factory", 0.01), "[1, 2]"),
        (("making", "loop", 0.01), "[1, 2]"),
        (("within", 0.01), "[1, 2]"),
        (("promised",), "yes"),
        (("inside",), "asyncio.run() cannot be called from a running event loop"),
    ],
)
def test_loops_that_an_app_makes_run(worker, call, result):
    """In each of the ways that asyncio offers."""
    assert result == worker.invoke(*call)


def test_a_day_in_such_a_loop_needs_no_instance(worker):
    """The worker is suspended for the sleep of either task."""
    assert "[1, 2]" == worker.invoke("running", DAY)
    assert 2 == sum(record.kind == "suspend" for record in worker.oplog())


def test_a_failure_in_such_a_loop_is_the_apps(worker):
    """With the place in the app, and as often as the policy says."""
    with pytest.raises(InvocationError, match="not today") as raised:
        worker.invoke("failing")

    assert "loops.py" in raised.value.traceback


@pytest.mark.guarantee("LOOP-1")
@pytest.mark.durable(real=0.2)
@pytest.mark.parametrize("call", [("running", 1.0), ("making", "runner", 20.0), ("within", 0.5), ("promised",)])
def test_such_loops_survive_a_crash_anywhere(crash_driver, tmp_path_factory, call):
    """What was slept is not slept again, and the tasks come in the order of before."""
    report = crash_driver.run(built_once(APP, tmp_path_factory), *call, sample=8)

    assert [] == report.missed


def test_a_host_like_golems_runs_them(component):
    """It shares nothing with the engine; each sleep is made again from its record when the server restarts."""
    worker = Worker(component)
    outcome = worker.invoke("app:loops/api#running", 0.01)

    assert "[1, 2]" == outcome.value
    worker.restart()
    assert [] == worker.diverged
