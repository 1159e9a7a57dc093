"""`async def` implementations, one of them behind a decorator that hides it."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from durable_dsl import Err, atomic, commit

if TYPE_CHECKING:
    from collections.abc import Callable


@commit
@atomic
async def fetch(url: str) -> str:
    await asyncio.sleep(0)
    if not url:
        raise Err("no address")
    return url.upper()


async def pause(milliseconds: int) -> None:
    await asyncio.sleep(milliseconds / 1000)


async def gather(first_address_to_ask: str, second_address_to_ask: str, fallback: str) -> str:
    found = await asyncio.gather(ask(first_address_to_ask), ask(second_address_to_ask))
    return "".join(found) or fallback


async def ask(address: str) -> str:
    await asyncio.sleep(0)
    with atomic:
        return address.upper()


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        return function(*arguments)

    return call


@atomic
@logged
async def traced(url: str) -> str:
    return await fetch(url)


def plain() -> int:
    return 1
