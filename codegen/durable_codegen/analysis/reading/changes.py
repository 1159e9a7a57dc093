"""Which state that outlives a call a function changes: variables of modules, and attributes of objects it is given."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.reading.program import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.analysis.reading.program import Function, Scope
    from durable_codegen.analysis.reading.reach import Analysis

__all__ = ["Change", "changes_of", "changes_reached"]

#: Methods of Python's containers that change them.
MUTATORS: Final = frozenset(
    [
        "append",
        "appendleft",
        "extend",
        "extendleft",
        "insert",
        "remove",
        "pop",
        "popleft",
        "popitem",
        "clear",
        "update",
        "setdefault",
        "add",
        "discard",
        "sort",
        "reverse",
        "rotate",
        "subtract",
        "difference_update",
        "intersection_update",
        "symmetric_difference_update",
    ]
)

#: State: the module or class that it belongs to, its name; and the line of the change.
Change = tuple[str, str, int]


def changes_of(function: Function, analysis: Analysis) -> Iterator[Change]:
    """The changes in the function's own statements."""
    node = function.node
    if isinstance(node, (ast.Module, ast.ClassDef)):
        return
    for statement in statements(node.body):
        for target, is_whole in _targets(statement):
            yield from _change(target, function.scope, function, analysis, statement.lineno, is_whole=is_whole)
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.expr):
                for call in ast.walk(child):
                    if (
                        isinstance(call, ast.Call)
                        and isinstance(call.func, ast.Attribute)
                        and call.func.attr in MUTATORS
                    ):
                        yield from _change(call.func.value, function.scope, function, analysis, call.lineno)


def changes_reached(function: Function, analysis: Analysis) -> dict[tuple[str, str], int]:
    """The state that calling the function may change, by owner and name, with the line of a change."""
    functions = [function, *(case.event.callee for case in analysis.reached(function) if case.event.callee is not None)]
    found: dict[tuple[str, str], int] = {}
    for each in dict.fromkeys(functions):
        for owner, name, line in changes_of(each, analysis):
            found.setdefault((owner, name), line)
    return found


def _targets(statement: ast.stmt) -> Iterator[tuple[ast.expr, bool]]:
    """What a statement assigns to; whether that is a name as a whole."""
    targets: list[ast.expr] = []
    if isinstance(statement, (ast.Assign, ast.Delete)):
        targets = statement.targets
    elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
        targets = [statement.target]
    for target in targets:
        for each in ast.walk(target):
            if isinstance(each, (ast.Subscript, ast.Attribute)) and not isinstance(each.ctx, ast.Load):
                yield each, False
            elif isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
                yield each, True


def _change(
    node: ast.expr, scope: Scope, function: Function, analysis: Analysis, line: int, *, is_whole: bool = False
) -> Iterator[Change]:
    below: str | None = None
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        below = node.attr if isinstance(node, ast.Attribute) else below
        node = node.value
    if not isinstance(node, ast.Name):
        return
    receiver = function.parameters[0].arg if function.owner is not None and function.parameters else None
    if node.id == receiver:
        if below is not None and not is_whole and function.owner is not None and function.name[-8:] != "__init__":
            yield function.owner.path, below, line
        return
    if is_whole and node.id not in scope.outside:
        return  # a local variable
    home = _home(node.id, scope)
    if home is None or home.kind != "module":
        return
    bound = home.names[node.id][0]
    if bound.kind == "path":
        module, _, name = bound.path.rpartition(".")
        if module in analysis.program.modules and bound.path not in analysis.program.functions:
            yield module, name, line
        elif bound.path in analysis.program.modules and below is not None:
            yield bound.path, below, line
        return
    yield home.path, node.id, line


def _home(name: str, scope: Scope | None) -> Scope | None:
    while scope is not None:
        if name in scope.names and scope.kind != "class":
            return scope
        scope = scope.parent
    return None
