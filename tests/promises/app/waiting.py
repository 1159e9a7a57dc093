"""Promises and sleeping in all the ways that their tests are about."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from enum import Enum
from time import sleep

from durable_dsl import Promise, atomic, create_promise


class Kind(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Decision:
    approved: bool
    by: str = "nobody"


TYPES = {"bytes": bytes, "str": str, "int": int, "dict": dict, "enum": Kind, "record": Decision}
VALUES = {
    "bytes": b"\x00\x01",
    "str": "ünder",
    "int": 7,
    "dict": {"a": [1, None]},
    "enum": Kind.LARGE,
    "record": Decision(True, "ann"),
}


def immediate(kind: str) -> str:
    """A promise that is completed before it is waited for, in the ways that `kind` names."""
    if kind == "zero":
        return outcome(lambda: create_promise(str).wait(timeout=0))
    if kind == "short":
        return outcome(lambda: create_promise(str).wait(timeout="50ms"))
    promise = create_promise(TYPES[kind])
    done = promise.complete(VALUES[kind])
    again = Promise.from_id(promise.id, TYPES[kind]).complete(VALUES[kind])
    return f"{done} {again} {promise.wait()!r} {promise.wait(timeout=5)!r}"


async def immediate_async(kind: str) -> str:
    if kind in {"zero", "short"}:
        try:
            await create_promise(str).wait_async(timeout=0 if kind == "zero" else 0.05)
        except TimeoutError as error:
            return type(error).__name__
    promise = create_promise(TYPES[kind])
    promise.complete(VALUES[kind])
    return f"{await promise!r} {await promise.wait_async(timeout=5)!r}"


def refused(kind: str) -> str:
    """What cannot be waited for, or completed with."""
    if kind == "region":
        promise = create_promise(str)
        promise.complete("x")
        with atomic:
            return outcome(promise.wait)
    if kind == "data":
        promise = create_promise(bytes)
        promise.complete(b'{"approved": "yes"}')
        return outcome(Promise.from_id(promise.id, Decision).wait)
    if kind == "value":
        return outcome(lambda: create_promise(Decision).complete("yes"))  # type: ignore[arg-type]
    if kind == "type":
        return outcome(lambda: create_promise(set))
    return outcome(lambda: Promise.from_id("nonsense"))


def decide(seconds: float) -> str:
    promise = create_promise(Decision)
    print(promise.id, flush=True)
    try:
        return repr(promise.wait(timeout=seconds or None))
    except TimeoutError:
        return "nobody answered"


async def decide_async(seconds: float) -> str:
    promise = create_promise(Decision)
    print(promise.id, flush=True)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        for _ in range(3):
            await asyncio.sleep(1)
            ticks += 1

    ticking = asyncio.create_task(tick())
    try:
        decision = await promise.wait_async(timeout=seconds or None)
    except TimeoutError:
        return f"nobody answered in {ticks} ticks"
    await ticking
    return f"{decision!r} after {ticks} ticks"


def twice() -> str:
    """Two people, one after the other."""
    said = []
    for _ in range(2):
        promise = create_promise(Decision)
        print(promise.id, flush=True)
        said.append(promise.wait().by)
    return " ".join(said)


def approve(promise: str, approved: bool) -> bool:
    return Promise.from_id(promise, Decision).complete(Decision(approved, "a worker"))


def give(promise: str, number: int) -> bool:
    """What may be no value of the promise's type."""
    return Promise.from_id(promise, int).complete(number)


async def both() -> str:
    """Two promises, one of which a task of the same worker completes."""
    first, second = create_promise(str), create_promise(int)
    print(first.id, flush=True)

    async def complete_second() -> None:
        await asyncio.sleep(0.01)
        second.complete(2)

    one, two, _ = await asyncio.gather(first.wait_async(), second, complete_second())
    return f"{one} {two}"


async def several(seconds: float) -> str:
    """The first of two promises within a time-out, beside a task that sleeps."""
    promises = [create_promise(str), create_promise(str)]
    print(*[each.id for each in promises], sep="\n", flush=True)
    naps = 0

    async def nap_for_long() -> None:
        nonlocal naps
        await asyncio.sleep(seconds / 100)
        naps += 1
        await asyncio.sleep(seconds)

    napping = asyncio.create_task(nap_for_long())
    waiting = [asyncio.ensure_future(each.wait_async()) for each in promises]
    async with asyncio.timeout(seconds):
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    napping.cancel()
    (first,) = done
    return f"{first.result()} after {naps} nap"


def nap(seconds: float, atomically: bool) -> float:
    start = time.monotonic()
    if atomically:
        with atomic:
            print("napping", flush=True)
            sleep(seconds)
    else:
        time.sleep(seconds)
    return time.monotonic() - start


def doze(seconds: float, atomically: bool) -> bool:
    return nap(seconds, atomically) >= seconds


async def nap_async(seconds: float, atomically: bool) -> float:
    start = time.monotonic()
    if atomically:
        with atomic:
            print("napping", flush=True)
            await asyncio.sleep(seconds)
    else:
        await asyncio.sleep(seconds)
    return time.monotonic() - start


def bad_naps() -> list[str]:
    """What time.sleep refuses, outside of a region and inside one."""
    found = [outcome(lambda value=value: time.sleep(value)) for value in BAD]
    with atomic:
        found += [outcome(lambda value=value: time.sleep(value)) for value in BAD]
    return found


BAD = (-1, float("nan"), float("inf"), "5", None, 10**12)


def outcome(call: object) -> str:
    try:
        return repr(call())  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001  (what is raised is what is asked)
        return f"{type(error).__name__}: {error}"
