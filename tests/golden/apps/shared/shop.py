"""Three interfaces with a function `status` each: told apart by `@export`, by name, and by being the one left over."""

from __future__ import annotations

from durable_dsl import atomic, export


@export("demo:shop/carts")
def status() -> str:
    return "carts"


@export("orders#status")
@atomic
def order_status() -> str:
    return "orders"


@atomic
@export("stock#status")
def stock_status() -> str:
    return "stock"


@export
def place(order_id: str) -> int:
    return len(order_id)
