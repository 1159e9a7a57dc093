"""The next version: it keeps numbered entries, and does other things on the way."""

from __future__ import annotations

import asyncio
import json

from durable_dsl import create_promise, idempotency_key, load_snapshot, save_snapshot

ENTRIES: dict[int, str] = {}


def add(text: str) -> int:
    idempotency_key()
    ENTRIES[len(ENTRIES)] = text
    return len(ENTRIES)


def all() -> list[str]:  # noqa: A001  (as the world calls it)
    return [f"{number}: {text}" for number, text in ENTRIES.items()]


async def wait_for_both() -> str:
    return " ".join(await asyncio.gather(create_promise(str), create_promise(str)))


def save() -> str:
    return "saved"


def wait_beside_a_timer() -> str:
    return "never"


@save_snapshot
def keep() -> bytes:
    return json.dumps(list(ENTRIES.values())).encode()


@load_snapshot
def take_over(data: bytes) -> None:
    entries = json.loads(data)
    if "poison" in entries:
        raise ValueError("there is poison in it")
    ENTRIES.update(enumerate(entries))
