"""Three interfaces with a function `status` each: told apart by `@export`, under one Python name or several."""

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
@export("stock")
def status() -> str:  # noqa: F811  (the same name again, for another interface)
    return "stock"


@export
def place(order_id: str) -> int:
    return len(order_id)
