"""Generated code in the formatter's own layout: what is too long for a line is broken as ruff breaks it.

Tests run ruff over everything that is generated; nothing is reformatted at build time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_codegen.source.literals import in_comment

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BODY", "WIDTH", "call_lines", "comment", "indented"]

#: ruff's default line length.
WIDTH = 88
#: Where the statements of a method's `try` stand.
BODY = 12


def call_lines(before: str, arguments: Sequence[str], at: int, after: str = "") -> list[str]:
    """`before(arguments)after`, to stand `at` columns in: on one line, on three, or with an argument a line."""
    line = f"{before}({', '.join(arguments)}){after}"
    if at + len(line) <= WIDTH or not arguments:
        return [line]
    inside = f"    {', '.join(arguments)}"
    if at + len(inside) <= WIDTH:
        return [f"{before}(", inside, f"){after}"]
    return [f"{before}(", *(f"    {argument}," for argument in arguments), f"){after}"]


def comment(line: str, text: str, at: int) -> list[str]:
    """`line`, to stand `at` columns in, with a comment at its end, or above it where there is no room."""
    text = in_comment(text)
    whole = f"{line}  # {text}"
    if at + len(whole) <= WIDTH:
        return [whole]
    room = WIDTH - at - 2
    shown = text if len(text) <= room else f"{text[: room - 1]}…"
    return [f"# {shown}", line]


def indented(lines: Sequence[str], by: int) -> list[str]:
    """The lines further in; empty ones stay empty."""
    return [f"{' ' * by}{line}" if line else "" for line in lines]
