"""Event loops that an app makes itself, in exports that are not async."""

from __future__ import annotations

import asyncio
from asyncio import run, sleep

from durable_dsl import Promise, atomic, create_promise, export


async def count(pause: float) -> str:
    """Two tasks that sleep and have regions, the second of them last."""
    done = []

    async def one(number: int) -> None:
        await sleep(pause * number)
        with atomic:
            print(f"done: {number}", flush=True)
            done.append(number)

    await asyncio.gather(one(2), one(1))
    return str(done)


@export
def running(pause: float) -> str:
    """As a program's last line."""
    return run(count(pause))


@export
def making(how: str, pause: float) -> str:
    """The other ways."""
    if how == "runner":
        with asyncio.Runner() as runner:
            return runner.run(count(pause)) + runner.run(count(pause))
    if how == "factory":
        return asyncio.run(count(pause), loop_factory=asyncio.SelectorEventLoop)
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(count(pause))
    finally:
        loop.close()


@export
def within(pause: float) -> str:
    """The loop runs inside a region."""
    with atomic:
        return run(count(pause))


@export
def promised() -> str:
    """A task waits for a promise that another completes."""
    promise = create_promise(str)

    async def answer() -> None:
        await sleep(0)
        Promise.from_id(promise.id, str).complete("yes")

    async def both() -> str:
        given, _ = await asyncio.gather(promise.wait_async(), answer())
        return given

    return run(both())


@export
def failing() -> None:
    """A task is left when the loop's main one fails."""

    async def leaves() -> None:
        left = asyncio.ensure_future(sleep(1000))
        try:
            await sleep(0.01)
            raise ValueError("not today")
        finally:
            print(f"cancelled: {left.cancelled()}", flush=True)

    run(leaves())


@export
async def inside() -> str:
    """Where a loop runs already, as everywhere."""
    never = count(0)
    try:
        return run(never)
    except RuntimeError as error:
        never.close()
        return str(error)
