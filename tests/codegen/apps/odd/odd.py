"""Exports that are made, constructed and left out in every way that Python has."""

from __future__ import annotations

import functools
import math
from dataclasses import InitVar, dataclass, field
from enum import Enum, IntFlag
from typing import Any, Generic, NamedTuple, Self, TypeVar

from durable_dsl import atomic, export, retry

T = TypeVar("T")


class Colour(Enum):
    RED = 1
    BLUE = 2


class Right(IntFlag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Point:
    x: int
    y: float = math.inf


@dataclass(frozen=True)
class Nowhere:
    pass


Place = Point | Nowhere


@export
def floats(a: float = math.inf, b: float = -math.inf, c: float = math.nan, d: float = -0.0) -> str:
    return f"{a} {b} {c} {d}"


@export
def values(
    a: bytes = b"\x00\xff",
    b: Colour = Colour.BLUE,
    c: Right = Right.READ | Right.WRITE,
    d: tuple[tuple[int, str], float] = ((1, "x"), math.inf),
    e: Point = Point(1),
    f: Place = Nowhere(),
    g: Place = Point(2, 3.5),
    h: dict[str, int] = {"one": 1},
    i: list[int] = [1, 2],
    j: float | None = math.inf,
    k: str | None = None,
) -> str:
    return repr((a, b.name, int(c), d, e, f, g, h, i, j, k))


def durable(function: Any) -> Any:
    return export(retry(max_attempts=3)(atomic(function)))


@durable
def first() -> str:
    return "first"


@durable
def second() -> str:
    return "second"


def add(a: int, b: int) -> int:
    return a + b


three, four = export(functools.partial(add, 3)), export(functools.partial(add, b=4))


class Held(Generic[T]):
    def __init__(self, held: T) -> None:
        self.held = held

    def get(self) -> T:
        return self.held


@export
class Number(Held[int]):
    pass


@export
class ByNew:
    size: int

    def __new__(cls, size: int, times: int = 2) -> Self:
        made = super().__new__(cls)
        made.size = size * times
        return made

    def get(self) -> int:
        return self.size


class Doubling(type):
    def __call__(cls, size: int) -> Any:
        return super().__call__(size * 2)


@export
class ByMeta(metaclass=Doubling):
    @atomic
    def __init__(self, size: int) -> None:
        self.size = size

    def get(self) -> int:
        return self.size


@export
@dataclass(kw_only=True)
class Fields:
    a: int
    b: InitVar[int]
    c: list[int] = field(default_factory=list)
    d: int = field(init=False, default=0)

    def __post_init__(self, b: int) -> None:
        self.d = b

    def get(self) -> list[int]:
        return [self.a, self.d, *self.c]


@export
class Pair(NamedTuple):
    left: int
    right: str = "right"

    def both(self) -> str:
        return f"{self.left} {self.right}"


@export
class Positional:
    def __init__(self, a: int, /, *, b: int = 5) -> None:
        self.sum = a + b

    def get(self) -> int:
        return self.sum


@export
class Inherits(Positional):
    pass
