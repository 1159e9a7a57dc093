"""The trip in plain Python, against real services."""

from __future__ import annotations

import pytest
import trip
from services import World

from durable_dsl import TransactionFailed


@pytest.fixture
def world(monkeypatch):
    """Three services of the test's own."""
    world = World()
    for name, url in world.environment.items():
        monkeypatch.setenv(name, url)
    yield world
    world.close()


def test_a_trip_is_all_three(world):
    assert trip.book("Rome", 3) == trip.Trip("flight-1", "hotel-1", "car-1")
    assert world.booked == ["flight-1", "hotel-1", "car-1"]


def test_a_trip_without_a_car_is_none(world):
    world.car.sold_out = True
    with pytest.raises(trip.NotBooked) as refused:
        trip.book("Rome", 3)

    assert refused.value.reason == "no car in Rome"
    assert world.booked == []


def test_what_cannot_be_cancelled_is_named(world):
    world.car.sold_out = world.hotel.broken = True
    with pytest.raises(TransactionFailed) as failed:
        trip.book("Rome", 3)

    assert [step.result for step in failed.value.not_undone] == world.booked == ["hotel-1"]
