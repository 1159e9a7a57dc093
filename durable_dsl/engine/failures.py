"""How the end of a guest call is told: type, message and traceback of what failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_dsl.engine.guest_errors import Roots, extract
from durable_dsl.engine.signals import Failure

if TYPE_CHECKING:
    from durable_dsl.engine.bridge import GuestTrap
    from durable_dsl.engine.output import GuestOutput

_OVERFLOW = "call stack exhausted"
_TOO_DEEP = "the call stack is exhausted: functions call each other too deep, perhaps without end"


@dataclass(frozen=True, slots=True)
class Told:
    """A failure as it goes into the error entry and to the caller."""

    type: str
    message: str
    traceback: str
    retriable: bool
    #: Whether the guest itself had no chance to say anything.
    by_host: bool = False


def tell(end: GuestTrap | Failure, output: GuestOutput, roots: Roots | None) -> Told:
    """What failed. Text that was held back and is no part of it is shown now."""
    whole, held = output.end_attempt()
    if isinstance(end, Failure):
        if held:
            output.show(held)
        return Told(end.type, end.message, "", end.retriable, by_host=True)
    retriable = _OVERFLOW not in end.message
    found = extract(held or whole, roots)
    if found is None:
        if held:
            output.show(held)
        if not retriable:  # the frames are some of the interpreter's, and say nothing of the program's
            return Told("RecursionError", _TOO_DEEP, "", retriable, by_host=True)
        return Told("Trap", end.message, end.backtrace, retriable, by_host=True)
    if held and found.rest:
        output.show(found.rest)
    return Told(found.type, found.message, found.traceback, retriable)
