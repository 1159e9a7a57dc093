"""Which branch of an `if` the guest takes, as far as it can be told from the source.

The guest is CPython 3.14 on WASI: `sys.platform` is "wasi", `os.name` is "posix", and `TYPE_CHECKING` is false.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["taken"]

_FACTS: Final[dict[str, Any]] = {
    "sys.platform": "wasi",
    "platform": "wasi",
    "os.name": "posix",
    "sys.version_info": (3, 14, 0, "final", 0),
    "version_info": (3, 14, 0, "final", 0),
    "sys.implementation.name": "cpython",
    "TYPE_CHECKING": False,
    "typing.TYPE_CHECKING": False,
    "t.TYPE_CHECKING": False,
    "__name__": "imported",
}

_OPERATIONS: Final[dict[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}


class _UnknownError(Exception):
    pass


def taken(test: ast.expr) -> bool | None:
    """Whether the guest takes the branch under `test`; None if that is only known when it runs."""
    try:
        return bool(_value(test))
    except (_UnknownError, TypeError):
        return None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return tuple(_value(item) for item in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _value(node.operand)
    if isinstance(node, ast.BoolOp):
        return _combined(node)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        compare = _OPERATIONS.get(type(node.ops[0]))
        if compare is not None:
            return compare(_value(node.left), _value(node.comparators[0]))
    if isinstance(node, ast.Subscript):
        return _subscript(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
        text = _value(node.func.value)
        if isinstance(text, str) and len(node.args) == 1:
            return text.startswith(_value(node.args[0]))
    name = ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""
    if name in _FACTS:
        return _FACTS[name]
    raise _UnknownError


def _combined(node: ast.BoolOp) -> bool:
    """`and` and `or`, where one known operand can be enough."""
    deciding = isinstance(node.op, ast.Or)
    unknown = False
    for operand in node.values:
        value = taken(operand)
        if value is deciding:
            return deciding
        unknown = unknown or value is None
    if unknown:
        raise _UnknownError
    return not deciding


def _subscript(node: ast.Subscript) -> Any:
    value = _value(node.value)
    if isinstance(node.slice, ast.Slice):
        bounds = [None if part is None else _value(part) for part in (node.slice.lower, node.slice.upper)]
        return value[slice(*bounds)]
    return value[_value(node.slice)]
