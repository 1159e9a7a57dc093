"""The order desk of a small tea shop: three exports, each with the durability that it needs.

The shelf lives in ordinary Python variables. A worker's memory is rebuilt from its oplog, so it needs no database.
"""

from __future__ import annotations

from wit_world.exports.desk import Line, Order, Receipt, Refusal_Empty, Refusal_OutOfStock, Refusal_UnknownSku

from durable_dsl import Err, atomic, commit, idempotency_key, non_idempotent, persist, retry

PRICES_CENTS = {"tea": 450, "mug": 1200, "kettle": 6900}

shelf = {"tea": 12, "mug": 3, "kettle": 1}
placed: dict[str, Receipt] = {}


@commit
@retry(max_attempts=5, min_delay="200ms", max_delay="2s")
@atomic
def place(order: Order) -> Receipt:
    """All of it or nothing: a crash or a failure anywhere in here, and the whole order is taken again."""
    if order.id in placed:
        return placed[order.id]
    if not order.lines:
        raise Err(Refusal_Empty())
    for line in order.lines:
        check(line)
    for line in order.lines:
        shelf[line.sku] -= line.quantity
    total = sum(PRICES_CENTS[line.sku] * line.quantity for line in order.lines)
    placed[order.id] = Receipt(order.id, total)
    print(f"order {order.id}: {total / 100:.2f}")
    return placed[order.id]


@non_idempotent
def ship(order_id: str) -> str:
    """A label is printed at most once; the key on it lets the carrier know a repeated request."""
    if order_id not in placed:
        raise Err(f"no such order: {order_id}")
    return f"{order_id}/{idempotency_key()}"


@persist("persist-nothing")
def stock(sku: str) -> int:
    """A question leaves nothing in the oplog."""
    return shelf.get(sku, 0)


def check(line: Line) -> None:
    """Refuse a line before anything is taken from the shelf."""
    if line.sku not in PRICES_CENTS:
        raise Err(Refusal_UnknownSku(line.sku))
    if shelf[line.sku] < line.quantity:
        raise Err(Refusal_OutOfStock(Line(line.sku, shelf[line.sku])))
