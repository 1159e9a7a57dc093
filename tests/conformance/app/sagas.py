"""Transactions, for the conformance suite: what they do is told in the result, next to the host calls they make."""

from __future__ import annotations

import asyncio

from durable_dsl import (
    Err,
    RegionError,
    TransactionFailed,
    atomic,
    export,
    idempotent,
    operation,
    persist,
    retry,
    transaction,
)

#: What the steps did, in order. A worker is new for each scenario, plain Python clears it.
done: list[str] = []


class Declined(Exception):
    """A step says no."""


def undo_book(result: int, label: str, fails: bool = False) -> None:
    done.append(f"undo-{label}{result}")


@operation(compensate=undo_book)
def book(label: str, fails: bool = False) -> int:
    if fails:
        raise Declined(label)
    done.append(label)
    return len(done)


@atomic
def undo_in_region(result: int, label: str, outcome: str) -> None:
    done.append(f"undo-{label}{result}")
    if outcome == "stuck":
        raise Declined(label)


@operation(compensate=undo_in_region)
@atomic
def book_in_region(label: str, outcome: str) -> int:
    done.append(label)
    if label == "last" and outcome != "ok":
        raise Declined(label)
    return len(done)


@transaction
def steps(outcome: str) -> None:
    book("first")
    book_in_region("middle", outcome)
    with idempotent:
        book_in_region("last", outcome)


def told(outcome: str) -> str:
    """What was done, as the outcome of an export."""
    text = " ".join(done)
    if outcome == "ok":
        return text
    raise Err(text)


def settle(run, outcome: str) -> str:
    done.clear()
    try:
        run(outcome)
    except TransactionFailed as failed:
        done.append(f"left-{len(failed.not_undone)}")
    return told(outcome)


@export("sagas")
def saga(outcome: str) -> str:
    return settle(steps, outcome)


@export("sagas")
@idempotent
@transaction
def marked(outcome: str) -> str:
    done.clear()
    book("only")
    if outcome == "fail":
        raise Declined
    return told(outcome)


@export("sagas")
def nested(outcome: str) -> str:
    @transaction
    def outer(outcome: str) -> None:
        book("outer")
        try:
            with transaction:
                book("inner")
                raise Declined
        except TransactionFailed:
            steps(outcome)

    return settle(outer, outcome)


@export("sagas")
@retry(max_attempts=2, min_delay=0)
def repeats(outcome: str) -> str:
    attempts = iter(["fail", outcome, "fail"])

    @transaction(retry=True)
    def again(_outcome: str) -> None:
        book("only")
        if next(attempts) != "ok":
            raise Declined

    return settle(again, outcome)


@export("sagas")
async def concurrent(outcome: str) -> str:
    async def undo(result: int, label: str, turns: int) -> None:
        await asyncio.sleep(0)
        done.append(f"undo-{label}")

    @operation(compensate=undo)
    async def slowly(label: str, turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        if label == outcome:
            with atomic:
                raise Declined
        done.append(label)
        return turns

    done.clear()
    try:
        async with transaction:
            await asyncio.gather(slowly("long", 5), slowly("fail", 1))
            try:
                async with asyncio.timeout(0):
                    await slowly("late", 2)
            except TimeoutError:
                await slowly("other", 1)
    except TransactionFailed as failed:
        done.append(f"left-{len(failed.not_undone)}")
    return told(outcome)


@export("sagas")
@atomic
def in_region(outcome: str) -> str:
    steps(outcome)
    return told(outcome)


@export("sagas")
@persist("persist-nothing")
def in_zone(outcome: str) -> str:
    done.clear()
    try:
        steps(outcome)
    except RegionError as refused:
        return str(refused).partition(":")[0]
    return told(outcome)
