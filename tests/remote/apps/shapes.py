"""Values of every type that a component without WIT can exchange, and the protocol of the one that echoes them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Annotated, Generic, Protocol, TypeVar

from durable_dsl import remote
from durable_dsl.types import Width, char, f32, u8, u32, u64

T = TypeVar("T")
Price = Annotated[int, Width("u16")]


class Speed(enum.Enum):
    SLOW = "s"
    FAST = "f"


class Extras(enum.Flag):
    GIFT = enum.auto()
    INSURED = enum.auto()


@dataclass
class Line:
    sku: str
    price: Price
    tags: dict[str, list[int]] = field(default_factory=dict)


@dataclass
class Page(Generic[T]):
    items: tuple[T, ...]
    next: int | None


@dataclass
class Card:
    number: str


@dataclass
class Cash:
    pass


@dataclass
class Refused(Exception):
    why: str
    line: Line | None


class Closed(Exception):
    pass


@dataclass
class Gone(Exception):
    pass


@dataclass
class Values:
    numbers: tuple[u8, u64, f32, float]
    text: str
    letter: char
    data: bytes
    sure: bool
    speed: Speed
    extras: Extras
    paid: Card | Cash
    page: Page[Line]
    nothing: Line | None


class Echo(Protocol):
    @remote.method
    def values(self, given: Values) -> Values: ...
    @remote.method
    def swapped(self, left: int, right: str = "b") -> tuple[str, int]: ...
    @remote.method(raises=Refused)
    def refuse(self, why: str) -> u32: ...
    @remote.method(raises=(Refused, Closed))
    def close(self, why: str) -> None: ...
    @remote.method(raises=Closed)
    def closed(self) -> None: ...
    @remote.method(raises=Gone)
    def gone(self) -> int: ...
    @remote.method
    def fail(self, why: str) -> None: ...
    @remote.method(name="seconds")
    def wait(self, seconds: float) -> float: ...
    @remote.method
    def missing(self) -> None: ...


VALUES = Values(
    (255, 2**64 - 1, 0.5, 1e300),
    "ä€😀",
    "é",
    b"\x00\xff",
    True,
    Speed.FAST,
    Extras.INSURED,
    Card("4711"),
    Page((Line("tea", 450, {"a": [1, -2]}), Line("mug", 0)), 7),
    None,
)
OTHERS = Values(
    (0, 0, -0.5, 0.0), "", "a", b"", False, Speed.SLOW, Extras(0), Cash(), Page((), None), Line("x", 65535, {"": []})
)
