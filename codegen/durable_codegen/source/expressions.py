"""Expressions of generated code, kept in parts until it is known where they stand: then laid out as ruff would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from durable_codegen.source.layout import WIDTH, indented

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Expression", "Group", "Unless", "call", "comprehension", "flat", "laid_out", "literal", "replaced"]


@dataclass(frozen=True, slots=True)
class Group:
    """What stands in brackets. `whole`: once broken, each part has a line of its own."""

    before: str
    parts: tuple[Expression, ...]
    after: str
    separator: str = ","
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Unless:
    """`None if … is None else …`."""

    name: str
    inside: Expression


Expression: TypeAlias = str | Group | Unless


def call(function: str, arguments: Sequence[Expression]) -> Group:
    return Group(f"{function}(", tuple(arguments), ")")


def literal(before: str, parts: Sequence[Expression], after: str) -> Group:
    """A tuple or a dict."""
    return Group(before, tuple(parts), after, whole=True)


def comprehension(before: str, item: Expression, clause: Expression, after: str) -> Group:
    return Group(before, (item, clause), after, separator="")


def flat(expression: Expression) -> str:
    """All on one line."""
    if isinstance(expression, str):
        return expression
    if isinstance(expression, Unless):
        return f"None if {expression.name} is None else {flat(expression.inside)}"
    return f"{expression.before}{_joined(expression)}{expression.after}"


def replaced(expression: Expression, old: str, new: str) -> Expression:
    """The same with other text in it."""
    if isinstance(expression, str):
        return expression.replace(old, new)
    if isinstance(expression, Unless):
        return Unless(expression.name, replaced(expression.inside, old, new))
    parts = tuple(replaced(part, old, new) for part in expression.parts)
    before = expression.before.replace(old, new)
    return Group(before, parts, expression.after, expression.separator, expression.whole)


def laid_out(expression: Expression, at: int, before: str = "", after: str = "") -> list[str]:
    """`before`, the expression and `after`, to stand `at` columns in."""
    line = f"{before}{flat(expression)}{after}"
    if isinstance(expression, Unless) and at + len(line) > WIDTH:
        return _conditional(expression, at, before, after)
    if isinstance(expression, (str, Unless)) or at + len(line) <= WIDTH or not expression.parts:
        return [line]
    inside = _joined(expression)
    if not expression.whole and at + 4 + len(inside) <= WIDTH:
        body = [inside]
    else:
        ends = [expression.separator] * len(expression.parts)
        body = [
            each for part, end in zip(expression.parts, ends, strict=True) for each in laid_out(part, at + 4, "", end)
        ]
    return [f"{before}{expression.before}", *indented(body, 4), f"{expression.after}{after}"]


def _conditional(expression: Unless, at: int, before: str, after: str) -> list[str]:
    """In a statement it gets brackets, as an argument it has those of the call."""
    is_statement = before.endswith(" ")
    inner = at + 4 if is_statement else at
    lines = ["None", f"if {expression.name} is None", *laid_out(expression.inside, inner, "else ")]
    if is_statement:
        if inner + len(flat(expression)) <= WIDTH:
            lines = [flat(expression)]
        return [f"{before}(", *indented(lines, 4), f"){after}"]
    return [f"{before}{lines[0]}", *lines[1:-1], f"{lines[-1]}{after}"]


def _joined(group: Group) -> str:
    joined = f"{group.separator} ".join(map(flat, group.parts))
    return f"{joined}," if group.whole and group.before.endswith("(") and len(group.parts) == 1 else joined
