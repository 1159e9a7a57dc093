"""The host calls that a piece of plain Python makes, as a component would make them.

with trace() as calls:
    place(order)
assert [call.name for call in calls] == ["mark-begin-operation", "mark-end-operation"]
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_dsl.binding import native
from durable_dsl.binding.state import call as state
from durable_dsl.errors import RegionFailed

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Call:
    """One host call: `name` as in WIT (`mark-begin-operation`), the arguments, the result (None if there is none)."""

    name: str
    args: tuple[Any, ...] = ()
    result: Any = None


@contextmanager
def trace() -> Iterator[list[Call]]:
    """Collect the host calls made while open, in order, from all threads.

    Where no region is open it starts as a new instance does: settings at their defaults, the first index 3.
    """
    if not state.regions:
        native.reset()
    calls: list[Call] = []

    def observe(name: str, arguments: tuple[Any, ...], result: Any) -> None:
        calls.append(Call(name, arguments, result))

    native.observers.append(observe)
    try:
        yield calls
    finally:
        native.observers.remove(observe)


@contextmanager
def unwrap_failures() -> Iterator[None]:
    """Raise the exception itself where an inner region of the enclosed code ended the instance because of it.

    For tests that are about the exception: `with pytest.raises(CardDeclined), unwrap_failures(): place(order)`.
    """
    try:
        yield
    except RegionFailed as ended:
        failure: BaseException | None = ended
        while isinstance(failure, RegionFailed):
            failure = failure.__cause__
        if failure is None:
            raise
        raise failure from None
