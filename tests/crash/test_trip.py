"""The example trip through crashes: three services, and each step and each cancellation made to fail."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from durable_dsl.engine import Engine, InvocationError
from durable_dsl.testing.building import component_of

TRIP = Path(__file__).parents[2] / "examples" / "trip"
APP = TRIP / "trip.py"


@pytest.fixture
def world():
    """The services of the example."""
    spec = importlib.util.spec_from_file_location("services", TRIP / "services.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    running = module.World()
    yield running
    running.close()


def options(world):
    return {"env": world.environment, "allow_http": world.addresses}


def booked(crash_driver, world, **more):
    """Through crashes: what is booked in the end is all or nothing, or what the failure names."""

    def check(run):
        failure = run.outcome.failure
        if failure is not None:
            assert "TransactionFailed" in failure.type
            left = [line for line in failure.message.splitlines() if line.startswith("not undone: ")]
            assert len(left) == len(world.booked) > 0
            assert all(any(f"'{number}'" in line for line in left) for number in world.booked)
        elif "ok" in run.outcome.value:
            assert sorted(run.outcome.value["ok"].values()) == sorted(world.booked)
        else:
            assert [] == world.booked

    return crash_driver.run(
        APP, "book", "Rome", 3, effects=lambda: world.requests, before_each=world.forget, check=check,
        **options(world), **more,
    )  # fmt: skip


CASES = [((), ()), (("car",), ()), (("car",), ("hotel",))]


@pytest.mark.durable(real=0.25)
@pytest.mark.parametrize(("sold_out", "broken"), CASES)
def test_a_trip_through_crashes(crash_driver, world, sold_out, broken):
    """A sample of the points; a booking that was sent again is known by its key."""
    prepare(world, sold_out, broken)
    booked(crash_driver, world, sample=4)


@pytest.mark.exhaustive
@pytest.mark.durable(real=0.5)
@pytest.mark.parametrize("sold_out", [(), ("flight",), ("hotel",), ("car",)])
@pytest.mark.parametrize("broken", [(), ("flight",), ("hotel",), ("flight", "hotel", "car")])
def test_a_trip_at_every_point(crash_driver, world, sold_out, broken):
    """Every point, and with a second death in the recovery."""
    prepare(world, sold_out, broken)
    for crashes in (1, 2):
        booked(crash_driver, world, crashes=crashes)


def prepare(world, sold_out, broken):
    for each in world.services:
        each.sold_out, each.broken = each.name in sold_out, each.name in broken


def test_the_worker_that_could_not_cancel_says_so(world, tmp_path):
    """And the one that could is free for the next trip."""
    with Engine.open(tmp_path, **options(world)) as engine:
        worker = engine.worker("w", engine.load(component_of(APP)))
        world.car.sold_out = True
        assert {"err": {"reason": "no car in Rome"}} == worker.invoke("book", "Rome", 3)
        world.hotel.broken = True
        with pytest.raises(InvocationError):
            worker.invoke("book", "Rome", 3)

        (left,) = worker.describe(full=True)["unfinished"]
        assert left.startswith("book_hotel('Rome', 3) -> 'hotel-2' (")
        assert ["hotel-2"] == world.booked
