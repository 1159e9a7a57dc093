"""Transactions of coroutines in plain Python: what runs in other tasks is waited for, and undone."""

from __future__ import annotations

import asyncio

import pytest

from durable_dsl import RegionError, TransactionFailed, atomic, operation, retry, transaction
from durable_dsl.testing import trace


class Declined(Exception):
    """A step says no."""


WORLD: list[str] = []
BROKEN: set[str] = set()


@pytest.fixture(autouse=True)
def log():
    """What the world outside sees, in order."""
    WORLD.clear()
    BROKEN.clear()
    yield WORLD
    WORLD.clear()


def note(what):
    if what in BROKEN:
        raise Declined(what)
    WORLD.append(what)


async def undo_step(result, label, turns=0):
    await asyncio.sleep(0)
    note(f"undo {label}")


@operation(compensate=undo_step)
async def step(label, turns=0):
    for _ in range(turns):
        await asyncio.sleep(0)
    note(label)
    return label.upper()


@operation(compensate=lambda result, label: note(f"undo {label}"))
def plain(label):
    note(label)


@transaction
async def in_order(*labels):
    return [await step(label) for label in labels]


def run(coroutine):
    return asyncio.run(coroutine)


def test_all_or_nothing(log):
    """As in plain functions; undos are awaited, and plain operations work too."""
    assert ["A", "B"] == run(in_order("a", "b"))
    BROKEN.add("c")
    log.clear()

    async def mixed():
        async with transaction:
            plain("p")
            await in_order("a", "b")
            await step("c")

    with pytest.raises(TransactionFailed) as failed:
        run(mixed())
    assert ["p", "a", "b", "undo b", "undo a", "undo p"] == log
    assert 3 == len(failed.value.undone)


@pytest.mark.guarantee("TRANSACTION-9")
def test_an_operation_in_another_task_is_awaited_and_undone(log):
    """gather raises at the first failure, while the other operation still runs."""
    BROKEN.add("b")

    @transaction
    async def both():
        await asyncio.gather(step("a", 5), step("b", 1))

    with pytest.raises(TransactionFailed, match="Declined: b"):
        run(both())
    assert ["a", "undo a"] == log


@pytest.mark.guarantee("TRANSACTION-9")
def test_an_operation_that_a_task_group_cancels_is_awaited_and_undone(log):
    """Half an effect could neither be kept nor undone, so the operation itself is not cancelled."""
    BROKEN.add("b")

    @transaction
    async def both():
        async with asyncio.TaskGroup() as group:
            group.create_task(step("a", 5))
            group.create_task(step("b", 1))

    with pytest.raises(TransactionFailed) as failed:
        run(both())
    assert isinstance(failed.value.cause, ExceptionGroup)
    assert ["a", "undo a"] == log


@pytest.mark.guarantee("TRANSACTION-9")
def test_an_operation_that_timed_out_is_undone_although_the_transaction_succeeds(log):
    """Its caller knows nothing of its result."""

    @transaction
    async def second_best():
        try:
            async with asyncio.timeout(0):
                return await step("slow", 5)
        except TimeoutError:
            return await step("other")

    assert "OTHER" == run(second_best())
    assert ["slow", "other", "undo slow"] == sorted(log, key=["slow", "other", "undo slow"].index)
    assert "undo slow" == log[-1]


def test_an_undo_of_an_abandoned_operation_that_fails_fails_the_transaction(log):
    """Else something would be left that nobody knows of."""
    BROKEN.add("undo slow")

    @transaction
    async def second_best():
        try:
            async with asyncio.timeout(0):
                await step("slow", 5)
        except TimeoutError:
            await step("other")

    with pytest.raises(TransactionFailed) as failed:
        run(second_best())
    assert ["other"] == [each.arguments[0] for each in failed.value.undone]
    assert ["slow"] == [each.arguments[0] for each in failed.value.not_undone]


def test_operations_that_nobody_awaits_are_awaited(log):
    """They belong to the transaction; one that fails then fails it."""

    @transaction
    async def careless(*labels):
        tasks = [asyncio.create_task(step(label, 3)) for label in labels]
        await asyncio.sleep(0)
        return len(tasks)

    assert 2 == run(careless("a", "b"))
    assert ["a", "b"] == log
    log.clear()
    BROKEN.add("b")
    with pytest.raises(TransactionFailed, match="Declined: b"):
        run(careless("a", "b"))
    assert ["a", "undo a"] == log


@pytest.mark.guarantee("TRANSACTION-10")
def test_a_cancelled_body_is_undone_and_the_cancellation_goes_on(log):
    """A time-out around a transaction leaves nothing behind."""

    @transaction
    async def slow():
        await step("a")
        await asyncio.sleep(60)

    async def timed():
        async with asyncio.timeout(0.01):
            await slow()

    with pytest.raises(TimeoutError):
        run(timed())
    assert ["a", "undo a"] == log


