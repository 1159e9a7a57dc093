"""Does a `with` block contain a `yield`? Answered from the bytecode, at the moment the block is entered.

A region must not be suspended in the middle: whoever resumes the generator, or drops it, would decide when, and
whether, the region ends. The build finds this in the source; this finds it in code that the build never saw.

A `with` block's body is every instruction whose exception handler chain leads to the block's own handler, the one
that starts with WITH_EXCEPT_START (CPython's exception table, Objects/exception_handling_notes.txt).
"""

from __future__ import annotations

import opcode
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

#: Code flags of generators and asynchronous generators.
GENERATOR_FLAGS: Final = 0x20 | 0x200
_ASYNC_GENERATOR: Final = 0x200

_YIELD: Final = opcode.opmap["YIELD_VALUE"]
_WITH_HANDLER: Final = (opcode.opmap["PUSH_EXC_INFO"], opcode.opmap["WITH_EXCEPT_START"])
# What an asynchronous generator's own `yield` does first; a YIELD_VALUE without it belongs to an `await`.
_WRAP_311: Final = opcode.opmap.get("ASYNC_GEN_WRAP")
_INTRINSIC: Final = opcode.opmap.get("CALL_INTRINSIC_1")
_WRAP_INTRINSIC: Final = 4

_Entry = tuple[int, int, int]
_known: dict[tuple[CodeType, int], bool] = {}


def yields_inside(frame: FrameType) -> bool:
    """Whether the `with` block that `frame`, a generator's, is just entering contains a `yield`."""
    key = (frame.f_code, frame.f_lasti)
    if key not in _known:
        _known[key] = _analyse(frame.f_code, frame.f_lasti // 2)
    return _known[key]


def _analyse(code: CodeType, entering: int) -> bool:
    operations, arguments = code.co_code[0::2], code.co_code[1::2]
    entries = list(_exception_table(code.co_exceptiontable))
    blocks = [e for e in entries if e[0] > entering and tuple(operations[e[2] : e[2] + 2]) == _WITH_HANDLER]
    if not blocks:
        return False
    handler = min(blocks)[2]
    yields = (at for at, operation in enumerate(operations) if operation == _YIELD)
    if code.co_flags & _ASYNC_GENERATOR:
        yields = (at for at in yields if _wraps(operations[at - 1], arguments[at - 1]))
    return any(_leads_to(handler, at, entries) for at in yields)


def _wraps(operation: int, argument: int) -> bool:
    return operation == _WRAP_311 or (operation == _INTRINSIC and argument == _WRAP_INTRINSIC)


def _leads_to(handler: int, at: int, entries: list[_Entry]) -> bool:
    """Whether an exception at instruction `at` comes to `handler`, directly or from handler to handler."""
    seen: set[int] = set()
    while at not in seen:
        seen.add(at)
        # The table is sorted and its entries do not overlap, so the first that covers is the innermost.
        target = next((target for start, end, target in entries if start <= at < end), None)
        if target is None:
            return False
        if target == handler:
            return True
        at = target
    return False


def _exception_table(table: bytes) -> Iterator[_Entry]:
    """Entries as (start, end, handler) in instructions: four big-endian numbers each, six bits a byte."""
    numbers: list[int] = []
    value = 0
    for byte in table:
        value = (value << 6) | (byte & 0x3F)
        if not byte & 0x40:
            numbers.append(value)
            value = 0
    for start, length, target, _depth in zip(*[iter(numbers)] * 4, strict=True):
        yield start, start + length, target
