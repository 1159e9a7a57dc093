"""A saga of concurrent operations, each a request to a server that counts: for crashes anywhere in it."""

from __future__ import annotations

import asyncio

from durable_dsl import TransactionFailed, export, http, operation, retry, transaction


class Refused(Exception):
    """An operation, or an undo, says no."""


async def undo(_result: int, url: str, label: str, fails: str, stuck: str) -> None:
    if label in stuck:
        raise Refused(label)
    (await http.apost(f"{url}/undo-{label}")).raise_for_status()


@operation(compensate=undo)
async def step(url: str, label: str, fails: str, stuck: str) -> int:
    if label in fails:
        await asyncio.sleep(0)
        raise Refused(label)
    (await http.apost(f"{url}/{label}")).raise_for_status()
    return ord(label)


@export
@retry(max_attempts=1, min_delay="10ms")
async def run(url: str, fails: str, stuck: str, again: bool) -> str:
    """Steps a, b and c at the same time, then d."""

    @transaction(retry=again)
    async def saga() -> None:
        await asyncio.gather(*(step(url, label, fails, stuck) for label in "abc"))
        async with transaction:
            await step(url, "d", fails, stuck)

    try:
        await saga()
    except TransactionFailed as failed:
        return "left:" + "".join(sorted(each.arguments[1] for each in failed.not_undone))
    return "done"
