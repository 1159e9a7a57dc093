"""Right and wrong uses of the words. A line that type checkers must refuse ends with `# wrong`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_type

from durable_dsl import (
    Err,
    PersistenceLevel,
    Promise,
    RetryPolicy,
    TransactionFailed,
    TransactionStep,
    atomic,
    commit,
    create_promise,
    export,
    idempotency_key,
    idempotent,
    is_idempotent,
    load_snapshot,
    non_idempotent,
    operation,
    oplog_commit,
    oplog_index,
    persist,
    persistence_level,
    retry,
    retry_policy,
    rewind,
    save_snapshot,
    transaction,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from durable_dsl.types import char, f32, s8, u32


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


@export(raises=(KeyError, ValueError))
def widths(count: u32, share: f32, mark: char) -> s8:
    assert_type(count, int)
    assert_type(share, float)
    assert_type(mark, str)
    return count - 1


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
assert_type(widths(1, 2, "x"), int)
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
widths("1", 0.5, "x")  # wrong
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


def undo_charge(receipt: str, order: str, cents: int) -> None:
    pass


@operation(compensate=undo_charge)
def charge(order: str, cents: int) -> str:
    return order


async def undo_reserve(number: int, sku: str) -> None:
    pass


@operation(compensate=undo_reserve)
async def reserve(sku: str) -> int:
    return len(sku)


def undo_plain(number: int, sku: str) -> None:
    pass


@operation(compensate=undo_plain)
async def reserve_too(sku: str) -> int:
    return len(sku)


class Trip:
    def cancel(self, booking: str, city: str) -> None:
        pass

    @operation(compensate=cancel)
    def book(self, city: str) -> str:
        return city

    @transaction
    def all(self, city: str) -> int:
        return len(self.book(city))


@export
@transaction(retry=True)
def buy(order: str) -> str:
    with transaction, transaction():
        return charge(order, 5)


@transaction
async def buy_async(sku: str) -> int:
    async with transaction:
        return await reserve(sku)


@operation(compensate=undo_charge)  # wrong
def charge_less(order: str) -> str:
    return order


def undo_receipt(receipt: bytes, order: str, cents: int) -> None:
    pass


@operation(compensate=undo_receipt)  # wrong
def charge_other(order: str, cents: int) -> int:
    return cents


@operation  # wrong
def charge_without(order: str) -> str:
    return order


assert_type(charge("o", 1), str)
assert_type(Trip().book("Rome"), str)
assert_type(Trip().all("Rome"), int)
assert_type(buy("o"), str)
booked: Callable[[str], Coroutine[Any, Any, int]] = reserve
booked = reserve_too
booked = buy_async


def told(failed: TransactionFailed) -> tuple[TransactionStep, ...]:
    return failed.not_undone


@dataclass
class Decision:
    approved: bool


@save_snapshot
def save() -> list[str]:
    return []


@load_snapshot
def load(data: list[str]) -> None:
    pass


async def decided(promise: Promise[Decision]) -> bool:
    assert_type(await promise, Decision)
    return (await promise.wait_async(timeout="1d")).approved


assert_type(create_promise(), Promise[bytes])
assert_type(create_promise(Decision), Promise[Decision])
assert_type(create_promise(list[int]).wait(), list[int])
assert_type(Promise.from_id("x", Decision).wait(timeout=timedelta(hours=1)), Decision)
assert_type(Promise.from_id("x"), Promise[bytes])
assert_type(create_promise(Decision).complete(Decision(approved=True)), bool)
assert_type(save(), list[str])
create_promise(Decision).complete({"approved": True})  # wrong
create_promise(Decision).wait(timeout=[1])  # wrong
create_promise(str).id = "x"  # wrong
save_snapshot(3)  # wrong
load([1])  # wrong
