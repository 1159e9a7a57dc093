"""Right and wrong uses of the words. A line that type checkers must refuse ends with `# wrong`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, assert_type

from durable_dsl import (
    Err,
    PersistenceLevel,
    RetryPolicy,
    atomic,
    commit,
    export,
    idempotency_key,
    idempotent,
    is_idempotent,
    non_idempotent,
    oplog_commit,
    oplog_index,
    persist,
    persistence_level,
    retry,
    retry_policy,
    rewind,
)


@export
@commit(replicas=2)
@retry(max_attempts=5, min_delay="100ms", max_delay=timedelta(seconds=2), multiplier=1.5, jitter=0.1)
@persist(level="persist-nothing")
@atomic
def place(order: str, quantity: int = 1) -> float:
    return len(order) * quantity


@export("orders", raises=ValueError)
@non_idempotent()
@idempotent
@persist(PersistenceLevel.SMART)
@atomic(commit_on=(OSError, KeyError))
async def confirm(order: str) -> bytes:
    return order.encode()


@export("carts")
class Cart:
    @atomic
    def add(self, sku: str) -> int:
        return len(sku)

    @staticmethod
    @persist
    def open(number: int) -> str:
        return str(number)

    @classmethod
    @commit
    def make(cls, number: int) -> int:
        return number


def blocks() -> None:
    with (
        atomic,
        atomic(),
        atomic(commit_on=()),
        persist("smart"),
        non_idempotent,
        idempotent(),
        retry(max_delay=1),
        commit(),
    ):
        pass
    with retry:  # wrong
        pass
    with persist("persist-nothin"):  # wrong
        pass


assert_type(place("tea", 2), float)
assert_type(Cart().add("tea"), int)
assert_type(Cart.open(1), str)
assert_type(Cart.make(1), int)
waits: Callable[[str], Coroutine[Any, Any, bytes]] = confirm
assert_type(persistence_level(), PersistenceLevel)
assert_type(retry_policy(), RetryPolicy)
assert_type(is_idempotent(), bool)
assert_type(oplog_index(), int)
oplog_commit(1)
idempotency_key().hex

place(1)  # wrong
place("tea", quantity="2")  # wrong
Cart().add(3)  # wrong
rewind("3")  # wrong
oplog_commit("1")  # wrong
persist(level="nothing")  # wrong
persist(3)  # wrong
atomic(commit_on="ValueError")  # wrong
atomic(level="smart")  # wrong
retry(5)(place)  # wrong
retry(max_attempts="5")  # wrong
retry(min_delay=[1])  # wrong
commit(replicas="all")  # wrong
non_idempotent(True)  # wrong
export(raises=3)  # wrong
assert_type(Err("x"), Err[str])
