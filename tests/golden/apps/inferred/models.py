"""What an order consists of; every kind of class that crosses."""

# The build evaluates the hints (TC001); a Flag without a bit is as good a default as None (RUF009).
# ruff: noqa: TC001, RUF009

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, Flag, auto
from typing import Generic, TypeVar

from durable_dsl.types import char, f32, s8, s16, s32, u8, u16, u32, u64

T = TypeVar("T")


class Speed(Enum):
    """How fast."""

    SLOW = "slow"
    VERY_FAST = "very fast"
    EXPRESS = "very fast"  # noqa: PIE796 - an alias


class Extras(Flag):
    GIFT = auto()
    RUSH = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order."""

    sku: str
    quantity: u32 = 1


@dataclass(kw_only=True)
class Order:
    """An order, as a customer gives it."""

    id: str
    lines: list[Line]
    speed: Speed = Speed.SLOW
    extras: Extras = Extras(0)
    note: str | None = None
    prices: dict[str, float] = field(default_factory=dict)
    from_: tuple[str, bool] = ("", False)


@dataclass
class Numbers:
    """One of each width."""

    a: u8
    b: u16
    c: u32
    d: u64
    e: s8
    f: s16
    g: s32
    h: int
    i: f32
    j: float
    k: char
    l: bytes  # noqa: E741


@dataclass
class Card:
    number: str


@dataclass
class Cash:
    pass


@dataclass
class Page(Generic[T]):
    """Some of many."""

    items: list[T]
    next: int | None


@dataclass
class CardDeclined(Exception):
    """The bank said no."""

    card: str
    reason: str


@dataclass
class Empty(Exception):
    pass


class Closed(Exception):
    """An exception that is no dataclass: its text goes out."""


Payment = Card | Cash
