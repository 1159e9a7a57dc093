"""Requests of every kind through durable_dsl.http, told as text so that hosts can be compared."""

from __future__ import annotations

import asyncio
import time

from durable_dsl import Err, http
from durable_dsl.errors import HttpError


def told(response: http.Response) -> str:
    cookies = [value for name, value in response.header_list if name == "set-cookie"]
    return f"{response.status} {cookies} {response.text}"


def blocking(kind: str, base: str) -> str:
    try:
        if kind == "stream":
            with http.stream("GET", f"{base}/big") as response:
                return str(sum(len(piece) for piece in response.raise_for_status()))
        if kind == "left":
            with http.stream("GET", f"{base}/big") as response:
                return str(len(next(iter(response))) > 0)
        return told(http.request(*ways(kind, base)[0], **ways(kind, base)[1]))
    except HttpError as error:
        raise Err(f"{type(error).__name__}: {error.method}") from None


async def waiting(kind: str, base: str) -> str:
    try:
        if kind == "stream":
            async with http.astream("GET", f"{base}/big") as response:
                return str(sum([len(piece) async for piece in response.raise_for_status()]))
        if kind == "left":
            async with http.astream("GET", f"{base}/big") as response:
                async for piece in response:
                    return str(len(piece) > 0)
        if kind == "limited":
            try:
                async with asyncio.timeout(4):
                    return told(await http.aget(f"{base}/slow/40"))
            except TimeoutError:
                return "too slow"
        return told(await http.arequest(*ways(kind, base)[0], **ways(kind, base)[1]))
    except HttpError as error:
        raise Err(f"{type(error).__name__}: {error.method}") from None


async def together(base: str, count: int) -> int:
    start = time.monotonic()
    with http.overlapping():
        responses = await asyncio.gather(*(http.aget(f"{base}/slow") for _ in range(count)))
    assert all(response.ok for response in responses)
    return round((time.monotonic() - start) * 1000)


def ways(kind: str, base: str):
    return {
        "get": (("GET", f"{base}/echo?a=1"), {"params": {"b": "2"}, "headers": {"X-Test": "yes"}}),
        "post": (("POST", f"{base}/echo"), {"json": {"n": 1}, "idempotency_key": "k-1"}),
        "large": (("PUT", f"{base}/length"), {"content": b"x" * 300_000}),
        "missing": (("DELETE", f"{base}/missing"), {}),
        "late": (("GET", f"{base}/slow"), {"timeout": "100ms"}),
        "refused": (("GET", "http://127.0.0.1:9/"), {}),
        "short": (("GET", f"{base}/short"), {}),
    }[kind]
