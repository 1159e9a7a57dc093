"""What the two components share: the values that they exchange, and the stock's functions as its callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from durable_dsl import remote


@dataclass
class Reservation:
    """Goods that are put aside."""

    label: str
    sku: str
    quantity: int


@dataclass
class OutOfStock(Exception):
    """There is less on the shelf than was asked for."""

    sku: str
    left: int


class Stock(Protocol):
    """One warehouse: a worker of the component `stock`, called by the name of the place."""

    @remote.method(raises=OutOfStock)
    def reserve(self, sku: str, quantity: int) -> Reservation:
        """Put goods aside."""

    @remote.method
    def release(self, label: str) -> None:
        """Put them back on the shelf."""

    @remote.method
    def left(self, sku: str) -> int:
        """How many there are on the shelf."""

    @remote.method
    def note(self, text: str) -> None:
        """Write something into the warehouse's book."""
