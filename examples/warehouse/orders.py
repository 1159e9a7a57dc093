"""Orders that are filled from warehouses: a component that calls the workers of another one.

A call is answered from the oplog when an order is taken up again after a crash, and a warehouse that was called twice
for one reservation, because the answer was lost, makes it once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from shelves import OutOfStock, Reservation, Stock

from durable_dsl import export, remote


@dataclass
class Line:
    """Goods, and how many of them."""

    sku: str
    quantity: int


@dataclass
class Rejected(Exception):
    """The order cannot be filled; what was put aside for it is back on the shelf."""

    sku: str
    left: int


@export(raises=Rejected)
def place(warehouse: str, lines: list[Line]) -> list[str]:
    """Put all of it aside in one warehouse, or nothing; the labels."""
    stock = remote.client(Stock, worker=warehouse)
    done: list[Reservation] = []
    try:
        for line in lines:
            done.append(stock.reserve(line.sku, line.quantity))
            print(f"reserved: {done[-1].label}")
    except OutOfStock as missing:
        for reservation in reversed(done):
            stock.release(reservation.label)
        raise Rejected(missing.sku, missing.left) from missing
    stock.note.start(f"{len(done)} lines")
    return [reservation.label for reservation in done]


@export
async def find(sku: str, warehouses: list[str]) -> dict[str, int]:
    """What is left of something in several warehouses, asked at the same time."""
    clients = [remote.client(Stock, worker=name) for name in warehouses]
    return dict(zip(warehouses, await asyncio.gather(*(each.left.call_async(sku) for each in clients)), strict=True))
