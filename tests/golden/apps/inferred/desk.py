"""An order desk without WIT: its world is what its type hints say.

Every kind of type crosses here, in both directions.
"""

# The build evaluates the hints (TC001).
# ruff: noqa: TC001

from __future__ import annotations

import asyncio

from models import Card, CardDeclined, Closed, Empty, Line, Numbers, Order, Page, Payment, Speed

from durable_dsl import atomic, commit, export, persist, retry
from durable_dsl.types import u8

placed: list[Order] = []


@export(raises=CardDeclined)
@commit
@retry(max_attempts=5, min_delay="200ms")
@atomic
def place(order: Order, payment: Payment) -> Page[Order]:
    """Take an order.

    All of it or nothing.
    """
    if isinstance(payment, Card) and payment.number == "0":
        raise CardDeclined(payment.number, "no money")
    if not order.lines:
        raise LookupError("no lines")
    placed.append(order)
    return Page([order], None)


@export(raises=(Empty, CardDeclined, Closed))
def refuse(*, how: str = "no") -> None:
    if how == "empty":
        raise Empty
    if how == "declined":
        raise CardDeclined("c-1", "stolen")
    if how == "closed":
        raise Closed("until tomorrow")
    if how == "other":
        raise KeyError(how)


@export
@persist("persist-nothing")
def numbers(each: Numbers) -> Numbers:
    """There and back."""
    assert isinstance(each, Numbers)
    return each


@export
async def shuffle(
    lines: dict[str, list[Line]], pair: tuple[Line, int] | None, rest: tuple[Line, ...], speeds: list[Speed | None]
) -> tuple[dict[str, list[Line]], tuple[Line, int] | None, tuple[Line, ...], list[Speed | None]]:
    """Everything that holds something."""
    await asyncio.sleep(0)
    assert isinstance(rest, tuple)
    return {key: found[::-1] for key, found in lines.items()}, pair, rest, speeds


@export
async def count(lines: dict[str, list[Line]]) -> dict[str, tuple[int, Line | None]]:
    return {key: (len(found), found[0] if found else None) for key, found in lines.items()}


@export
def paid_by(payments: list[Payment]) -> Payment | None:
    return payments[-1] if payments else None


@export("wrong")
def a_small_number(of: int) -> u8:
    """What does not fit is an exception that says so."""
    return of


@export(raises=Closed)
def text_of(codes: list[int]) -> str:
    return "".join(map(chr, codes))


@export
class Cart:
    """Lines that somebody collects."""

    def __init__(self, owner: str, *, limit: u8) -> None:
        """An empty cart."""
        self.owner = owner
        self.limit = limit
        self.lines: list[Line] = []

    @export(raises=Empty)
    @atomic
    def add(self, line: Line) -> int:
        """The number of lines then."""
        if not line.quantity:
            raise Empty
        self.lines.append(line)
        return len(self.lines)

    def content(self) -> Page[Line]:
        return Page(self.lines, None)

    @classmethod
    def of(cls, owners: list[str]) -> list[Cart]:
        return [cls(owner, limit=9) for owner in owners]

    @staticmethod
    def count(carts: list[Cart]) -> int:
        return sum(len(each.lines) for each in carts)


@export
def merge(into: Cart, other: Cart) -> Cart | None:
    into.lines += other.lines
    return into if into.lines else None
