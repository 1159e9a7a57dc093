"""Methods of the app's classes that syntax runs: properties, iteration, indexing, operators, and builtins like `len`.

Only where the class of the object is known, and has or inherits such a method.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.reading.names import is_property

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.analysis.reading.names import Names
    from durable_codegen.analysis.reading.program import Class, Function, Scope

__all__ = ["iterated", "methods_of", "run_by"]

_OPERATORS: Final[dict[type[ast.AST], str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.BitOr: "or",
    ast.BitAnd: "and",
    ast.BitXor: "xor",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Not: "bool",
    ast.USub: "neg",
    ast.UAdd: "pos",
    ast.Invert: "invert",
}
_BUILTINS: Final = {
    f"builtins.{name}": f"__{name}__" for name in ("abs", "bool", "bytes", "float", "int", "len", "next", "repr", "str")
}
_ITERATING: Final = frozenset(
    f"builtins.{name}"
    for name in ("all", "any", "enumerate", "iter", "list", "max", "min", "set", "sorted", "sum", "tuple")
)


def run_by(node: ast.expr, scope: Scope, names: Names) -> Iterator[Function]:
    """The methods that evaluating, or assigning to, an expression runs; not those of its parts."""
    program = names.program
    if isinstance(node, ast.Attribute):
        if node.attr in program.property_names:
            yield from _property(node, scope, names)
        return
    for method, receiver in _asked(node, scope, names):
        if method in program.method_names:
            yield from methods_of(receiver, (method,), scope, names)
    if isinstance(node, ast.Call) and node.args and names.path(node.func, scope) in _ITERATING:
        yield from iterated(node.args[0], scope, names)
    elif isinstance(node, (ast.Starred, ast.YieldFrom)):
        yield from iterated(node.value, scope, names)


def iterated(node: ast.expr, scope: Scope, names: Names, *, is_async: bool = False) -> Iterator[Function]:
    """The methods that a loop over a value runs."""
    first, then = ("__aiter__", "__anext__") if is_async else ("__iter__", "__next__")
    if first not in names.program.method_names:
        return
    for method in methods_of(node, (first,), scope, names):
        yield method
        owner = _class_of(names.result(method), names)
        following = names.method(owner, then) if owner is not None else None
        if following is not None:
            yield following


def methods_of(node: ast.expr, wanted: tuple[str, ...], scope: Scope, names: Names) -> Iterator[Function]:
    """The methods of these names that the class of a value has, if it is one of the app's."""
    owner = _class_of(names.path(node, scope), names)
    for each in wanted if owner is not None else ():
        assert owner is not None
        found = names.method(owner, each)
        if found is not None:
            yield found


def _class_of(path: str | None, names: Names) -> Class | None:
    return names.program.classes.get(path[:-2]) if path is not None and path.endswith("()") else None


def _property(node: ast.Attribute, scope: Scope, names: Names) -> Iterator[Function]:
    owner = _class_of(names.path(node.value, scope), names)
    if owner is None:
        return
    if isinstance(node.ctx, ast.Store):
        setter = owner.setters.get(node.attr)
        if setter is not None:
            yield setter
        return
    found = names.method(owner, node.attr)
    if found is not None and is_property(found):
        yield found


def _asked(node: ast.expr, scope: Scope, names: Names) -> Iterator[tuple[str, ast.expr]]:
    """The methods that syntax asks for, with the operand that is asked."""
    if isinstance(node, ast.Subscript):
        kind = {ast.Store: "set", ast.Del: "del"}.get(type(node.ctx), "get")
        yield f"__{kind}item__", node.value
    elif isinstance(node, ast.BinOp):
        name = _OPERATORS[type(node.op)]
        yield f"__{name}__", node.left
        yield f"__r{name}__", node.right
    elif isinstance(node, ast.UnaryOp):
        yield f"__{_OPERATORS[type(node.op)]}__", node.operand
    elif isinstance(node, ast.Compare):
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.In, ast.NotIn)):
                yield "__contains__", right
            elif type(operator) in _OPERATORS:
                yield f"__{_OPERATORS[type(operator)]}__", left
            left = right
    elif isinstance(node, ast.Await):
        yield "__await__", node.value
    elif isinstance(node, ast.FormattedValue):
        yield "__str__", node.value
        yield "__format__", node.value
    elif isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.func, ast.Name):
        name = f"__{node.func.id}__"
        if name in names.program.method_names and _BUILTINS.get(names.path(node.func, scope) or "") == name:
            yield name, node.args[0]
