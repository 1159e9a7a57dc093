"""The component that calls: the same through a protocol class as in plain Python, told as text."""

from __future__ import annotations

import asyncio
import time

from shapes import OTHERS, VALUES, Closed, Echo, Refused

from durable_dsl import export, remote


@remote.interface("test:shop/orders@1.0.0", component="shop")
class Shop:
    """A component with WIT of its own."""

    @remote.method
    def sign(self) -> str: ...
    @remote.method
    def nothing(self) -> None: ...
    @remote.method
    def invert(self, data: bytes) -> bytes: ...


@remote.interface("", component="shop")
class Doubling:
    """The functions of its world."""

    @remote.method
    def double(self, value: int) -> int: ...


@export
def told() -> list[str]:
    echo = remote.client(Echo, worker="a b/c")
    found = [str(echo.values(each) == each) for each in (VALUES, OTHERS)]
    found += [str(echo.swapped(1, right="c")), str(echo.swapped(2)), str(echo.refuse(""))]
    for call in (
        lambda: echo.refuse("no"),
        lambda: echo.close("no"),
        lambda: echo.close("closed"),
        lambda: echo.close(""),
        echo.closed,
        echo.missing,
        lambda: echo.swapped("x"),
        lambda: echo.swapped(2**63),
        lambda: remote.client(Echo, worker="w", component="nowhere").refuse(""),
        lambda: remote.client(Echo, worker="broken").fail("on purpose"),
    ):
        try:
            found.append(repr(call()))
        except (Refused, Closed, remote.RemoteError, TypeError, OverflowError) as error:
            kind = f" {error.kind}" if isinstance(error, remote.RemoteError) else ""
            found.append(f"{type(error).__name__}{kind}: {error}")
    return found


@export
def shop() -> list[str]:
    client = remote.client(Shop, worker="shop-1")
    return [
        client.sign(),
        repr(client.nothing()),
        repr(client.invert(b"\x00\x01")),
        str(remote.client(Doubling, worker="shop-1").double(-4)),
    ]


@export
async def together(count: int) -> list[float]:
    """Calls of several workers at the same time, and a task that goes on meanwhile."""
    start = time.monotonic()
    clients = [remote.client(Echo, worker=f"slow-{number}") for number in range(count)]
    answers = await asyncio.gather(*(each.wait.call_async(0.4) for each in clients))
    return [*answers, time.monotonic() - start]


@export
async def refused() -> str:
    """Errors of calls that are awaited."""
    try:
        await remote.client(Echo, worker="w").refuse.call_async("later")
    except Refused as error:
        return repr(error)
    return "not refused"


@export
def begun(why: str) -> str:
    """A call that nobody waits for; a result that is asked for afterwards comes after it."""
    echo = remote.client(Echo, worker="begun")
    echo.close.start(why)
    return str(echo.swapped(1, "after"))
