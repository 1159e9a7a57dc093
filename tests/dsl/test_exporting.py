"""`@export(raises=…)` in plain Python: its exceptions are outcomes, as they are in a component."""

from __future__ import annotations

import asyncio
import enum
import pickle
import threading
import typing

import pytest

from durable_dsl import Err, RegionFailed, atomic, export, types
from durable_dsl.binding import crossing
from durable_dsl.binding.state import call
from durable_dsl.testing import trace


class Declined(Exception):
    """An outcome."""


class Named(str, enum.Enum):  # noqa: UP042 - as people wrote it before StrEnum
    """Text with names."""

    A = "a"


class Lost(Exception):
    """A failure."""


@export(raises=Declined)
@atomic
def pay(error: BaseException | None) -> str:
    """Pay, or not."""
    if error is not None:
        raise error
    return "paid"


@atomic
@export(raises=(Declined, KeyError))
def below(error: BaseException) -> None:
    """The order of the marks does not matter."""
    raise error


@export
def checkout(error: BaseException) -> str:
    """Calls another export, without outcomes of its own."""
    try:
        return pay(error)
    except Declined:
        return "declined"


@export(raises=Lost)
def wide(error: BaseException) -> str:
    """Has another outcome than the export that it calls."""
    return pay(error)


def names(calls):
    return [each.name for each in calls]


@pytest.mark.parametrize(("function", "error"), [(pay, Declined()), (below, Declined()), (below, KeyError("x"))])
def test_an_outcome_ends_the_region_and_goes_on(function, error):
    """The exception itself reaches the caller."""
    with trace() as calls, pytest.raises(type(error)) as raised:
        function(error)

    assert raised.value is error
    assert ["mark-begin-operation", "mark-end-operation"] == names(calls)


def test_any_other_exception_leaves_the_region_open():
    """`Err` too: this export does not declare it."""
    for error in (Lost(), Err("no")):
        with trace() as calls, pytest.raises(RegionFailed):
            pay(error)

        assert ["mark-begin-operation"] == names(calls)


@pytest.mark.guarantee("OUTCOME-2")
def test_the_export_that_is_called_decides():
    """Not those that it calls: for them `raises` says nothing then, as in a component."""
    with pytest.raises(RegionFailed):
        wide(Declined())
    with pytest.raises(Lost):
        wide(Lost())
    with pytest.raises(RegionFailed):
        checkout(Declined())


def test_everything_is_as_before_afterwards():
    """After outcomes and failures alike; outside of exports `Err` counts."""
    for error in (None, Declined(), Lost()):
        try:
            pay(error)
        except (Declined, RegionFailed):
            pass

        assert (0, None, (Err,)) == (call.exports, call.outside, call.domain_errors)


def test_coroutines_and_methods():
    """The same for `async def`, also several at once, and for methods."""

    @export(raises=Declined)
    @atomic
    async def later(error):
        raise error

    class Desk:
        @export(raises=Declined)
        @atomic
        def pay(self, error):
            raise error

        @export(raises=Declined)
        @classmethod
        def open(cls):
            raise Declined

    for action in (lambda: asyncio.run(later(Declined())), lambda: Desk().pay(Declined()), Desk.open):
        with pytest.raises(Declined):
            action()
    assert (Err,) == call.domain_errors


def test_threads_do_not_see_each_other():
    """Each thread calls exports of its own."""
    seen = []

    @export(raises=Declined)
    def outer():
        thread = threading.Thread(target=lambda: seen.append(call.domain_errors))
        thread.start()
        thread.join()

    outer()

    assert [(Err,)] == seen


def test_exported_functions_stay_what_they_are():
    """Name, docs, hints and pickling."""
    assert "Pay, or not." == pay.__doc__
    assert pay is pickle.loads(pickle.dumps(pay))
    assert "paid" == pay(None)


@pytest.mark.parametrize("name", [each for each in types.__all__ if each != "Width"])
def test_widths_are_pythons_types_to_python(name):
    """With the WIT type as metadata."""
    alias = getattr(types, name)

    assert {"f": float, "c": str}.get(name[0], int) is typing.get_args(alias)[0]
    assert types.Width(name) == typing.get_args(alias)[1]


def test_numbers_that_fit_and_those_that_do_not():
    """The ends of each range; bools and members of an IntEnum are whole numbers too."""
    for bits in (8, 16, 32, 64):
        unsigned, signed = getattr(crossing, f"u{bits}"), getattr(crossing, f"s{bits}")
        assert [0, (1 << bits) - 1] == [unsigned(0, "x"), unsigned((1 << bits) - 1, "x")]
        half = 1 << (bits - 1)
        assert [-half, half - 1] == [signed(-half, "x"), signed(half - 1, "x")]
        for check, value in ((unsigned, -1), (unsigned, 1 << bits), (signed, -half - 1), (signed, half)):
            with pytest.raises(OverflowError, match=rf"^Order.n is {value}, which does not fit [us]{bits} \("):
                check(value, "Order.n")
    assert 1 == crossing.u8(True, "x")
    assert "a" == crossing.text(Named.A, "x")
    with pytest.raises(OverflowError, match="an int of 40000 bits, which does not fit u8"):
        crossing.u8(1 << 39_999, "x")


def test_values_of_other_types():
    """Said with the value and what was declared."""
    for check, value, wanted in (
        (crossing.s64, "1", "int"),
        (crossing.number, "1", "float"),
        (crossing.boolean, 1, "bool"),
        (crossing.text, b"x", "str"),
        (crossing.data, "x", "bytes"),
    ):
        with pytest.raises(TypeError) as raised:
            check(value, "the result of f")
        assert f"the result of f is {value!r}, which is no {wanted}" == str(raised.value)
    for check, value, wanted in (
        (crossing.items, None, "list"),
        (crossing.items, "text", "list"),
        (crossing.items, {"a": 1}, "list"),
        (crossing.pairs, [("a", 1)], "dict"),
    ):
        with pytest.raises(TypeError, match=f", which is no {wanted}$"):
            check(value, "x")
    with pytest.raises(TypeError, match=r"x is \(1, 2, 3\), which is no tuple of 2"):
        crossing.parts((1, 2, 3), 2, "x")
    with pytest.raises(ValueError, match="'ab', which is not one character"):
        crossing.char("ab", "x")
    with pytest.raises(ValueError, match="which has no form in UTF-8"):
        crossing.text("\ud800", "x")
    with pytest.raises(TypeError, match="x is 'red', which is no Color"):
        crossing.member({}, "red", "Color", "x")
