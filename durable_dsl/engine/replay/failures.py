"""How the end of a guest call is told: type, message and traceback of what failed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from durable_dsl.engine.failures.foreign_errors import extract_foreign, last_line
from durable_dsl.engine.failures.guest_errors import Roots, extract
from durable_dsl.engine.signals import Failure

if TYPE_CHECKING:
    from durable_dsl.engine.replay.output import GuestOutput
    from durable_dsl.engine.traps import GuestTrap

_OVERFLOW = "call stack exhausted"
_NAMELESS = re.compile(r"^( *\d+: .*!<wasm function \d+>|note: using the `WASMTIME_.*)\n?", re.MULTILINE)
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
    if found is None and (found := extract_foreign(whole)) is not None:
        shown = len(whole) - len(held)
        found = replace(found, rest=found.rest[shown:] if shown >= 0 else "")
    if found is None:
        if held:
            output.show(held)
        if not retriable:  # the frames are some of the interpreter's, and say nothing of the program's
            return Told("RecursionError", _TOO_DEEP, "", retriable, by_host=True)
        said = last_line(whole)
        message = f"{end.message}; the last line of its stderr was: {said}" if said else end.message
        return Told("Trap", message, _named(end.backtrace), retriable, by_host=True)
    if held and found.rest:
        output.show(found.rest)
    return Told(found.type, found.message, found.traceback, retriable)


def _named(backtrace: str) -> str:
    """The frames whose functions have names; the numbers of the others say nothing to anybody."""
    return _NAMELESS.sub("", backtrace).rstrip("\n")
