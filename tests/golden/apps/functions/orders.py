"""Module-level functions, one with each mark and one with none."""

from __future__ import annotations

from wit_world.exports.orders import Order, Refusal_Empty

from durable_dsl import Err, atomic, commit, idempotent, non_idempotent, persist, retry

placed: dict[str, Order] = {}


@commit(replicas=2)
@retry(max_attempts=5, min_delay="200ms", max_delay=30.5, multiplier=1.5)
@persist("persist-remote-side-effects")
@atomic
@non_idempotent
def place(order: Order) -> str:
    if not order.lines:
        raise Err(Refusal_Empty())
    if order.id == "broken":
        raise ValueError(order.id)
    placed[order.id] = order
    return order.id


def cancel(order_id: str) -> None:
    if order_id not in placed:
        raise Err(f"no order {order_id}")
    del placed[order_id]


@persist("persist-nothing")
def stock(sku: str) -> int | None:
    return sum(line.quantity for order in placed.values() for line in order.lines if line.sku == sku) or None


@idempotent
def reset() -> None:
    placed.clear()


def audit(since: int, until: int) -> list[tuple[str, int]]:
    return [(order_id, since + until) for order_id in placed]
