"""Promises in plain Python, and the values that they carry."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NewType

import pytest

from durable_dsl import Promise, atomic, create_promise
from durable_dsl.errors import (
    DurableError,
    MarkError,
    PromiseTimeout,
    PromiseUnsupported,
    PromiseValueError,
    RegionError,
)
from durable_dsl.values.promise_ids import PromiseId
from durable_dsl.values.typed_json import Mismatch, check_type, from_bytes, to_bytes


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Level(IntEnum):
    LOW = 1


class Odd(Enum):
    ONE = (1, 2)


@dataclass
class Line:
    item: str
    price: float


@dataclass
class Order:
    id: int
    lines: list[Line]
    colour: Colour = Colour.RED
    note: str | None = None
    extra: dict[str, int] = field(default_factory=dict)
    raw: bytes = b""


Name = NewType("Name", str)
ORDER = Order(1, [Line("a", 2.5), Line("b", float("nan"))], Colour.GREEN, "x", {"k": 1}, b"\x00")

GOOD = [
    (bytes, b"\xff", b"\xff"),
    (str, "ü", "ü".encode()),
    (int, 2**70, str(2**70).encode()),
    (float, 2, b"2.0"),
    (float, float("-inf"), b'"-Infinity"'),
    (bool, True, b"true"),
    (None, None, b"null"),
    (Colour, Colour.RED, b'"red"'),
    (Level, Level.LOW, b"1"),
    (Odd, Odd.ONE, b'"ONE"'),
    (Name, "n", b"n"),
    (Annotated[int, "u8"], 3, b"3"),
    (Literal["a", 1], 1, b"1"),
    (list[int], [1], b"[1]"),
    (list, [1, "a"], b'[1,"a"]'),
    (tuple[int, str], (1, "a"), b'[1,"a"]'),
    (tuple[int, ...], (1, 2), b"[1,2]"),
    (dict[str, list[bool]], {"a": [True]}, b'{"a":[true]}'),
    (int | None, None, b"null"),
    (Line | Order, Line("a", 1.0), b'{"item":"a","price":1.0}'),
    (Any, {"a": [1]}, b'{"a":[1]}'),
]

#: Type, data, and what is said of it.
BAD = [
    (int, b"true", "expected a whole number, got true"),
    (int, b"1.0", "expected a whole number, got 1.0"),
    (int, b"x", 'expected int as JSON, got "x"'),
    (str, b"\xff", "expected str, got bytes that are no text"),
    (bool, b'"yes"', 'expected true or false, got "yes"'),
    (Colour, b"blue", 'expected one of "red", "green", got "blue"'),
    (Literal["a"], b"b", 'expected one of "a", got "b"'),
    (list[int], b"[1, null]", "[1]: expected a whole number, got null"),
    (tuple[int, str], b"[1]", "expected 2 items, got 1"),
    (Line, b"[]", "expected an object with the fields of Line, got []"),
    (Line, b'{"item": "a"}', 'Line needs the field \'price\', got {"item": "a"}'),
    (Line, b'{"item": "a", "price": 1, "x": 0}', "Line has no field 'x'; it has item, price"),
    (Order, b'{"id": 1, "lines": [{"item": "a", "price": "2"}]}', 'lines[0].price: expected a number, got "2"'),
    (int | str, b"[]", "expected int | str, got []"),
    (bytes | None, b'{"base64": "?"}', "expected bytes | None"),
]


@pytest.mark.parametrize(("kind", "value", "data"), GOOD)
def test_values_cross(kind, value, data):
    """As bytes they are what one would write by hand, and they come back."""
    check_type(kind)

    assert data == to_bytes(value, kind)
    assert value == from_bytes(data, kind)


def test_a_nested_value_crosses():
    """Lists of dataclasses, an Enum, NaN, bytes inside."""
    back = from_bytes(to_bytes(ORDER, Order), Order)

    assert repr(ORDER) == repr(back)
    assert Order(1, []) == from_bytes(b'{"id": 1, "lines": []}', Order)
    assert Colour.GREEN is from_bytes(b"GREEN", Colour)
    assert None is from_bytes(b"", None)


@pytest.mark.parametrize(("kind", "data", "said"), BAD)
def test_what_does_not_fit_is_named(kind, data, said):
    """The place, what was expected, and what was there."""
    with pytest.raises(Mismatch) as raised:
        from_bytes(data, kind)

    assert str(raised.value).startswith(said)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (bytes, "x"),
        (str, b"x"),
        (int, True),
        (int, "1"),
        (Line, {"item": "a"}),
        (list[int], "ab"),
        (Any, {1}),
        (bool, 1),
    ],
)
def test_only_values_of_the_type_are_sent(kind, value):
    """Found before anything is completed with it."""
    with pytest.raises(Mismatch):
        to_bytes(value, kind)


@pytest.mark.parametrize("kind", [set, complex, dict[int, str], list[set], object()])
def test_types_that_have_no_json_form(kind):
    """Refused when the promise is made."""
    with pytest.raises(TypeError):
        create_promise(kind)


def test_an_id_is_text():
    """With slashes in the worker's name, and back."""
    made = PromiseId(uuid.UUID(int=5), "a/b c", 17)

    assert "00000000-0000-0000-0000-000000000005/a/b c/17" == str(made)
    assert made == PromiseId.parse(str(made))
    for text in (
        "",
        "x",
        "x/w/3",
        str(made)[:-2],
        f"{made.component}//3",
        f"{made.component}/w/-3",
        f"{made.component}3",
    ):
        assert PromiseId.parse(text) is None


