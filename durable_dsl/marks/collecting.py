"""What becomes of marks while a build scans: bad ones are noted rather than raised, and every export is counted.

Outside of a scan a bad mark raises `MarkError` with the user's file and line.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from durable_dsl.errors import MarkError
from durable_dsl.marks.marked import position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from durable_dsl.marks.marked import Mark

__all__ = [
    "ARGUMENTS",
    "Collected",
    "Unmarked",
    "collecting",
    "note_export",
    "refuse",
    "refuse_unknown",
    "unknown_argument",
]

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")


#: Word → the keyword arguments that it takes.
ARGUMENTS: Final = {
    "atomic": ("commit_on",),
    "commit": ("replicas",),
    "export": ("name", "raises"),
    "idempotent": (),
    "non_idempotent": (),
    "operation": ("compensate",),
    "persist": ("level",),
    "retry": ("max_attempts", "min_delay", "max_delay", "multiplier", "jitter"),
    "transaction": ("retry",),
}
_ALIKE: Final = 0.6


@dataclass
class Collected:
    """What a scan gathers while it imports the app: bad marks, and every `@export`."""

    faults: list[MarkError] = field(default_factory=list)
    exports: list[Mark] = field(default_factory=list)


#: Where they go while a build scans; None: a bad mark raises.
_collected: Collected | None = None


@contextmanager
def collecting() -> Iterator[Collected]:
    """While open, bad marks are noted instead of raised. The build's scan is the only user."""
    global _collected  # noqa: PLW0603  (one scan at a time, in a process of its own)
    before, _collected = _collected, Collected()
    try:
        yield _collected
    finally:
        _collected = before


def refuse(fault: MarkError, depth: int = 3) -> None:
    """Raise `fault` with the user's position, or note it while a build collects."""
    if fault.file is None:
        fault = MarkError(fault.code, fault.message, fault.hint, *position(depth))
    if _collected is None:
        raise fault from None
    _collected.faults.append(fault)


def note_export(mark: Mark) -> None:
    """Keep an export for a build that scans: each is part of the component, or a fault."""
    if _collected is not None:
        _collected.exports.append(mark)


def refuse_unknown(word: str, unknown: Iterable[str]) -> bool:
    """Refuse arguments that `word` does not have; whether there were any."""
    names = list(unknown)
    for name in names:
        refuse(unknown_argument(word, name))
    return bool(names)


def unknown_argument(word: str, name: str) -> MarkError:
    """The fault that `word` has no argument of that name, with the one that is meant."""
    known = ARGUMENTS[word]
    nearest = max(known, key=lambda each: _likeness(name, each), default="")
    hint = f"{word} takes {', '.join(known) if known else 'no arguments'}"
    if nearest and _likeness(name, nearest) > _ALIKE:
        hint = f"did you mean {nearest}?" if len(known) == 1 else f"did you mean {nearest}? {hint}"
    return MarkError("DSL010", f"{word} has no argument {name}", hint)


def _likeness(one: str, other: str) -> float:
    """How much of two names is the same, in the same order: 0 to 1. No difflib, which is large for a guest."""
    lengths = [0] * (len(other) + 1)
    for letter in one:
        before = 0
        for at, wanted in enumerate(other, 1):
            before, lengths[at] = lengths[at], before + 1 if letter == wanted else max(lengths[at], lengths[at - 1])
    return 2 * lengths[-1] / (len(one) + len(other))


class Unmarked:
    """Stands in for a refused mark while a build collects faults: it decorates and encloses without effect."""

    def __call__(self, function: F, /) -> F:
        return function

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None
