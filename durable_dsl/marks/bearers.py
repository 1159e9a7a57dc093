"""What may bear a mark: functions and methods, and no marks together that contradict one another."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from durable_dsl.errors import MarkError
from durable_dsl.marks.marked import Mark, NamedFunction, marks_of
from durable_dsl.policy import PersistenceLevel

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_bearer", "check_neighbours"]


def check_bearer(function: Any, mark: Mark) -> None:
    """Refuse a mark on what is no function, or on one that would be suspended inside the region."""
    bare = inspect.unwrap(getattr(function, "__func__", function)) if callable(function) else function
    bare = getattr(bare, "__func__", bare)
    name = getattr(bare, "__qualname__", repr(bare))
    if isinstance(function, type):
        raise MarkError("DSL008", f"@{mark.word} on the class {name}", "put the mark on its methods")
    if isinstance(function, property):
        raise MarkError("DSL008", f"@{mark.word} on a property", "put the mark below @property, on the function")
    if not callable(function) and not isinstance(function, (classmethod, staticmethod)):
        raise MarkError("DSL008", f"@{mark.word} on {function!r}, which is not a function")
    if inspect.isgeneratorfunction(bare) or inspect.isasyncgenfunction(bare):
        hint = "mark a function that consumes it, or use a with block that contains no yield"
        raise MarkError("DSL008", f"@{mark.word} on {name}, a generator: it would be suspended inside the region", hint)


def check_neighbours(mark: Mark, function: Any) -> None:
    """Refuse marks that contradict one another, also through decorators of others between them."""
    _check_transaction(mark, function)
    for other in _all_marks(function):
        if other.kind != mark.kind and {mark.kind, other.kind} != {"idempotence", "persist"}:
            continue
        if other.kind == mark.kind:
            if other.word == mark.word:
                hint = f"one of them is enough; the other is in line {other.line}"
                raise MarkError("DSL005", f"@{mark.word} twice on one function", hint)
            hint = f"keep one of them; the other is in line {other.line}"
            raise MarkError("DSL006", f"@{mark.word} together with @{other.word} on one function", hint)
        both = {**mark.arguments, **other.arguments}
        if both["level"] is PersistenceLevel.PERSIST_NOTHING and not both["idempotent"]:
            raise MarkError(
                "DSL007",
                "@non_idempotent together with persist-nothing: nothing is recorded there, so a call cannot be known "
                "to have been sent",
                f"drop one of them; the other is in line {other.line}",
            )


def _check_transaction(mark: Mark, function: Any) -> None:
    """Refuse a region around a transaction in which its steps would not be on record one by one."""
    unrecorded = mark.kind == "persist" and mark.arguments["level"] is PersistenceLevel.PERSIST_NOTHING
    if mark.kind != "atomic" and not unrecorded:
        return
    while function is not None:
        if isinstance(function, NamedFunction) and function.durable_word == "transaction":
            what = "a persist-nothing zone" if unrecorded else "an atomic region"
            raise MarkError(
                "DSL701",
                f"@{mark.word} above @transaction: a transaction inside {what}, where its steps are not on record one "
                f"by one",
                f"put @{mark.word} on the operations inside, or below @transaction",
            )
        function = getattr(function, "__wrapped__", None) or getattr(function, "__func__", None)


def _all_marks(function: Any) -> Iterator[Mark]:
    while function is not None:
        yield from marks_of(function)
        function = getattr(function, "__wrapped__", None) or getattr(function, "__func__", None)
