"""What becomes of marks while a build scans: bad ones are noted rather than raised, and every export is counted.

Outside of a scan a bad mark raises `MarkError` with the user's file and line.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from durable_dsl.errors import MarkError
from durable_dsl.marked import position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from durable_dsl.marked import Mark

__all__ = ["Collected", "Unmarked", "collecting", "note_export", "refuse"]

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")


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


class Unmarked:
    """Stands in for a refused mark while a build collects faults: it decorates and encloses without effect."""

    def __call__(self, function: F, /) -> F:
        return function

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None
