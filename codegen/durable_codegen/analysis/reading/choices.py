"""All that an expression may stand for, where the source gives several: branches, and what a literal table holds.

`names.py` makes one path of an expression; for a call of `HANDLERS[kind]`, of `step.run` in a loop over a list, or of a
name that each branch of an `if` binds, there are as many as the table or the branches have. Tables are literals, under
a name of a module, a function or an object.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.analysis.reading.names import Names
    from durable_codegen.analysis.reading.program import Scope

__all__ = ["choices"]

#: Expressions that are looked at for one; what has more is data rather than a table of functions.
_MOST: Final = 200
#: What gives the same elements in another container.
_COPIES: Final = frozenset(
    {
        "builtins.dict",
        "builtins.frozenset",
        "builtins.iter",
        "builtins.list",
        "builtins.reversed",
        "builtins.set",
        "builtins.sorted",
        "builtins.tuple",
        "collections.OrderedDict",
        "collections.deque",
        "types.MappingProxyType",
    }
)
_PICKS: Final = frozenset({"get", "pop", "popleft", "setdefault"})


def choices(node: ast.expr, scope: Scope, names: Names) -> list[str]:
    """The paths that an expression may stand for, in the order of the source, each once."""
    return list(dict.fromkeys(filter(None, _Choices(names).of(node, scope))))


class _Choices:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._left = _MOST
        # A name may be assigned from itself, as in `step = step.next`.
        self._open: set[tuple[str, str]] = set()

    def of(self, node: ast.expr, scope: Scope) -> Iterator[str | None]:
        self._left -= 1
        if self._left < 0:
            return
        if isinstance(node, ast.Name):
            yield from self._name(node, scope)
        elif isinstance(node, ast.IfExp):
            yield from self.of(node.body, scope)
            yield from self.of(node.orelse, scope)
        elif isinstance(node, ast.BoolOp):
            for each in node.values:
                yield from self.of(each, scope)
        elif isinstance(node, (ast.NamedExpr, ast.Await, ast.Starred)):
            yield from self.of(node.value, scope)
        elif isinstance(node, ast.Attribute):
            for base in self.of(node.value, scope):
                yield None if base is None else self._names.attribute(base, node.attr)
        else:
            picked = list(self._picked(node, scope))
            yield from picked or [self._names.path(node, scope)]

    def _name(self, node: ast.Name, scope: Scope) -> Iterator[str | None]:
        found = self._names.bounds(node.id, scope)
        bounds, home = found if found is not None else ([], scope)
        key = (home.path, node.id)
        if not bounds or key in self._open or (len(bounds) == 1 and bounds[0].kind in {"path", "type", "opaque"}):
            yield self._names.path(node, scope)
            return
        self._open.add(key)
        loops = [each for each in bounds if each.lines is not None and each.lines[0] <= node.lineno <= each.lines[1]]
        for bound in loops[-1:] or bounds:
            if bound.kind == "value" and bound.node is not None:
                yield from self.of(bound.node, home)
            elif bound.kind == "element" and bound.node is not None:
                yield from self._elements(bound.node, home, part=bound.part)
            else:
                yield self._names.bound(bound, home)
        self._open.discard(key)

    def _picked(self, node: ast.expr, scope: Scope) -> Iterator[str | None]:
        """What `TABLE[key]` or `TABLE.get(key, default)` gives."""
        if isinstance(node, ast.Subscript):
            key = _literal(node.slice)
            yield from self._elements(node.value, scope, key=key)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PICKS:
            key = _literal(node.args[0]) if node.args else None
            yield from self._elements(node.func.value, scope, key=key)
            for default in node.args[1:2]:
                yield from self.of(default, scope)

    def _elements(
        self, table: ast.expr, scope: Scope, *, key: object = None, part: int | None = None
    ) -> Iterator[str | None]:
        """What a literal table holds; only that under `key` if it is known, `part` of each if they are tuples."""
        self._left -= 1
        source, where = self._names.origin(table, scope)
        if self._left < 0:
            return
        if isinstance(source, ast.BinOp) and isinstance(source.op, (ast.Add, ast.BitOr)):
            for each in (source.left, source.right):
                yield from self._elements(each, where, key=key, part=part)
        elif isinstance(source, ast.Call):
            yield from self._made(source, where, key=key, part=part)
        elif isinstance(source, ast.Dict):
            yield from self._values(source, where, key=key, part=part)
        elif isinstance(source, (ast.List, ast.Tuple, ast.Set)):
            values = source.elts
            if isinstance(key, int) and -len(values) <= key < len(values):
                values = [values[key]]
            for value in values:
                if isinstance(value, ast.Starred):
                    yield from self._elements(value.value, where, part=part)
                else:
                    yield from self._part(value, where, part)

    def _values(self, table: ast.Dict, scope: Scope, *, key: object, part: int | None) -> Iterator[str | None]:
        pairs = list(zip(table.keys, table.values, strict=True))
        under = [pair for pair in pairs if isinstance(pair[0], ast.Constant) and pair[0].value == key]
        for each, value in under[-1:] if key is not None and under else pairs:
            if each is None:
                yield from self._elements(value, scope, key=key, part=part)
            else:
                yield from self._part(value, scope, part)

    def _part(self, value: ast.expr, scope: Scope, part: int | None) -> Iterator[str | None]:
        if part is None:
            yield from self.of(value, scope)
            return
        source, where = self._names.origin(value, scope)
        if isinstance(source, (ast.Tuple, ast.List)) and part < len(source.elts):
            yield from self.of(source.elts[part], where)

    def _made(self, call: ast.Call, scope: Scope, *, key: object, part: int | None) -> Iterator[str | None]:
        """`TABLE.values()`, `TABLE.items()`, `dict(a=f)`, `list(STEPS)`, `enumerate(STEPS)`, `zip(NAMES, STEPS)`."""
        function = call.func
        method = function.attr if isinstance(function, ast.Attribute) else ""
        if isinstance(function, ast.Attribute) and method in {"values", "copy"}:
            yield from self._elements(function.value, scope, key=key, part=part)
        elif isinstance(function, ast.Attribute) and method == "items":
            if part == 1:
                yield from self._elements(function.value, scope)
        elif (path := self._names.path(function, scope)) in _COPIES and call.args:
            yield from self._elements(call.args[0], scope, key=key, part=part)
        elif path == "builtins.dict":
            for each in call.keywords:
                if each.arg is not None and key in {None, each.arg}:
                    yield from self._part(each.value, scope, part)
        elif path == "builtins.enumerate" and call.args and part == 1:
            yield from self._elements(call.args[0], scope)
        elif path == "builtins.zip" and part is not None and part < len(call.args):
            yield from self._elements(call.args[part], scope)


def _literal(node: ast.expr) -> object:
    """A key that stands there as such; None for a variable, whatever it is bound to."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        return -value if isinstance(value, int) else None
    return node.value if isinstance(node, ast.Constant) else None