def test_a_thread_completes_it():
    """Waiting lasts as long as somebody could."""
    promise = create_promise(Line)
    same = Promise.from_id(promise.id, Line)
    threading.Timer(0.05, same.complete, [Line("a", 1)]).start()

    assert Line("a", 1) == promise.wait()
    assert promise == same
    assert hash(promise) == hash(same)
    assert f"Promise[Line]({promise.id!r})" == repr(promise)


_NOBODY = """
import asyncio, threading
from durable_dsl import create_promise
from durable_dsl.errors import PromiseAbandoned

threading.Thread(target=threading.Event().wait, name="durable-dsl guest", daemon=True).start()
promise = create_promise()
for wait in (promise.wait, lambda: asyncio.run(promise.wait_async())):
    try:
        wait()
    except PromiseAbandoned as abandoned:
        print(abandoned)
"""


def test_nobody_completes_it():
    """An error in place of a wait for ever; sync and async. Threads of the engine are nobody.

    In a process of its own: a thread that another test has left would be somebody.
    """
    ran = subprocess.run([sys.executable, "-c", _NOBODY], capture_output=True, text=True, timeout=120, check=True)

    assert 2 == ran.stdout.count("nothing else runs in this process that could complete it")


def test_a_task_completes_it():
    """While one task waits, others run."""

    async def main():
        promise = create_promise(int)

        async def complete():
            await asyncio.sleep(0.02)
            return promise.complete(5)

        return await asyncio.gather(promise, promise.wait_async("5s"), complete())

    assert [5, 5, True] == asyncio.run(main())


def test_late_is_late():
    """After a time-out the promise is still there: the first completion counts, whoever makes it."""
    promise = create_promise(str)
    with pytest.raises(TimeoutError) as raised:
        promise.wait(timeout=0.01)
    assert promise.complete("nobody came")
    assert not Promise.from_id(promise.id, str).complete("late")

    assert isinstance(raised.value, PromiseTimeout)
    assert "nobody came" == promise.wait()


def test_not_in_a_region():
    """Awaiting one there is refused, completed or not."""
    promise = create_promise(str)
    promise.complete("x")
    with atomic, pytest.raises(RegionError, match="inside an atomic region"):
        promise.wait()
    with atomic, pytest.raises(RegionError, match="inside an atomic region"):
        asyncio.run(promise.wait_async(5))


def test_errors_say_what_to_do():
    """Bad ids, durations, values; a host that cannot."""
    with pytest.raises(PromiseValueError, match="in this process: plain Python has no promises but its own"):
        Promise.from_id(f"{uuid.UUID(int=9)}/w/3").wait()
    with pytest.raises(MarkError, match="timeout"):
        create_promise().wait(timeout="soon")
    with pytest.raises(PromiseValueError, match="not an int to complete the promise with: expected a whole number"):
        create_promise(int).complete("5")  # type: ignore[arg-type]

    assert "--target golem-1.1" in str(PromiseUnsupported())
    assert issubclass(PromiseUnsupported, DurableError)
