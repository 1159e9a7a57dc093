"""Regions as the source writes them: marks of functions, `with` blocks, and brackets of host calls by hand."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.analysis.reading.names import Names
    from durable_codegen.analysis.reading.program import Function, Scope

__all__ = [
    "BRACKETS",
    "HOST_WORDS",
    "REGION_WORDS",
    "Region",
    "constant",
    "host_word",
    "in_order",
    "mark_calls",
    "region_of",
]

#: The words that stand around code, as decorators or blocks.
REGION_WORDS: Final = frozenset(
    {"atomic", "persist", "idempotent", "non_idempotent", "retry", "commit", "transaction", "operation"}
)

#: Functions of golem:api/host that one may call by hand, by their Python names.
HOST_WORDS: Final = frozenset(
    [
        "mark_begin_operation",
        "mark_end_operation",
        "get_oplog_persistence_level",
        "set_oplog_persistence_level",
        "get_idempotence_mode",
        "set_idempotence_mode",
        "get_retry_policy",
        "set_retry_policy",
        "oplog_commit",
        "get_oplog_index",
        "set_oplog_index",
        "generate_idempotency_key",
        "create_promise",
        "await_promise",
        "complete_promise",
        "delete_promise",
        "update_worker",
    ]
)

#: Marks on one function; more than that is a name that is assigned from itself.
_MOST_MARKS: Final = 16
#: How a region that calls of host functions open by hand is written.
_BY_HAND: Final = {
    "atomic": "mark_begin_operation()",
    "non_idempotent": "set_idempotence_mode(False)",
    "persist": "set_oplog_persistence_level(persist-nothing)",
}
#: Of these, what only opens, closes or asks.
BRACKETS: Final = frozenset(
    {
        "get_idempotence_mode",
        "get_oplog_persistence_level",
        "get_retry_policy",
        "mark_begin_operation",
        "mark_end_operation",
        "set_idempotence_mode",
        "set_oplog_persistence_level",
        "set_retry_policy",
    }
)

_OPERATIONS: Final[dict[type[ast.operator], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}


@dataclass(frozen=True)
class Region:
    """A stretch of code under a word. `arguments` are those that can be told from the source, others are None."""

    word: str
    file: str
    line: int
    end: int
    function: str
    origin: Literal["mark", "block", "by hand"]
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def given(self) -> dict[str, Any]:
        """The arguments by name."""
        return dict(self.arguments)

    @property
    def is_atomic(self) -> bool:
        return self.word == "atomic"

    @property
    def records_nothing(self) -> bool:
        """Whether it is a persist-nothing zone."""
        return self.word == "persist" and self.given.get("level") == "persist-nothing"

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def quoted(self) -> str:
        """As it stands in a sentence."""
        return f"`{self}`"

    def __str__(self) -> str:
        if self.origin == "by hand":
            return _BY_HAND[self.word]
        shown = [f"{name}={_shown(name, value)}" for name, value in self.arguments]
        if self.word == "persist" and self.given.get("level"):
            shown = [f'"{self.given["level"]}"']
        return f"{'@' if self.origin == 'mark' else 'with '}{self.word}{'(' + ', '.join(shown) + ')' if shown else ''}"


def _shown(name: str, value: object) -> str:
    if value is None:
        return "…"
    if name == "compensate":
        return str(value).rpartition(".")[2]
    return f'"{value}"' if isinstance(value, str) and name != "commit_on" else str(value)


def region_of(
    node: ast.expr, scope: Scope, names: Names, function: Function, origin: Literal["mark", "block"], end: int
) -> Region | None:
    """The region that a decorator or the context of a `with` opens; None if it is none of ours."""
    source, where = names.origin(node, scope)
    call = source if isinstance(source, ast.Call) else None
    path = names.path(call.func if call is not None else source, where)
    if path is None:
        return None
    if path.endswith("()") and path[:-2] in {f"durable_dsl.{word}" for word in REGION_WORDS}:
        # `once = retry(max_attempts=1)` and then `once()`, or another name for a region object.
        path = path[:-2]
    word = path.removeprefix("durable_dsl.")
    if not path.startswith("durable_dsl.") or word not in REGION_WORDS:
        return None
    arguments = () if call is None else tuple(_arguments(word, call, where, names))
    return Region(word, function.module.file, node.lineno, end, function.path, origin, arguments)


def _arguments(word: str, call: ast.Call, scope: Scope, names: Names) -> Iterator[tuple[str, Any]]:
    positional = {"persist": ["level"], "commit": ["replicas"], "retry": []}.get(word, [])
    pairs = [*zip(positional, call.args, strict=False), *((each.arg or "**", each.value) for each in call.keywords)]
    for name, value in pairs:
        if name == "level":
            yield name, _level(value, scope, names)
        elif name in {"min_delay", "max_delay"}:
            seconds = constant(value, scope, names)
            yield name, value.value if isinstance(value, ast.Constant) else seconds
        elif name == "compensate":
            yield name, names.path(value, scope)
        elif name == "commit_on":
            yield name, ast.unparse(value)
        else:
            yield name, constant(value, scope, names)


def _level(node: ast.expr, scope: Scope, names: Names) -> str | None:
    source, where = names.origin(node, scope)
    if isinstance(source, ast.Constant):
        return str(source.value)
    path = names.path(source, where) or ""
    return path.rpartition(".")[2].lower().replace("_", "-") if "PersistenceLevel." in path else None


def constant(node: ast.expr | None, scope: Scope, names: Names) -> Any:
    """A number of seconds, truth value or text that can be told from the source; durations as numbers of seconds."""
    if node is None or not names.is_settled(node, scope):
        return None
    source, where = names.origin(node, scope)
    if isinstance(source, ast.Constant):
        return source.value
    if isinstance(source, ast.UnaryOp) and isinstance(source.op, ast.USub):
        value = constant(source.operand, where, names)
        return -value if isinstance(value, (int, float)) else None
    if isinstance(source, ast.BinOp) and type(source.op) in _OPERATIONS:
        left, right = constant(source.left, where, names), constant(source.right, where, names)
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            try:
                return _OPERATIONS[type(source.op)](left, right)
            except ArithmeticError:
                return None
    if isinstance(source, ast.Call):
        return _timedelta(source, where, names)
    return None


def _timedelta(call: ast.Call, scope: Scope, names: Names) -> float | None:
    function = call.func
    if (
        isinstance(function, ast.Attribute)
        and function.attr == "total_seconds"
        and isinstance(function.value, ast.Call)
    ):
        return _timedelta(function.value, scope, names)
    if names.path(function, scope) != "datetime.timedelta":
        return None
    given = {each.arg: constant(each.value, scope, names) for each in call.keywords if each.arg}
    given |= zip(("days", "seconds"), (constant(each, scope, names) for each in call.args), strict=False)
    if not all(isinstance(value, (int, float)) for value in given.values()):
        return None
    return timedelta(**given).total_seconds()


def host_word(path: str | None) -> str | None:
    """The function of golem:api/host that a path means, under whatever name its bindings were imported."""
    if path is None or path.startswith("durable_dsl."):
        return None
    module, _, name = path.rpartition(".")
    return name if name in HOST_WORDS and module else None


def mark_calls(node: ast.expr, scope: Scope, names: Names, function: Function) -> tuple[list[Region], ast.expr | None]:
    """The regions of `atomic(retry(max_attempts=3)(place))`, outermost first, and the function inside."""
    regions: list[Region] = []
    source, where = names.origin(node, scope)
    while isinstance(source, ast.Call) and len(source.args) == 1 and not source.keywords:
        region = region_of(source.func, where, names, function, "mark", source.end_lineno or source.lineno)
        if region is None:
            break
        regions.append(region)
        inner, there = names.origin(source.args[0], where)
        if inner is source or (isinstance(inner, ast.Call) and len(regions) > _MOST_MARKS):
            return regions, source.args[0]  # `place = atomic(place)`: what it was before
        source, where = inner, there
    return regions, source if regions else None


def in_order(regions: tuple[Region, ...]) -> str:
    """The words from the outermost in: `retry > atomic`."""
    return " > ".join(region.word for region in regions)
