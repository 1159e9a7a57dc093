"""The component that calls: the same through a protocol class as in plain Python, told as text."""

from __future__ import annotations

import asyncio
import time

import shop_client
from shapes import OTHERS, VALUES, Closed, Echo, Gone, Refused

from durable_dsl import Err, export, remote


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
        echo.gone,
        echo.missing,
        lambda: echo.swapped("x"),
        lambda: echo.swapped(2**63),
        lambda: remote.client(Echo, worker="broken").fail("on purpose"),
    ):
        try:
            found.append(repr(call()))
        except (Refused, Closed, Gone, remote.RemoteError, TypeError, OverflowError) as error:
            kind = f" {error.kind}" if isinstance(error, remote.RemoteError) else ""
            found.append(f"{type(error).__name__}{kind}: {error}")
    return found


@export
def shop() -> list[str]:
    """A component with WIT of its own, by the module that `durable-dsl client` has written."""
    orders = remote.client(shop_client.Orders, worker="shop-1")
    paid = shop_client.PaymentCard("4711")
    lines = [shop_client.Line("tea", 2)]
    order = shop_client.Order("17", lines, shop_client.Speed.FAST, paid, shop_client.Extras.INSURED, None)
    found = [str(orders.echo(order) == order), orders.place(order)[:3], str(orders.total([*lines, *lines]))]
    try:
        orders.place(shop_client.Order("18", [], shop_client.Speed.SLOW, shop_client.PaymentCash(), order.extras, "n"))
    except Err as refused:
        found.append(str(refused.value))
    doubled = remote.client(shop_client.World, worker="shop-1").double(-4)
    return [*found, orders.sign(), repr(orders.nothing()), repr(orders.invert(b"\x00\x01")), str(doubled)]


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
