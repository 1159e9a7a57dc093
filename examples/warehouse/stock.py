"""The stock of one warehouse. Each warehouse is a worker, and its variables are its shelf."""

from __future__ import annotations

from shelves import OutOfStock, Reservation

from durable_dsl import export

shelf = {"tea": 10, "mug": 4, "kettle": 1}
reserved: dict[str, Reservation] = {}
book: list[str] = []


@export(raises=OutOfStock)
def reserve(sku: str, quantity: int) -> Reservation:
    """Put goods aside."""
    if shelf.get(sku, 0) < quantity:
        raise OutOfStock(sku, shelf.get(sku, 0))
    shelf[sku] -= quantity
    reservation = Reservation(f"{sku}-{len(reserved) + 1}", sku, quantity)
    reserved[reservation.label] = reservation
    return reservation


@export
def release(label: str) -> None:
    """Put them back on the shelf."""
    reservation = reserved.pop(label)
    shelf[reservation.sku] += reservation.quantity


@export
def left(sku: str) -> int:
    """How many there are on the shelf."""
    return shelf.get(sku, 0)


@export
def note(text: str) -> None:
    """Write something into the warehouse's book."""
    book.append(text)


@export
def notes() -> list[str]:
    """What stands in the book."""
    return book
