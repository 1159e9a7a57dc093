"""A worker with state, whose next version keeps it in another form; and promises on a host that cannot look at them."""

from __future__ import annotations

import asyncio

import kept

from durable_dsl import create_promise, oplog_index


def add(text: str) -> int:
    oplog_index()  # the next version does something else here
    kept.ENTRIES.append(text)
    return len(kept.ENTRIES)


def all() -> list[str]:  # noqa: A001  (as the world calls it)
    return kept.ENTRIES


def save() -> str:
    """Not the snapshot's function, which is kept in another module."""
    return f"{len(kept.ENTRIES)} entries"


async def wait_for_both() -> str:
    first, second = create_promise(str), create_promise(str)
    print(first.id, second.id, flush=True)
    await asyncio.sleep(0.01)  # done before the promises are waited for
    return " ".join(await asyncio.gather(first, second))


async def wait_beside_a_timer() -> str:
    try:
        await asyncio.wait_for(create_promise(str).wait_async(), 5)
    except NotImplementedError as error:
        return f"{type(error).__name__}: {error}"
    return "waited"