@pytest.mark.guarantee("TRANSACTION-10")
def test_a_cancelled_body_with_an_undo_that_fails_names_what_is_left(log):
    """That is worth more than the cancellation."""
    BROKEN.add("undo a")

    async def timed():
        async with asyncio.timeout(0.01), transaction:
            await step("a")
            await asyncio.sleep(60)

    with pytest.raises(TransactionFailed) as failed:
        run(timed())
    assert isinstance(failed.value.cause, asyncio.CancelledError)
    assert 1 == len(failed.value.not_undone)


def test_an_undoing_that_is_cancelled_goes_on(log):
    """All undos run, then the cancellation is told."""

    @transaction
    async def failing():
        await in_order("a", "b", "c")
        raise Declined

    async def cancelled():
        task = asyncio.create_task(failing())
        for _ in range(100):
            if "undo c" in log:
                break
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as stopped:
            await task
        return stopped.value.__cause__

    assert isinstance(run(cancelled()), TransactionFailed)
    assert ["a", "b", "c", "undo c", "undo b", "undo a"] == log


def test_a_nested_transaction_in_another_task_is_awaited(log):
    """The outer one fails meanwhile: the inner one gets no further step, and undoes itself first."""

    @transaction
    async def inner():
        await step("a", 2)
        await step("b")

    outcome = []

    async def watched():
        try:
            await inner()
        except TransactionFailed as failed:
            outcome.append(str(failed.cause))

    @transaction
    async def outer():
        await step("x")
        task = asyncio.create_task(watched())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        raise Declined(task)

    with pytest.raises(TransactionFailed) as failed:
        run(outer())
    assert ["x", "a", "undo a", "undo x"] == log
    assert "has ended or is being undone" in outcome[0]
    assert 1 == len(failed.value.undone)


@pytest.mark.guarantee("TRANSACTION-11")
def test_a_task_that_outlives_its_transaction_is_refused(log):
    """Before its operation does anything: nobody would undo it."""

    async def late():
        await asyncio.sleep(0.01)
        await step("late")

    async def main():
        async with transaction:
            task = asyncio.create_task(late())
            await step("a")
        with pytest.raises(RegionError, match=r"was started inside the block in .*main, which has ended"):
            await task

    run(main())
    assert ["a"] == log


def test_concurrent_transactions_do_not_mix(log):
    """Each task's own steps are undone, and only those."""
    BROKEN.add("c")

    async def main():
        return await asyncio.gather(in_order("a", "b"), in_order("x", "c"), return_exceptions=True)

    first, second = run(main())
    assert ["A", "B"] == first
    assert isinstance(second, TransactionFailed)
    assert ["a", "b", "undo x", "x"] == sorted(log)


def test_a_plain_block_cannot_wait(log):
    """A coroutine inside `with transaction` is refused before it runs, and the message says what to write."""

    async def main(inside):
        with transaction:
            await inside("a")

    for inside in (step, in_order):
        with pytest.raises(TransactionFailed, match="async with transaction"):
            run(main(inside))
    assert [] == log


def test_what_stops_a_program_undoes_nothing(log):
    """It says what is left."""

    @transaction
    async def stopped():
        await step("a")
        raise SystemExit(3)

    with pytest.raises(SystemExit) as stopping:
        run(stopped())
    assert ["a"] == log
    assert ["not undone: step('a', 0) -> 'A'"] == stopping.value.__notes__


def test_atomic_regions_inside(log):
    """They end on the failure, in the operation's own task too."""

    @operation(compensate=undo_step)
    @atomic
    async def charge(label):
        note(label)
        await asyncio.sleep(0)
        raise Declined

    @transaction
    async def pay():
        await step("a")
        await charge("b")

    with trace() as calls, pytest.raises(TransactionFailed):
        run(pay())
    assert ["mark-begin-operation", "mark-end-operation"] == [call.name for call in calls]
    assert ["a", "b", "undo a"] == log


# Trying again


@pytest.mark.guarantee("TRANSACTION-8")
def test_it_is_tried_again(log):
    """As for plain functions."""
    failures = iter([True, False])

    @retry(min_delay=0)
    @transaction(retry=True)
    async def flaky():
        await step("a")
        if next(failures):
            raise Declined

    run(flaky())
    assert ["a", "undo a", "a"] == log


@pytest.mark.guarantee("TRANSACTION-12")
def test_nothing_else_runs_beside_one_that_repeats(log):
    """The jump would forget it: steps of other tasks are refused, and so is the second transaction."""

    @transaction(retry=True)
    async def repeating(label):
        await asyncio.sleep(0)
        await step(label)

    async def main(*coroutines):
        return await asyncio.gather(*coroutines, return_exceptions=True)

    async def beside(first, second):
        async with transaction:
            return await main(first, second)

    cases = [
        lambda: main(repeating("a"), repeating("b")),
        lambda: main(in_order("a"), repeating("b")),
        lambda: main(repeating("a"), in_order("b")),
        lambda: beside(repeating("a"), step("b")),
        lambda: beside(step("b", 9), repeating("a")),
    ]
    for case in cases:
        log.clear()
        refused = [each for each in run(case()) if isinstance(each, Exception)]
        assert 1 == len(refused), refused
        assert "no other task may run" in str(refused[0])
        assert 1 == len(log)
