"""A trip is a flight, a hotel and a car, of three services that know nothing of each other: all of them, or none.

Each booking is an operation that says how it is undone. When one fails, the transaction undoes the others, newest
first, and the export turns the failure into its own outcome, `NotBooked`. What could not be undone is nobody's outcome:
then the worker fails, and `durable-dsl worker show` names what is left.

A worker that dies anywhere goes on from what is on record. Only the request that was under way may be sent again, so
each carries a key that the service knows it by, and a cancelled booking may be cancelled again.

    durable-dsl build
    durable-dsl run trip.wasm book Rome 3 --allow-http HOST:PORT --env FLIGHTS=http://HOST:PORT/flights …
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from durable_dsl import TransactionFailed, export, http, operation, transaction
from durable_dsl.types import u32


@dataclass
class Trip:
    """The numbers of the bookings."""

    flight: str
    hotel: str
    car: str


@dataclass
class NotBooked(Exception):
    """One of the services had nothing to offer; nothing is booked."""

    reason: str


class Refused(Exception):
    """A service has nothing to offer."""


def reserve(service: str, **details: object) -> str:
    """Ask a service for a booking, and give its number."""
    answer = http.post(f"{os.environ[service]}/bookings", json=details, idempotency_key=True)
    if answer.status == 409:
        raise Refused(answer.json()["reason"])
    return str(answer.raise_for_status().json()["number"])


def cancel(service: str, number: str) -> None:
    """Give a booking back. One that is gone already is what we want."""
    answer = http.delete(f"{os.environ[service]}/bookings/{number}")
    if answer.status != 404:
        answer.raise_for_status()


def cancel_flight(number: str, city: str) -> None:
    cancel("FLIGHTS", number)


@operation(compensate=cancel_flight)
def book_flight(city: str) -> str:
    return reserve("FLIGHTS", city=city)


def cancel_hotel(number: str, city: str, nights: int) -> None:
    cancel("HOTELS", number)


@operation(compensate=cancel_hotel)
def book_hotel(city: str, nights: int) -> str:
    return reserve("HOTELS", city=city, nights=nights)


def cancel_car(number: str, city: str, days: int) -> None:
    cancel("CARS", number)


@operation(compensate=cancel_car)
def book_car(city: str, days: int) -> str:
    return reserve("CARS", city=city, days=days)


@transaction
def book_all(city: str, nights: int) -> Trip:
    """All three, or none."""
    return Trip(book_flight(city), book_hotel(city, nights), book_car(city, nights + 1))


@export(raises=NotBooked)
def book(city: str, nights: u32) -> Trip:
    """Book a trip."""
    try:
        return book_all(city, nights)
    except TransactionFailed as failed:
        if failed.not_undone:
            raise
        raise NotBooked(str(failed.cause)) from failed
